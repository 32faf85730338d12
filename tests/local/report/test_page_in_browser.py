"""The page in headless Chromium: filters, figures, table, map, words, systems, robustness, notes, playing, markup."""

import csv
import time
from dataclasses import replace

import numpy as np
import pyarrow
import pytest

from librispeech_clf.local.analysis.latent_space import LatentMap, make_latent_maps
from librispeech_clf.local.analysis.rates import rate_errors
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.outputs import read_notes
from librispeech_clf.local.report.page import write_page
from librispeech_clf.text.alignment import align_words
from tests.local.report.conftest import COUNTS, TWINS, WORDS, make_systems, word_error_rate

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>\'"&amp;'


def read_figure(browser, key: str) -> tuple[float | None, ...]:
    """Read a headline figure and its interval at full precision; None where the page has no number."""
    data = browser.ask(f"[data-figure={key}]", "{...e.dataset}")
    return tuple(float(data[part]) if data[part] else None for part in ("value", "low", "high"))


def test_headline_agrees_with_the_table_and_its_interval_with_terminal_and_summary(opened, results):
    rate = rate_errors(Record(results))
    assert rate.rate == pytest.approx(word_error_rate(results), rel=1e-12)
    assert read_figure(opened, "word_error_rate") == pytest.approx((rate.rate, rate.low, rate.high), rel=1e-9)
    sentences = results["word_error_rate"].dropna()
    assert read_figure(opened, "sentence_error_rate")[0] == pytest.approx((sentences > 0).mean(), rel=1e-12)
    assert read_figure(opened, "ctc_loss")[0] == pytest.approx(results["ctc_loss"].mean(), rel=1e-4)


def test_filters_recompute_figures_and_charts(opened, results):
    charts = opened.read("#panel .board", "innerHTML")
    women = results[results["record_gender"] == "F"]
    long = women[women["signal_duration_s"] >= 4.5]
    for change, chosen in (
        (lambda: opened.click("fieldset[data-key=record_gender] input"), women),
        (lambda: opened.enter("fieldset[data-key=signal_duration_s] input", "4.5"), long),
        (lambda: opened.click("#clear-filters"), results),
    ):
        change()
        opened.wait_for_count(len(chosen))
        value, low, high = read_figure(opened, "word_error_rate")
        assert value == pytest.approx(word_error_rate(chosen), rel=1e-12)
        assert low < value < high
        assert (opened.read("#panel .board", "innerHTML") == charts) == (chosen is results)


def test_every_section_bears_an_empty_filter_and_says_so(opened):
    for section in opened.list_sections():
        opened.show(section)
        opened.enter("#search", "no such words")
        opened.wait("return !document.getElementById('empty').hidden")
        assert opened.read("#panel", "hidden")
        opened.enter("#search", "")
        opened.wait("return !document.getElementById('panel').hidden")
    opened.click("[data-key=record_gender] input")
    opened.enter("#search", "zebra")
    opened.wait("return !document.getElementById('empty').hidden")
    text = opened.text("#empty")
    assert "No utterance passes the filters" in text and "search: zebra · gender: F" in text
    opened.click("#empty button")
    assert not opened.read("#panel", "hidden")


def test_search_by_expression_errors_only_and_added_filter(opened, results):
    for search in ("^(103|104)-", "("):
        found = results["utterance_id"].str.contains("^10[34]-").sum() if search != "(" else 0
        opened.enter("#search", search)
        opened.wait_for_count(found)
        assert opened.read("#search-note", "hidden") == (found > 0)
    wrong = results[results["word_error_rate"] != 0]
    opened.click("#errors-only")
    opened.enter("#search", "bridge")
    found = wrong[(wrong["reference"] + " " + wrong["hypothesis"].fillna("")).str.contains("BRIDGE")]
    opened.wait_for_count(len(found))
    opened.click("#add-filter")
    opened.press("speaker id")
    opened.wait("return document.activeElement.value?.endsWith('speaker id')")
    opened.press(opened.keys.ENTER)
    labels = "fieldset[data-key=record_speaker_id] label"
    opened.wait(f"return document.querySelector('{labels}')")
    opened.click(f"{labels} input", [text[:3] for text in opened.texts(labels)].index("103"))
    opened.wait_for_count(int((found["record_speaker_id"] == "103").sum()))


