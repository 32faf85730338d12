"""Every bar, bin and point of a chart is a filter; columns are found by typing; one's own groups come first."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.groups import summarize_rates
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.page import write_page
from tests.local.report.conftest import COUNTS, WORDS

pytestmark = pytest.mark.browser

OPTIONS = ".picker-box:popover-open [role=option]"


def read_count(browser) -> int:
    return int(browser.text("#count").split()[0])


def choose(browser, picker: str, text: str) -> str:
    """Choose a column by typing a part of its name; return its name."""
    browser.click(picker)
    browser.press(text)
    browser.wait(f"return document.querySelectorAll('{OPTIONS}').length === 1")
    (name,) = browser.texts(OPTIONS)
    browser.press(browser.keys.ENTER)
    return name


@pytest.mark.parametrize(
    ("section", "name", "key", "choose"),
    [
        ("overview", "gender: F", "record_gender", lambda rows: rows["record_gender"] == "F"),
        ("overview", "speaker: 103", "record_speaker_id", lambda rows: rows["record_speaker_id"] == "103"),
        ("overview", "word error rate: 10 % to 15 %", "word_error_rate",
         lambda rows: rows["word_error_rate"].between(0.1, 0.15, inclusive="left")),
        ("overview", "word substitutions: 1 or more", "word_substitutions",
         lambda rows: rows["word_substitutions"] >= 1),
        ("dashboards", "speaker: 103", "record_speaker_id", lambda rows: rows["record_speaker_id"] == "103"),
    ],
)  # fmt: skip
def test_a_click_on_a_chart_filters_and_a_second_one_undoes_it(opened, results, section, name, key, choose):
    opened.show(section)
    selector = f'#panel [aria-label="{name}"]'
    opened.click(selector)
    expected = int(choose(results).sum())
    assert read_count(opened) == expected and 0 < expected < len(results)
    state = opened.hash
    assert f"filter.{key}=" in state
    assert opened.read(selector, "ariaPressed") == "true"
    opened.click(selector)
    assert read_count(opened) == len(results)
    opened.go(state)
    opened.wait_for_count(expected)
    assert opened.read(selector, "ariaPressed") == "true"


def test_a_point_of_a_curve_is_heard_and_a_bar_of_words_is_listed(opened, results):
    opened.show("robustness")
    opened.run(
        "document.querySelector('[aria-label=\"additive noise, 20\"]')"
        ".dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))"
    )
    assert "ratio in dB 20" in opened.text(".listening .row-head")
    opened.show("confusions")
    opened.click(".lanes svg g.clickable")
    assert opened.read("#tab-utterances", "ariaSelected") == "true"
    assert 0 < read_count(opened) < len(results)


def test_bars_of_a_filter_filter_two_bins_of_a_chart_add_up_and_the_keyboard_does_the_same(opened, results):
    bars = '#filters [data-key="word_error_rate"] [role="button"]'
    assert opened.look(bars, "fill") == "rgba(0, 0, 0, 0)" != opened.look(f"{bars} + rect", "fill")
    opened.click(bars)
    assert opened.read("#filters .chip").startswith("0 to under") and 0 < read_count(opened) < len(results)
    opened.click("#filters .chip")
    opened.wait_for_count(len(results))
    bins = "#panel [aria-label^='duration (s): ']"
    counts = []
    for place in (0, 1):
        opened.run("document.querySelectorAll(arguments[0])[arguments[1]].focus()", bins, place)
        opened.press(opened.keys.ENTER)
        counts.append(read_count(opened))
        assert opened.run("return document.activeElement.ariaPressed") == "true"
    assert 0 < counts[0] < counts[1] < len(results)
    assert opened.count(".chip") == 2
    opened.press(opened.keys.SPACE)
    assert read_count(opened) == counts[0]
    assert opened.run(f'return document.activeElement === document.querySelectorAll("{bins}")[1]')
    opened.click(".chip")
    assert read_count(opened) == len(results)


def test_columns_are_found_by_typing(opened):
    opened.show("utterances")
    opened.click("#sort-key")
    labels = opened.texts(OPTIONS)
    assert len(labels) == len(set(labels)) > 20
    opened.press(opened.keys.ESCAPE)
    assert choose(opened, "#sort-key", "dale") == "Dale-Chall score"
    opened.wait("return location.hash.includes('sort=')")
    assert "sort=-readability_dale_chall_score" in opened.hash
    assert opened.text("#sort-key").startswith("Dale-Chall score")
    opened.click("#table-columns")
    opened.press("word count", opened.keys.ENTER, opened.keys.ESCAPE)
    assert "word count" in opened.text("#table")
    assert opened.run("return document.activeElement.id") == "table-columns"


@pytest.mark.parametrize("width", [1100, 1400, 1920])
def test_a_link_to_an_utterance_gives_what_a_click_gives(browser, report, width):
    def measure():
        browser.rest()
        return browser.texts(".thead [data-key]", "dataset.key"), browser.box(".trow .text")["width"]

    with browser.sized(width, 900):
        browser.open(report, "#tab=utterances")
        without = measure()
        browser.click(".trow", 2)
        clicked, link = measure(), browser.hash
        assert clicked[1] > 300
        browser.run("history.back()")
        assert measure() == without
        browser.open(report, link)
        assert measure() == clicked
    with browser.sized(900, 900):
        browser.rest()
    with browser.sized(width, 900):
        assert measure() == clicked


def test_dashboards_hold_all_metrics_and_all_speakers(opened, results):
    opened.show("dashboards")
    assert choose(opened, "#against", "dale") == "Dale-Chall score"
    headings = opened.texts("#panel .lanes h2")
    for name in ("WER", "CER", "loss", "WIL", "WIP", "word deletions", "character insertions"):
        assert any(heading.startswith(f"{name} against Dale-Chall") for heading in headings), headings
    assert any(
        text.startswith("Associations") and "all utterances" in text for text in opened.texts("#panel h2")
    )
    opened.enter("#explorer select[aria-label=Metric]", "ctc_loss")
    opened.enter("#explorer select[aria-label=Bins]", "4")
    assert opened.count("#explorer svg .dot") == 4
    opened.enter("#explorer select[aria-label=Metric]", "word_error_rate")
    choose(opened, "#against", "speaker")
    opened.wait("return document.querySelector('#explorer .more')")
    opened.click("#explorer .more")
    assert opened.count("#explorer svg .dot") == results["record_speaker_id"].nunique()
    sums = results.groupby("record_speaker_id")[[*COUNTS, "word_hits"]].sum()
    worst = opened.texts("#explorer svg g.clickable > text:first-of-type")[0]
    assert worst == (sums[COUNTS].sum(axis=1) / sums[WORDS].sum(axis=1)).idxmax()


def write(folder, results):
    analysis = {"rates": summarize_rates(Record(results), {})}
    return write_page(folder / "index.html", results, analysis=analysis)


def test_own_groups_come_first_and_filter_with_the_bounds_and_the_figure_of_findings_json(opened, run):
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
    opened.click('[aria-label="snr (dB): 10 to 20"]')
    rate = rates["word"]["groups"]["snr"]["10 to 20"]
    opened.wait_for_count(rate["utterances"])
    value = opened.read("[data-figure=word_error_rate]", "dataset.value")
    assert float(value) == pytest.approx(rate["rate"], rel=1e-12)
    opened.show("dashboards")
    assert "against accent" in opened.texts("#panel .lanes .card h2")[0]


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
