"""Each section at the widths of a phone, a tablet and a desktop: boxes, contrast, texts; an open utterance."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

SECTIONS = "overview map utterances clusters dashboards confusions robustness systems".split()
MEASURE_BOXES, MEASURE_CONTRAST = (
    (Path(__file__).parent / f"measure_{name}.js").read_text() for name in ("boxes", "contrast")
)
HOLES = """
const box = (element) => element.getBoundingClientRect().toJSON();
const lanes = document.querySelector(".lanes");
const last = [...lanes.querySelectorAll(".lane")].map((lane) => lane.lastElementChild);
const spare = last.map((card) => box(card).bottom - box(card.lastElementChild).bottom);
const wide = lanes.nextElementSibling;
return { lanes: box(lanes), wide: wide && box(wide), bottoms: last.map((card) => box(card).bottom), spare };
"""
OPEN_DETAILS = "for (const details of document.querySelectorAll('details')) details.open = true"


@pytest.fixture(
    params=[(390, 844, "light"), (1024, 768, "dark"), (1400, 900, "light")], ids=lambda of: f"{of[0]}-{of[2]}"
)
def opened(browser, report, request):
    """Open the page at a width, in a theme."""
    width, height, theme = request.param
    with browser.sized(width, height):
        browser.open(report, f"#theme={theme}")
        yield browser
        assert browser.problems() == []


def test_no_section_has_holes_odd_texts_or_faint_ones_and_nothing_overlaps_or_is_cut(opened):
    problems = {}
    assert opened.list_sections() == SECTIONS
    for section in SECTIONS:
        opened.show(section)
        assert opened.read(f"#tab-{section}", "ariaSelected") == "true"
        opened.rest(200)
        problems[section] = opened.run(MEASURE_BOXES)
        if section in ("overview", "dashboards", "confusions"):
            assert_no_holes(opened.run(HOLES), section)
        assert len(opened.text("#panel")) > 60
        problems[section] += [odd for odd in ("undefined", "[object", "NaN") if odd in opened.text("body")]
        opened.run(OPEN_DETAILS)
        problems[section] += opened.run(MEASURE_CONTRAST)
    assert problems == dict.fromkeys(SECTIONS, [])


def assert_no_holes(found: dict, section: str) -> None:
    lanes, wide = found["lanes"], found["wide"]
    assert found["bottoms"] == pytest.approx([lanes["bottom"]] * len(found["bottoms"]), abs=1), section
    if wide is not None:
        edges = [wide["left"], wide["right"], wide["top"] - 14]
        assert edges == pytest.approx([lanes["left"], lanes["right"], lanes["bottom"]], abs=1), section
    assert max(found["spare"]) < 60 or section == "confusions"  # a list ends with its last word


def test_an_open_utterance_is_whole_and_has_contrast(opened):
    opened.show("utterances")
    opened.click(".trow")
    opened.wait("return document.querySelector('.spectrogram')?.width > 0")
    box = opened.box("#utterance")
    assert box["left"] >= 0 and box["right"] <= opened.run("return innerWidth")
    assert box["top"] >= 0 and box["bottom"] == opened.run("return innerHeight")
    assert opened.read("#utterance", "scrollWidth") - opened.read("#utterance", "clientWidth") <= 1
    opened.run(OPEN_DETAILS)
    assert opened.run(MEASURE_CONTRAST) == []


def test_a_phone_scrolls_the_page_and_opens_the_filters(browser, report):
    with browser.sized(390, 844):
        browser.open(report)
        browser.run("window.scrollTo(0, 1000)")
        assert browser.run("return scrollY") == 1000
        assert not browser.is_visible("#filters")
        browser.click("#filters-switch")
        assert browser.box("#filters")["width"] == 300
        browser.click("#close-filters")
        assert not browser.is_visible("#filters")