def test_table_sorts_and_keeps_few_elements(opened, results):
    opened.show("utterances")
    for sign, ascending in (("↓", False), ("↑", True)):
        opened.click(".thead [data-key=ctc_loss]")
        assert opened.read(f"[aria-sort={'a' if ascending else 'de'}scending]") == f"loss {sign}"
        ids = results.sort_values("ctc_loss", ascending=ascending)["utterance_id"]
        assert opened.texts(".trow .id")[:9] == list(ids[:9])
    failed = results["utterance_id"].iloc[-1]
    last = f"return [...document.querySelectorAll('.trow .id')].at(-1).textContent === '{failed}'"
    assert not opened.run(last)
    opened.run("window.scrollTo(0, document.body.scrollHeight)")
    opened.wait(last)
    opened.wait("return document.querySelectorAll('.trow').length < 110")


def test_table_and_tabs_by_keyboard(opened):
    opened.show("utterances")
    second, third, fourth = opened.texts(".trow .id")[1:4]
    table = opened.find("#table")
    table.send_keys(opened.keys.ARROW_DOWN, opened.keys.ARROW_DOWN, opened.keys.ENTER)
    for key, expected in (("", third), ("n", fourth), ("p", third), ("p", second)):
        table.send_keys(key)
        assert opened.read("#utterance h2") == expected
    table.send_keys(opened.keys.ESCAPE)
    assert opened.read("#utterance", "hidden")
    opened.show("overview")
    opened.find("#tab-overview").send_keys(opened.keys.ARROW_RIGHT)
    assert opened.run("return document.activeElement.id") == "tab-map"
    assert opened.count("#panel canvas") == 2


def test_lasso_and_click_on_the_map_select_and_the_selection_filters(opened, report, run):
    opened.show("map")
    shown = run.analysis.latent_maps["latent"]
    canvas = opened.find("#panel canvas")
    width, height = canvas.size["width"], canvas.size["height"]
    left, top = 4 - width / 2, 4 - height / 2
    actions = opened.actions.move_to_element_with_offset(canvas, left, top).click_and_hold()
    for x, y in ((-2 * left, 0), (0, -2 * top), (2 * left, 0)):
        actions.move_by_offset(int(x), int(y))
    actions.release().perform()
    assert opened.read("#map-list h2") == f"Selection: {len(shown.utterance_ids)} utterances"
    opened.click("#map-list button.link")
    assert not opened.read("#utterance", "hidden")
    opened.reset(report, "#tab=map")
    points = np.asarray(shown.points)
    row = int(points[:, 0].argmax())
    share = (points[row, 1] - points[:, 1].min()) / np.ptp(points[:, 1])
    canvas, down = opened.find("#panel canvas"), round((0.5 - share) * (height - 28))
    opened.actions.move_to_element_with_offset(canvas, int(width / 2 - 15), down).click().perform()
    assert opened.read("#utterance h2") == shown.utterance_ids[row]
    opened.click("#keep-selection")
    opened.wait_for_count(1)


def test_cluster_card_keeps_its_utterances(opened, results):
    opened.show("clusters")
    card = opened.text(".flagged")
    assert "1. Men" in card and "41.0 % (30.0 – 50.0 %)" in card
    opened.click(".flagged .buttons button")
    weak = results[results["record_speaker_id"] == "103"]
    opened.wait_for_count(len(weak))
    rate, *interval = read_figure(opened, "word_error_rate")
    assert rate == pytest.approx(word_error_rate(weak), rel=1e-12)
    assert interval == [None, None]  # one speaker


def test_confusions_agree_with_the_counts_and_open_their_utterances(opened, results):
    opened.show("confusions")
    totals = [int(text.split()[0]) for text in opened.texts(".list .note")[:3]]
    assert sum(totals) == results[COUNTS].sum().sum()
    title = f"substituted: {opened.read('.list .link')}"
    opened.click(".list .link")
    assert opened.read("#tab-utterances", "ariaSelected") == "true"
    assert opened.count(".trow") == opened.count(f".trow:has(.said[title='{title}'])") > 0


