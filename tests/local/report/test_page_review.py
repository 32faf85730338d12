"""Reviewing a corpus in the page: notes, most alike utterances, doubles, what a selection has in common."""

import csv

import pytest

from librispeech_clf.local.report.outputs import read_notes
from librispeech_clf.local.report.page import write_page
from tests.local.report.conftest import TWINS

pytestmark = pytest.mark.browser


def test_notes_survive_a_reload_and_the_next_run_and_the_export_holds_the_filtered_rows(
    browser, results, tmp_path
):
    table = results[:9].assign(signal_level_dbfs=-12.5)
    table.loc[0, "reference"] = '=HYPERLINK("x"), "quoted"\nline'
    names = list(table["utterance_id"][:3])
    path = write_page(tmp_path / "a.html", table, notes={names[1]: "from a file"})
    browser.open(path, f"#utterance={names[0]}")
    browser.enter("#note", "=wrong reference")
    browser.open(path, f"#utterance={names[0]}&tab=utterances")
    assert browser.read("#note", "value") == "=wrong reference"
    browser.enter("#search", f"{names[0]}|{names[1]}")
    browser.wait_for_count(2)
    exported = browser.export()
    assert read_notes(exported) == {names[0]: "=wrong reference", names[1]: "from a file"}
    with exported.open(newline="", encoding="utf-8-sig") as file:
        rows = {row["utterance_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 2 and list(rows[names[0]])[:2] == ["utterance_id", "note"]
    assert rows[names[0]]["reference"] == "'" + table["reference"][0]
    assert rows[names[0]]["signal_level_dbfs"] == "-12.5"
    assert float(rows[names[0]]["word_error_rate"]) == pytest.approx(table["word_error_rate"][0], rel=1e-4)
    again = write_page(tmp_path / "b.html", results[:8], notes=read_notes(exported))
    browser.open(again, f"#utterance={names[0]}")
    assert browser.read("#note", "value") == "=wrong reference"
    assert browser.problems() == []


def test_the_panel_lists_the_most_alike(opened, results):
    opened.go(f"#utterance={results['utterance_id'].iloc[0]}")
    assert opened.count(".nearest .urow") == 5
    assert "hidden states of the model" in opened.text(".nearest summary")
    other = opened.read(".nearest .link")
    opened.click(".nearest .link")
    assert opened.text("#utterance h2") == other


def test_doubles_are_in_the_overview(opened, results):
    text = opened.text("#doubles")
    assert "Doubles and leakage: 1" in text and "1 of 1 lie in two splits" in text
    assert "same audio" in text and "test/test-clean, test/test-other" in text
    opened.click("#doubles > button")
    opened.wait_for_count(2)
    opened.show("utterances")
    assert set(opened.texts(".trow .id")) == set(results["utterance_id"].iloc[[*TWINS]])


def test_a_selection_says_what_it_has_in_common(opened, results):
    long = [row for row, count in enumerate(results["text_word_count"]) if count >= 18]
    opened.go(f"#tab=map&selected={','.join(map(str, long))}")
    opened.wait("return document.getElementById('traits')")
    text = opened.text("#traits")
    assert "word count" in text and "duration (s)" in text
    assert f"Selection: {len(long)} utterances" in opened.text("#map-list")
