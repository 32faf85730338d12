"""The page's boxes at the widths of a phone, a tablet and a desktop: nothing overlaps, is cut or lies outside."""

from pathlib import Path

import pandas as pd
import pytest

from librispeech_clf.local.analysis.associations import make_dashboards
from librispeech_clf.local.report.page import write_page

pytestmark = pytest.mark.browser

WIDTHS = {390: 844, 1024: 768, 1400: 900}
SECTIONS = (
    "overview", "map", "utterances", "clusters", "dashboards", "confusions", "robustness", "comparison",
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


def simulate(results: pd.DataFrame, severity: float) -> pd.DataFrame:
    ids = [f"{name}+additive_noise-{severity}" for name in results["utterance_id"]]
    return results.assign(utterance_id=ids, simulation="additive_noise", severity=severity)


@pytest.fixture(scope="module")
def report(make_results, make_analysis, make_audio, tmp_path_factory):
    """Write a page with every section, of 30 speakers."""
    results = make_results(240, speakers=30)
    results["signal_loudness_of_the_second_microphone_in_the_far_corner_db"] = results["confidence"]
    analysis = make_analysis(results)
    analysis["other_latent_maps"] = analysis["latent_maps"]
    analysis["dashboards"] = make_dashboards(results, with_bars=False)
    other = results.assign(word_insertions=results["word_insertions"] + 1)
    audio = make_audio(duration_s=2.0)
    described = {
        "source": "sample",
        "split": "test",
        "subsets": "test-clean, test-other",
        "model": "wav2vec.h5",
    }
    return write_page(
        tmp_path_factory.mktemp("report") / "index.html",
        pd.concat([results, simulate(results, 20.0), simulate(results, 10.0)], ignore_index=True),
        analysis=analysis, audio=lambda _: audio, other=other,
        title="wav2vec 2.0 on sample: test", description=described | {"model SHA-256": "0123456789ab"},
    )  # fmt: skip


@pytest.fixture(params=WIDTHS)
def opened(browser, report, request):
    """Open the page at a width."""
    with browser.sized(request.param, WIDTHS[request.param]):
        browser.open(report)
        yield browser


@pytest.mark.parametrize("section", SECTIONS)
def test_nothing_overlaps_or_is_cut(opened, section):
    opened.run(f"document.getElementById('tab-{section}').click()")
    opened.run("return new Promise((done) => setTimeout(done, 200))")
    assert opened.run(MEASURE) == []


def test_an_open_utterance_is_whole(opened):
    opened.run("document.getElementById('tab-utterances').click(); document.querySelector('.trow').click()")
    opened.wait("return document.querySelector('.spectrogram')?.width > 0")
    box = opened.run("return document.getElementById('utterance').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= opened.run("return innerWidth")
    assert box["top"] >= 0 and box["bottom"] == opened.run("return innerHeight")
    aside = "const panel = document.getElementById('utterance'); return panel.scrollWidth - panel.clientWidth"
    assert opened.run(aside) <= 1


@pytest.mark.parametrize("section", ["overview", "dashboards", "confusions"])
def test_lanes_have_no_holes(opened, section):
    opened.run(f"document.getElementById('tab-{section}').click()")
    found = opened.run(HOLES)
    lanes, wide = found["lanes"], found["wide"]
    assert found["bottoms"] == pytest.approx([lanes["bottom"]] * len(found["bottoms"]), abs=1)
    if wide is not None:
        found_edges = [wide["left"], wide["right"], wide["top"] - 14]
        assert found_edges == pytest.approx([lanes["left"], lanes["right"], lanes["bottom"]], abs=1)
    assert max(found["spare"]) < 60 or section == "confusions"  # a list ends with its last word


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