def test_every_word_is_listed_sorted_and_searched(opened, results):
    opened.show("confusions")
    spoken = results["reference"][results["error"].isna()].str.split().explode().value_counts()
    rows_of = ".words-card tbody tr", "innerText.split('\\t')"
    opened.click("[data-word-key=spoken]")
    rows = opened.texts(*rows_of)
    assert [int(row[1]) for row in rows if row[1] != "0"] == sorted(spoken, reverse=True)[: len(rows)]
    assert opened.run("return document.activeElement.dataset.wordKey") == "spoken"
    opened.enter("#word-search", "^(RIVER|BRIDGE)$")
    rows = {row[0]: [int(cell) for cell in row[1:3]] for row in opened.texts(*rows_of)}
    assert {word: counts[0] for word, counts in rows.items()} == {w: spoken[w] for w in ("RIVER", "BRIDGE")}
    opened.click_text(".words-card .link", "RIVER")
    wrong = opened.texts(".trow .said-grid tr:nth-child(2) .said:not(.op-correct)", "title")
    assert [title.split()[1] for title in wrong].count("RIVER") == rows["RIVER"][1]


def test_words_of_two_systems_are_compared(opened, results):
    opened.show("systems")
    scored = results[results["error"].isna()]
    pairs = [align_words(*texts) for texts in zip(scored["reference"], scored["hypothesis"], strict=True)]
    edits = [edit.operation for of_row in pairs for edit in of_row if edit.reference == "BRIDGE"]
    right = edits.count("equal") / len(edits)
    change = f"−{100 * right:.2f}"
    cells = "#pair-word-card tbody tr:first-child td"
    expected = ["BRIDGE", str(len(edits)), f"{100 * right:.1f} %", "0 %", change]
    assert opened.texts(cells) == expected  # what got worse comes first
    opened.click("[data-word-key=word]")
    assert opened.texts(cells)[0] == min(" ".join(scored["reference"]).split())
    opened.enter("#pair-word-search", "bridge")
    assert opened.count("#pair-word-card tbody tr") == 1
    opened.click("#pair-word-card .link")
    heard = [{edit.reference for edit in of_row if edit.operation == "equal"} for of_row in pairs]
    assert opened.text(".kept span") == f"BRIDGE differs ({sum('BRIDGE' in words for words in heard)})"
    opened.go("#tab=systems&filter.record_speaker_id=103")
    opened.enter("#pair-word-search", "")
    counts = {}
    for least in (1, 10):
        opened.enter("#pair-word-card select", str(least))
        counts[least] = [int(text) for text in opened.texts("#pair-word-card td:nth-child(2)")]
    assert sorted(counts[10]) == sorted(count for count in counts[1] if count >= 10)
    assert 0 < len(counts[10]) < len(counts[1])  # words spoken seldom are left out


def test_findings_stand_first_and_open_their_utterances(opened, results):
    assert opened.read("#panel .board > :first-child", "id") == "findings"
    card = opened.text("#findings")
    for part in (
        "The worst speakers",
        "+35.0 points (+20.5 to +49.5)",
        "WER 45.0 % against 10.0 %",
        "also: quiet",
    ):
        assert part in card
    opened.click(".finding-head")
    assert opened.count(".finding .urow") == 3
    opened.click(".finding > .quiet")
    opened.wait_for_count(int((results["record_speaker_id"] == "103").sum()))
    assert opened.read("#tab-utterances", "ariaSelected") == "true"


def test_kinds_terms_suspicions_and_speed_are_in_the_overview(opened, results, run):
    text, kinds = opened.text("#panel"), run.analysis.error_kinds
    spoken = results["reference"][results["error"].isna()].str.split().explode().eq("BRIDGE").sum()
    for part in (f"BRIDGE\t{spoken}", "10.0 min of audio", "evaluation\t60 s\t10 ×"):
        assert part in text
    for kind in kinds:
        assert (f"{kind.name}\n{kind.errors} · " in text) == (kind.errors > 0)
    suspicious = opened.text("#suspicious")
    assert results["utterance_id"].iloc[4] in suspicious and "too many letters a second" in suspicious
    chosen = next(kind for kind in kinds if 0 < len(kind.utterance_ids) < len(results))
    for count in (len(chosen.utterance_ids), len(results)):
        opened.click_text(".error-kinds button", chosen.name)
        opened.wait_for_count(count)


