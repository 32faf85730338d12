"""What the page once told wrongly, or did not bear: recordings without transcripts, failed ones, several systems."""

import numpy as np
import pyarrow
import pytest

from librispeech_clf.local.analysis.latent_space import LatentMap
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.systems import compare_systems
from librispeech_clf.local.report.page import write_page
from tests.local.report.conftest import COUNTS, make_systems, word_error_rate

pytestmark = pytest.mark.browser

UNKNOWN = ("word_", "character_", "match_", "ctc_loss")


@pytest.fixture
def unlabeled(results):
    """Give 20 rows without a transcript, the first of which failed, too."""
    rows = results[:20].copy()
    rows["reference"] = None
    rows[[name for name in rows if name.startswith(UNKNOWN)]] = np.nan
    rows.loc[0, ["hypothesis", "error", "confidence"]] = None, "audio is empty", np.nan
    return rows


def test_without_transcripts_words_are_heard_not_inserted(browser, results, unlabeled, tmp_path):
    browser.open(write_page(tmp_path / "p.html", unlabeled), "#tab=utterances")
    assert {"confusions", "systems"}.isdisjoint(browser.list_sections())
    assert "dashboards" in browser.list_sections()  # the first row failed, the others have a confidence
    assert browser.count("[data-figure=confidence]") == 1
    assert browser.count(".trow .op-inserted") == 0
    assert unlabeled["hypothesis"][1] in browser.text("#panel")
    browser.go(f"#utterance={unlabeled['utterance_id'][1]}")
    assert browser.count("#utterance .op-inserted:not(.key *)") == 0
    mixed = results.copy()
    mixed.loc[mixed.index[:20], unlabeled.columns] = unlabeled
    browser.open(write_page(tmp_path / "m.html", mixed), "#tab=confusions")
    counted = [int(text.split()[0]) for text in browser.texts(".list .note")[:3]]
    assert sum(counted) == mixed[COUNTS].sum().sum()
    assert browser.problems() == []


def test_systems_without_transcripts_are_shown_and_not_compared(browser, unlabeled, tmp_path):
    table = pyarrow.Table.from_pandas(unlabeled, preserve_index=False)
    browser.open(write_page(tmp_path / "p.html", unlabeled, systems={"a": table, "b": table}))
    for section in browser.list_sections():
        browser.show(section)
    browser.show("utterances")
    assert unlabeled["hypothesis"][1].split()[0] in browser.texts(".said-grid .op-heard")
    assert browser.problems() == []


def test_what_was_not_evaluated_is_in_no_figure_of_a_system(browser, results, tmp_path):
    systems = make_systems(results)
    other = systems["other"].to_pandas()
    failed = results.index[-1]
    other.loc[failed, ["word_hits", "word_substitutions", "word_deletions"]] = 0, 9, 0
    other.loc[failed, ["word_insertions", "word_error_rate"]] = 0, 1.0
    systems["other"] = pyarrow.Table.from_pandas(other, preserve_index=False)
    rates = compare_systems({name: Record(table) for name, table in systems.items()}).rates
    assert rates[1].word.rate == pytest.approx(word_error_rate(other.drop(failed)))
    browser.open(write_page(tmp_path / "p.html", results, systems=systems), "#tab=systems")
    wrong = (results["word_error_rate"] > 0) & (other["word_error_rate"] > 0)
    assert f"all wrong: a suspect reference: {wrong.sum()}" in browser.texts("#pair button")


def test_the_speed_of_systems_is_no_stage(opened):
    assert "systems" not in next(text for text in opened.texts(".card", "innerText") if "times real" in text)


def test_a_table_without_columns_bears_the_key_that_sorts(browser, report):
    browser.open(report, "#tab=utterances&column=-")
    browser.find("#table").send_keys("s")
    assert browser.count(".thead [data-key]") == 0
    assert browser.problems() == []


def test_arrows_move_on_a_map_that_lacks_the_first_row(browser, results, tmp_path):
    names = tuple(results["utterance_id"][1:5])
    points = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    maps = {"latent_maps": {"latent": LatentMap("latent", names, points, "PCA")}}
    browser.open(write_page(tmp_path / "p.html", results[:5], analysis=maps), "#tab=map")
    browser.find("#panel canvas").send_keys(browser.keys.ARROW_RIGHT)
    assert browser.text("#map-list h2") == "Selection: 1 utterance"


def test_small_numbers_are_not_zero(browser, results, tmp_path):
    rows = results[:9].assign(signal_slope=-0.000142, signal_energy=2.34e-7)
    browser.open(write_page(tmp_path / "p.html", rows), f"#utterance={rows['utterance_id'][0]}")
    browser.run("for (const details of document.querySelectorAll('#utterance details')) details.open = true")
    text = browser.text("#utterance .metadata")
    assert "−0.000142" in text and "2.34e−7" in text


def test_the_interval_of_a_chance_stays_below_one(browser, results, tmp_path):
    rows = results[:6].assign(calibrated_confidence=[0.1, 0.9, 0.99, 0.2, 0.95, 0.9])
    rows[["ctc_loss", "confidence", "match_error_rate"]] = np.nan
    rows = rows.drop(columns=[name for name in rows if name.startswith(("word_inf", "character_"))])
    browser.open(write_page(tmp_path / "p.html", rows))
    data = browser.ask("[data-figure=calibrated_confidence]", "{...e.dataset}")
    assert 0 <= float(data["low"]) < float(data["value"]) < float(data["high"]) <= 1


