"""One's own groups in the page: first in overview, filters and dashboards; many columns are still a page."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.groups import summarize_rates
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.page import write_page

pytestmark = pytest.mark.browser


def write(folder, results):
    analysis = {"rates": summarize_rates(Record(results), {})}
    return write_page(folder / "index.html", results, analysis=analysis)


def test_own_groups_come_first(opened, run):
    rates = run.analysis.rates
    titles = opened.texts("#panel .lanes:first-of-type .card h2, #panel .card h3")
    named = [title for title in titles if "Word error rate by" in title]
    assert {"gender", "accent", "room", "snr (dB)"} < {name.rpartition(" by ")[2] for name in named}
    assert titles[:2] == named[:2]  # the others are in further lanes
    assert opened.texts("#filters legend")[:4] == ["gender", "accent", "snr (dB)", "room"]
    for grouping in rates["groups"]:
        name = {"snr": "snr (dB)"}.get(grouping["name"], grouping["name"])
        for label in rates["word"]["groups"][grouping["name"]]:
            assert opened.count(f"#panel [aria-label='{name}: {label}']") == 1
    opened.show("dashboards")
    assert "against accent" in opened.texts("#panel .lanes .card h2")[0]


def test_group_is_a_filter_with_the_bounds_and_the_figure_of_findings_json(opened, run):
    opened.click('[aria-label="snr (dB): 10 to 20"]')
    rate = run.analysis.rates["word"]["groups"]["snr"]["10 to 20"]
    opened.wait_for_count(rate["utterances"])
    value = opened.run("return document.querySelector('[data-figure=word_error_rate]').dataset.value")
    assert float(value) == pytest.approx(rate["rate"], rel=1e-12)


def test_200_columns_and_300_speakers_are_still_a_page(browser, make_results, tmp_path):
    results = make_results(600, speakers=300)
    generator = np.random.default_rng(0)
    own = {f"corpus_category_{number}": generator.choice(["a", "b", "c"], 600) for number in range(100)}
    own |= {f"corpus_number_{number}": generator.normal(size=600) for number in range(100)}
    browser.open(write(tmp_path, results.assign(**own)))
    for section in ("overview", "utterances", "dashboards"):
        browser.show(section)
        assert len(browser.text("#panel")) > 60
    assert browser.problems() == []


def test_failures_of_one_reason_are_one_line(browser, make_results, tmp_path):
    results = make_results(60)
    names = results["utterance_id"]
    reasons = [
        f"{name}: letters are needed; received {list(str(row))}." for row, name in enumerate(names[:50])
    ]
    results["error"] = [*reasons, f"{names[50]}: /data/x.wav does not exist.", *[None] * 9]
    browser.open(write(tmp_path, results))
    lines = browser.texts(".panel.wide table tbody tr, .card table tbody tr")
    (alike,) = [line for line in lines if "letters are needed" in line]
    assert "50" in alike
    browser.click_text("td button", "50")
    browser.wait_for_count(50)
    browser.show("dashboards")
    assert browser.text("#against").startswith("Dale-Chall score")  # where there are no groups of one's own
    assert browser.problems() == []