def test_systems_are_compared(opened, results, run):
    opened.show("systems")
    other = run.systems["other"].to_pandas()
    one, two = (word_error_rate(table.dropna(subset="word_error_rate")) for table in (results, other))
    cells = opened.texts("#systems-table td")
    assert [*cells[:2], *cells[9:11]] == ["this", f"{100 * one:.1f} %", "other", f"{100 * two:.1f} %"]
    assert opened.texts("#systems-table th")[8] == "speed"  # of the one of which it is known
    assert [cells[8], cells[17]] == ["11.5 ×", "–"]
    change = f"{100 * (two - one):.2f}"
    assert [text[:5] for text in opened.texts(".matrix .cell strong")] == [f"−{change}"[:5], f"+{change}"[:5]]
    best = f"best system for each utterance would give a word error rate of {cells[1]}"
    assert best in opened.text("#systems-table")
    worse = (other[COUNTS].sum(axis=1) > results[COUNTS].sum(axis=1)).sum()
    assert f"other is worse: {worse}" in opened.text("body")
    assert "gender: F" in opened.text("#where")
    sticky = opened.look(".matrix td:first-child", "position")
    assert sticky == "sticky"  # beside many systems, a row keeps its name


def test_a_system_with_a_nearer_reference_has_its_own_words(browser, results, tmp_path):
    tables = make_systems(results)
    other = tables["other"].to_pandas()
    row = int(other["word_hits"].first_valid_index())
    other.loc[row, ["reference", *WORDS, "word_insertions"]] = ["QUITE ANOTHER", 1.0, 1.0, 0.0, 0.0]
    tables["other"] = pyarrow.Table.from_pandas(other, preserve_index=False)
    browser.open(write_page(tmp_path / "p.html", results, systems=tables), "#tab=systems")
    one, two = (word_error_rate(table.dropna(subset="word_error_rate")) for table in (results, other))
    assert browser.texts("#systems-table td")[9] == f"{100 * two:.1f} %"
    assert browser.texts(".matrix .cell strong")[1].startswith(f"+{100 * (two - one):.2f}"[:5])
    browser.go(f"#tab=utterances&only={row}")
    assert "other is scored over: QUITE ANOTHER" in browser.text("body")


def test_buttons_filter_what_one_system_has_right_and_the_panel_stacks_all(opened, results, run):
    opened.show("systems")
    others = run.systems["other"].to_pandas()["word_error_rate"]
    right = int(((results["word_error_rate"] == 0) & (others > 0)).sum())
    assert f"this right, other wrong: {right}" in opened.texts("#pair button")
    opened.click("#pair .buttons button", 0)
    opened.wait_for_count(right)
    opened.show("utterances")
    assert opened.count(".said-grid .op-inserted") >= min(right, 20)
    opened.click(".trow")
    assert opened.texts("#utterance .said-grid th span")[:3] == ["reference", "this", "other"]
    opened.click("#clear-filters")
    opened.show("systems")
    opened.click("#pair .buttons button", 3)
    assert "disagreement of the systems" in opened.text("#sort-key")


def test_robustness_follows_the_filters_and_compares_with_the_same_recordings(opened, results, run):
    own, table = results[:40], run.table
    assert round(word_error_rate(own), 3) != round(word_error_rate(results), 3)
    opened.show("robustness")
    assert f"unchanged recordings: {100 * word_error_rate(own):.1f} %" in opened.text("#panel")
    opened.click("fieldset[data-key=record_gender] input")
    opened.wait_for_count(int((results["record_gender"] == "F").sum()))
    rate = word_error_rate(table[(table["severity"] == 10) & (table["record_gender"] == "F")])
    opened.run(
        "document.querySelector('#panel svg circle')"
        ".dispatchEvent(new PointerEvent('pointermove', {clientX: 9, clientY: 9}))"
    )
    assert f"10: {100 * rate:.1f} %" in opened.read("#tooltip")


def test_simulated_recordings_are_heard_and_shown(opened, results):
    opened.show("robustness")
    assert "additive noise, ratio in dB 10" in opened.text(".listening .row-head")
    for playing in (1, 0):
        opened.click(".listening .play")
        opened.wait(f"return document.querySelectorAll('.play.playing').length === {playing}")
        opened.rest(400)
        assert opened.count(".play.playing") == playing
    assert opened.count(".listening .urow") == results["word_error_rate"][:40].notna().sum()
    opened.click(".listening .link")
    assert "Simulated: 2" in opened.text(".simulated")


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
    assert "Duplicates and leakage: 1" in text and "1 of 1 are in two splits" in text
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


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_audio_plays_with_the_playhead_and_no_request_leaves_the_page(
    browser, results, report, make_audio, tmp_path, place
):
    if place == "inside":
        report = write_page(tmp_path / "p.html", results[:5], audio=lambda _: make_audio(duration_s=2.0))
    browser.open(report, "#tab=utterances")
    browser.click(".trow")
    browser.wait("return document.querySelector('#utterance audio')?.readyState >= 2")
    browser.run("document.querySelector('#utterance audio').play()")
    browser.wait("return document.querySelector('#utterance audio').currentTime > 0.2")
    browser.wait("return parseFloat(document.querySelector('.playhead').style.left) > 2")
    painted = (
        "const canvas = document.querySelector(arguments[0]);"
        "const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
        "return new Set(data).size > 4"
    )
    assert browser.run(painted, ".waveform") and browser.run(painted, ".spectrogram")
    assert "null" not in browser.text("#utterance")
    browser.click(".words .pair:not(.op-deleted)", 1)
    assert browser.read("#utterance audio", "currentTime") > 0
    names = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith(("data:", "blob:", "file:"))] == []
    assert browser.problems() == []


