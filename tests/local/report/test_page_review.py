"""Reviewing a corpus in the page: notes, most alike utterances, doubles, what a selection has in common."""

import pytest

from librispeech_clf.local.report.outputs import read_notes
from librispeech_clf.local.report.page import write_page
from tests.local.report.conftest import TWINS

pytestmark = pytest.mark.browser


def test_a_note_survives_a_reload_and_the_next_run(browser, results, tmp_path):
    names = list(results["utterance_id"][:3])
    path = write_page(tmp_path / "a.html", results[:9], notes={names[1]: "from a file"})
    browser.open(path, f"#utterance={names[0]}")
    browser.enter("#note", "=wrong reference")
    browser.open(path, f"#utterance={names[0]}&tab=utterances")
    assert browser.read("#note", "value") == "=wrong reference"
    browser.enter("#search", "nothing")
    browser.enter("#search", "")
    exported = browser.export()
    assert read_notes(exported) == {names[0]: "=wrong reference", names[1]: "from a file"}
    assert exported.read_text("utf-8-sig").startswith("utterance_id,note,")
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