def test_a_lone_chart_fills_its_card_and_its_tooltip_goes_with_it(opened):
    opened.show("robustness")
    card, chart = opened.box("#panel .lane .card"), opened.box("#panel .lane svg")
    assert chart["width"] == pytest.approx(card["width"] - 32, abs=3)
    opened.run(
        "const dot = document.querySelector('#panel svg circle');"
        "dot.dispatchEvent(new PointerEvent('pointermove', {clientX: 9, clientY: 9}));"
        "dot.dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert opened.read("#tooltip", "hidden")


def test_systems_read_from_right_to_left(browser, results, tmp_path):
    rows = results[:3].copy()
    rows.loc[0, ["reference", "hypothesis"]] = "שלום עולם", "שלום עולם"
    browser.open(
        write_page(tmp_path / "p.html", rows, systems=make_systems(rows)),
        f"#tab=utterances&utterance={rows['utterance_id'][0]}",
    )
    cell = "[...document.querySelectorAll('#utterance .said-reference td')].map((e) => e.offsetLeft)"
    first, second, *_ = browser.run(f"return {cell}")
    assert first > second


def test_many_letters_still_make_a_readable_matrix(browser, results, tmp_path):
    rows = results[:30].copy()
    rows["reference"] = ["".join(chr(0xAC00 + 20 * row + k) for k in range(20)) for row in range(30)]
    rows["hypothesis"] = ["".join(chr(0xB800 + 20 * row + k) for k in range(20)) for row in range(30)]
    with browser.sized(390, 844):
        browser.open(write_page(tmp_path / "p.html", rows), "#tab=confusions")
        assert browser.count("#panel .matrix rect[role=button]") > 0
        assert min(map(float, browser.run(
            "return [...document.querySelectorAll('#panel .matrix rect')].map((e) => e.getAttribute('width'))"
        ))) > 4  # fmt: skip
        assert browser.problems() == []


def test_n_and_p_take_the_table_along_and_turning_the_order_keeps_the_focus(opened):
    opened.show("utterances")
    opened.find("#table").send_keys(opened.keys.ENTER, *"nnnnnnnnnnnn")
    opened.rest(300)
    box = opened.box(".trow.open")
    assert 0 < box["top"] and box["bottom"] <= opened.run("return innerHeight") + 1
    assert opened.count(".trow.open.cursor") == 1
    opened.run("document.getElementById('sort-order').focus()")
    opened.press(opened.keys.ENTER)
    assert opened.run("return document.activeElement.id") == "sort-order"
    bar = "fieldset[data-key=signal_duration_s] .hit[role=button]"
    opened.run(f"document.querySelector('{bar}').focus()")
    opened.press(opened.keys.ENTER)
    assert opened.run("return document.activeElement.getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("width", [390, 1400])
def test_no_button_or_word_is_broken(browser, report, width):
    script = (
        "return [...document.querySelectorAll(arguments[0])].filter((e) => { const range = "
        "document.createRange(); range.selectNodeContents(e); return range.getClientRects().length > 1; })"
        ".map((e) => e.textContent)"
    )
    with browser.sized(width, 900):
        browser.open(report, "#tab=dashboards")
        assert browser.run(script, ".card h2 button") == []
        browser.show("confusions")
        assert browser.run(script, ".words-card td.number, .words-card td:first-child .link") == []


def test_a_wide_interval_does_not_flatten_a_chart(browser, results, tmp_path):
    rows = results[results["record_speaker_id"].isin(results["record_speaker_id"].unique()[:6])].copy()
    rows[[*COUNTS, "word_hits"]] = [0, 0, 0, 10]
    rows.loc[rows["record_speaker_id"] == rows["record_speaker_id"].iloc[0], "word_insertions"] = 9
    browser.open(write_page(tmp_path / "p.html", rows.reset_index(drop=True)))
    dots = browser.run(
        "return [...document.querySelectorAll('#panel svg[aria-label=\"Word error rate by group\"]')]"
        ".map((e) => Math.max(...[...e.querySelectorAll('.dot')].map((dot) => dot.getAttribute('cx') / e.clientWidth)))"
    )
    assert min(dots) > 0.2


def test_the_export_is_known_as_utf_8(opened):
    assert opened.export().read_bytes()[:3] == b"\xef\xbb\xbf"


def test_the_dashboard_and_the_columns_are_in_the_address(browser, report):
    browser.open(report, "#tab=dashboards")
    browser.enter("#explorer select", "character_error_rate")
    assert browser.hash == "#tab=dashboards&dashboard.figure=character_error_rate"
    browser.open(report, browser.hash)
    assert browser.read("#explorer select", "value") == "character_error_rate"
    browser.open(report, "#tab=utterances&column=ctc_loss")
    assert browser.texts(".thead [data-key]", "dataset.key") == ["ctc_loss"]


def test_without_error_rates_the_table_is_sorted_by_what_there_is(browser, unlabeled, tmp_path):
    browser.open(write_page(tmp_path / "p.html", unlabeled), "#tab=utterances")
    assert browser.count("#errors-only") == 0
    first = browser.texts(".trow .id")[0]
    browser.click("#sort-order")
    assert browser.texts(".trow .id")[0] != first
