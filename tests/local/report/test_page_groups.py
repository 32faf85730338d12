"""One's own groups in the page: first in overview, filters and dashboards; many columns are still a page."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.groups import summarize_rates
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.page import write_page

pytestmark = pytest.mark.browser

BOUNDS = {"corpus_snr_db": (10.0, 20.0)}


def write(folder, results):
    analysis = {"rates": summarize_rates(Record(results), BOUNDS)}
    path = write_page(folder / "index.html", results, analysis=analysis, audio=lambda _: None, title="groups")
    return path, analysis["rates"]


@pytest.fixture(scope="module")
def grouped(make_results, tmp_path_factory):
    """Results of 120 utterances with accent, noise ratio and a column without any words in one group."""
    results = make_results(120, speakers=30)
    results["corpus_accent"] = np.array(["irish", "scottish", "welsh"])[np.arange(120) % 3]
    results["corpus_snr_db"] = np.linspace(0, 29.9, 120)
    results["corpus_room"] = ["silent", *["lab"] * 60, *["car"] * 59]
    results.loc[0, ["word_hits", "word_substitutions", "word_deletions"]] = 0
    results.loc[0, "reference"] = ""
    return write(tmp_path_factory.mktemp("page"), results)


def test_own_groups_come_first(browser, grouped):
    path, rates = grouped
    browser.follow(path, "")
    titles = browser.texts("#panel .card h2, #panel .card h3")
    named = [title for title in titles if "Word error rate by" in title]
    assert {"gender", "accent", "room", "snr (dB)"} < {name.rpartition(" by ")[2] for name in named}
    assert titles[:2] == named[:2]  # the others are in further lanes
    assert browser.texts("#filters legend")[:4] == ["gender", "accent", "snr (dB)", "room"]
    for grouping in rates["groups"]:
        name = {"snr": "snr (dB)"}.get(grouping["name"], grouping["name"])
        for label in rates["word"]["groups"][grouping["name"]]:
            assert browser.count(f"#panel [aria-label='{name}: {label}']") == 1
    browser.show("dashboards")
    assert "against accent" in browser.texts("#panel .card h2, #panel .card h3")[0]
    assert browser.problems() == []


def test_group_is_a_filter_with_the_bounds_and_the_figure_of_findings_json(browser, grouped):
    path, rates = grouped
    browser.follow(path, "")
    browser.run(
        "document.querySelector('[aria-label=\"snr (dB): 10 to 20\"]')"
        ".dispatchEvent(new Event('click', {bubbles: true}))"
    )
    rate = rates["word"]["groups"]["snr"]["10 to 20"]
    browser.wait_for_count(rate["utterances"])
    value = float(browser.run("return document.querySelector('[data-figure=word_error_rate]').dataset.value"))
    assert value == pytest.approx(rate["rate"], rel=1e-12)
    assert browser.problems() == []


def test_200_columns_and_300_speakers_are_still_a_page(browser, make_results, tmp_path):
    results = make_results(600, speakers=300)
    generator = np.random.default_rng(0)
    own = {f"corpus_category_{number}": generator.choice(["a", "b", "c"], 600) for number in range(100)}
    own |= {f"corpus_number_{number}": generator.normal(size=600) for number in range(100)}
    path, _ = write(tmp_path, results.assign(**own))
    browser.follow(path, "")
    for section in ("overview", "utterances", "dashboards"):
        browser.show(section)
        assert len(browser.text("#panel")) > 60
    assert browser.problems() == []


def test_failures_of_one_reason_are_one_line(browser, make_results, tmp_path):
    results = make_results(60)
    names = results["utterance_id"][:50]
    reasons = [f"{name}: letters are needed; received {list(str(row))}." for row, name in enumerate(names)]
    results["error"] = [*reasons, f"{results['utterance_id'][50]}: /data/x.wav does not exist.", *[None] * 9]
    path, _ = write(tmp_path, results)
    browser.follow(path, "")
    lines = browser.texts(".panel.wide table tbody tr, .card table tbody tr")
    alike = [line for line in lines if "letters are needed" in line]
    assert len(alike) == 1 and "50" in alike[0]
    browser.run("[...document.querySelectorAll('td button')].find((b) => b.textContent === '50').click()")
    browser.wait_for_count(50)
    assert browser.problems() == []