def test_missing_audio_file_is_reported(opened, results, report):
    for script in (report.parent / "audio").rglob("000060*.js"):
        script.unlink()
    opened.go(f"#utterance={results['utterance_id'].iloc[60]}")
    opened.wait(
        "return document.querySelector('.player .failure')?.textContent.includes('not beside the page')"
    )
    opened.problems()


def test_markup_shows_as_text(browser, results, sections, make_audio, tmp_path):
    hostile = results[:8].copy()
    for column in ("utterance_id", "reference", "hypothesis", "record_reader_name", "record_speaker_id"):
        hostile[column] = [f"{HOSTILE} {number}" for number in range(len(hostile))]
    hostile[HOSTILE] = HOSTILE
    clusters = sections["clusters"]
    cluster = replace(clusters.clusters[0], utterance_ids=tuple(hostile["utterance_id"]), name=HOSTILE)
    analysis = {
        "latent_maps": make_latent_maps(Record(hostile)),
        "clusters": replace(clusters, clusters=(cluster,)),
    }
    path = write_page(
        tmp_path / "p.html", hostile, analysis=analysis, audio=lambda _: make_audio(), title=HOSTILE,
        systems=make_systems(hostile), description={HOSTILE: HOSTILE}, audio_limit_bytes=1,
    )  # fmt: skip
    browser.open(path)
    for section in [*browser.list_sections(), "utterances"]:
        browser.show(section)
    browser.run("document.querySelector('.tbody').scrollIntoView()")  # below a head of long names
    browser.wait("return document.querySelector('.trow')")
    browser.click(".trow")
    browser.wait("return document.querySelector('#utterance audio')?.readyState >= 2")
    assert browser.read("#title") == HOSTILE and HOSTILE in browser.read("#utterance h2")
    assert browser.count("img[src=x]") == 0 and browser.run("return window.hacked === undefined")
    assert browser.problems() == []


def test_nothing_scored_is_still_a_page_whose_map_selects_and_so_is_nothing_at_all(
    browser, results, tmp_path
):
    for rows in (results[-1:].reset_index(drop=True), results[:0]):
        latent = LatentMap("latent", tuple(rows["utterance_id"]), ((0.0, 0.0),) * len(rows), "PCA")
        analysis = {"latent_maps": {"latent": latent} if len(rows) else {}}
        browser.open(write_page(tmp_path / f"{len(rows)}.html", rows, analysis=analysis))
        for section in browser.list_sections():
            browser.show(section)
            if section == "map":
                browser.find("#panel canvas").click()
                assert "Selection: 1 utterance" in browser.text("#map-list")
        assert browser.problems() == []


@pytest.mark.slow
def test_2620_utterances_are_ready_in_under_1_s(browser, make_results, make_audio, tmp_path):
    results = make_results(2620, speakers=40)
    audio = make_audio(duration_s=0.5)
    analysis = {"latent_maps": make_latent_maps(Record(results))}
    path = write_page(tmp_path / "p.html", results, analysis=analysis, audio=lambda _: audio)
    browser.open(path)
    assert int(browser.run("return document.documentElement.dataset.ready")) < 1000
    for section in ("map", "utterances", "dashboards", "confusions"):
        start = time.monotonic()
        browser.show(section)
        browser.run("return new Promise(requestAnimationFrame)")
        assert time.monotonic() - start < 2, section
    start = time.monotonic()
    browser.click("fieldset[data-key=record_gender] input")
    browser.wait_for_count(int((results["record_gender"] == "F").sum()))
    assert time.monotonic() - start < 2
