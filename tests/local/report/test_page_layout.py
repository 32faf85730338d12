"""The page's boxes at the widths of a phone, a tablet and a desktop: nothing overlaps, is cut or lies outside."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

WIDTHS = {390: 844, 1024: 768, 1400: 900}
SECTIONS = (
    "overview", "map", "utterances", "clusters", "dashboards", "confusions", "robustness", "systems",
)  # fmt: skip
MEASURE = (Path(__file__).parent / "measure_boxes.js").read_text()
HOLES = """
const box = (element) => element.getBoundingClientRect().toJSON();
const lanes = document.querySelector(".lanes");
const last = [...lanes.querySelectorAll(".lane")].map((lane) => lane.lastElementChild);
const spare = last.map((card) => box(card).bottom - box(card.lastElementChild).bottom);
const wide = lanes.nextElementSibling;
return { lanes: box(lanes), wide: wide && box(wide), bottoms: last.map((card) => box(card).bottom), spare };
"""


@pytest.fixture(params=WIDTHS)
def opened(browser, report, request):
    """Open the page at a width."""
    with browser.sized(request.param, WIDTHS[request.param]):
        browser.open(report)
        yield browser


def test_nothing_overlaps_or_is_cut_and_lanes_have_no_holes(opened):
    problems = {}
    for section in SECTIONS:
        opened.show(section)
        opened.run("return new Promise((done) => setTimeout(done, 200))")
        problems[section] = opened.run(MEASURE)
        if section in ("overview", "dashboards", "confusions"):
            assert_no_holes(opened.run(HOLES), section)
    assert problems == dict.fromkeys(SECTIONS, [])


def assert_no_holes(found: dict, section: str) -> None:
    lanes, wide = found["lanes"], found["wide"]
    assert found["bottoms"] == pytest.approx([lanes["bottom"]] * len(found["bottoms"]), abs=1), section
    if wide is not None:
        edges = [wide["left"], wide["right"], wide["top"] - 14]
        assert edges == pytest.approx([lanes["left"], lanes["right"], lanes["bottom"]], abs=1), section
    assert max(found["spare"]) < 60 or section == "confusions"  # a list ends with its last word


def test_an_open_utterance_is_whole(opened):
    opened.run("document.getElementById('tab-utterances').click(); document.querySelector('.trow').click()")
    opened.wait("return document.querySelector('.spectrogram')?.width > 0")
    box = opened.run("return document.getElementById('utterance').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= opened.run("return innerWidth")
    assert box["top"] >= 0 and box["bottom"] == opened.run("return innerHeight")
    aside = "const panel = document.getElementById('utterance'); return panel.scrollWidth - panel.clientWidth"
    assert opened.run(aside) <= 1


def test_a_phone_scrolls_the_page_and_opens_the_filters(browser, report):
    with browser.sized(390, 844):
        browser.open(report)
        browser.run("window.scrollTo(0, 1000)")
        assert browser.run("return scrollY") == 1000
        assert not browser.run("return document.getElementById('filters').checkVisibility()")
        browser.run("document.getElementById('filters-switch').click()")
        assert browser.run("return document.getElementById('filters').getBoundingClientRect().width") == 300
        browser.run("document.getElementById('close-filters').click()")
        assert not browser.run("return document.getElementById('filters').checkVisibility()")
