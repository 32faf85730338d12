"""Reviewing a corpus in the page: notes, most alike utterances, doubles, what a selection has in common, headings."""

import csv
import time

import pytest

from librispeech_clf.local.report.outputs import read_notes
from librispeech_clf.local.report.page import write_page

pytestmark = pytest.mark.browser


def test_a_note_survives_a_reload_and_the_next_run(browser, results, tmp_path):
    names = list(results["utterance_id"][:3])
    path = write_page(tmp_path / "a.html", results[:9], notes={names[1]: "from a file"})
    browser.follow(path, f"#utterance={names[0]}")
    browser.enter("#note", "=wrong reference")
    browser.follow(path, f"#utterance={names[0]}&tab=utterances")
    assert browser.run("return document.getElementById('note').value") == "=wrong reference"
    browser.enter("#search", "nothing")
    browser.enter("#search", "")
    for old in browser.downloads.iterdir():
        old.unlink()
    browser.click("#export")
    exported = browser.downloads / "utterances.csv"
    wait_for_file(exported)
    assert read_notes(exported) == {names[0]: "=wrong reference", names[1]: "from a file"}
    with exported.open(newline="") as file:
        assert next(csv.reader(file))[:2] == ["utterance_id", "note"]
    again = write_page(tmp_path / "b.html", results[:8], notes=read_notes(exported))
    browser.follow(again, f"#utterance={names[0]}")
    assert browser.run("return document.getElementById('note').value") == "=wrong reference"
    assert browser.problems() == []


def wait_for_file(path) -> None:
    end = time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)


def test_the_panel_lists_the_most_alike(browser, report, results):
    browser.follow(report, f"#utterance={results['utterance_id'].iloc[0]}")
    assert browser.count(".nearest .urow") == 5
    assert "hidden states of the model" in browser.text(".nearest summary")
    other = browser.run("return document.querySelector('.nearest .link').textContent")
    browser.click(".nearest .link")
    assert browser.text("#utterance h2") == other


def test_doubles_are_in_the_overview(browser, results, tmp_path):
    twins = results[:40].copy()
    twins.at[20, "acoustic_statistics"] = twins["acoustic_statistics"][3]
    twins.loc[20, ["signal_duration_s", "reference"]] = twins.loc[3, ["signal_duration_s", "reference"]]
    twins.loc[[3, 20], "subset"] = ["one", "two"]
    browser.open(write_page(tmp_path / "p.html", twins))
    text = browser.text("#doubles")
    assert "Doubles and leakage: 1" in text and "1 of 1 lie in two splits" in text
    assert "same audio" in text and "test/one, test/two" in text
    browser.click("#doubles > button")
    browser.wait_for_count(2)


def test_a_selection_says_what_it_has_in_common(opened, results):
    long = [row for row, count in enumerate(results["text_word_count"]) if count >= 18]
    opened.run("location.hash = `tab=map&selected=${arguments[0].join(',')}`", long)
    opened.wait("return document.getElementById('traits')")
    text = opened.text("#traits")
    assert "word count" in text and "duration (s)" in text
    assert f"Selection: {len(long)} utterances" in opened.text("#map-list")


def test_cards_that_the_filters_do_not_change_say_so(opened):
    opened.show("dashboards")
    headings = opened.texts("#panel h2")
    assert any(heading.startswith("Associations") and "all utterances" in heading for heading in headings)
