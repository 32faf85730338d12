"""The page in headless Chromium: sections, filters, figures, selection, export, playing, markup, speed."""

import csv
import io
import time

import numpy as np
import pandas as pd
import pyarrow
import pytest

from librispeech_clf.local.analysis.rates import rate_errors
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.page import write_page
from librispeech_clf.text.alignment import align_words
from tests.local.report.conftest import make_systems, simulate

pytestmark = pytest.mark.browser

SECTIONS = [
    "overview",
    "map",
    "utterances",
    "clusters",
    "dashboards",
    "confusions",
    "robustness",
    "systems",
]
HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>\'"&amp;'


def read_figure(browser, key: str) -> tuple[float | None, ...]:
    """Read a headline figure and its interval at full precision; None where the page has no number."""
    data = browser.run(f"return {{...document.querySelector('[data-figure={key}]').dataset}}")
    return tuple(float(data[part]) if data[part] else None for part in ("value", "low", "high"))


def word_error_rate(rows) -> float:
    errors = rows[["word_substitutions", "word_deletions", "word_insertions"]].sum().sum()
    return errors / rows[["word_substitutions", "word_deletions", "word_hits"]].sum().sum()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_sections_render_without_console_errors(browser, report, theme):
    browser.follow(report, f"#theme={theme}")
    for section in SECTIONS:
        browser.show(section)
        assert browser.run(f"return document.getElementById('tab-{section}').ariaSelected") == "true"
        assert len(browser.text("#panel")) > 60
        shown = browser.text("body")
        assert "undefined" not in shown and "[object" not in shown and "NaN" not in shown
    assert browser.problems() == []


def test_headline_agrees_with_the_table(opened, results):
    value, low, high = read_figure(opened, "word_error_rate")
    assert value == pytest.approx(word_error_rate(results), rel=1e-12)
    assert low < value < high
    sentences = results["word_error_rate"].dropna()
    assert read_figure(opened, "sentence_error_rate")[0] == pytest.approx((sentences > 0).mean(), rel=1e-12)
    assert read_figure(opened, "ctc_loss")[0] == pytest.approx(results["ctc_loss"].mean(), rel=1e-4)


def test_interval_is_that_of_terminal_and_summary(opened, results):
    rate = rate_errors(Record(results))
    _, low, high = read_figure(opened, "word_error_rate")
    assert [low, high] == pytest.approx([rate.low, rate.high], rel=1e-9)


def test_filters_recompute_figures_and_charts(opened, results):
    charts = opened.run("return document.querySelector('#panel .board').innerHTML")
    opened.click("fieldset[data-key=record_gender] input")
    chosen = results[results["record_gender"] == "F"]
    opened.wait_for_count(len(chosen))
    value, low, high = read_figure(opened, "word_error_rate")
    assert value == pytest.approx(word_error_rate(chosen), rel=1e-12)
    assert low < value < high
    assert opened.run("return document.querySelector('#panel .board').innerHTML") != charts
    opened.enter("fieldset[data-key=signal_duration_s] input", "4.5")
    chosen = chosen[chosen["signal_duration_s"] >= 4.5]
    opened.wait_for_count(len(chosen))
    assert read_figure(opened, "word_error_rate")[0] == pytest.approx(word_error_rate(chosen), rel=1e-12)
    opened.click("#clear-filters")
    opened.wait_for_count(len(results))
    assert read_figure(opened, "word_error_rate")[0] == pytest.approx(word_error_rate(results), rel=1e-12)


def test_every_section_bears_an_empty_filter(opened):
    for section in SECTIONS:
        opened.show(section)
        opened.enter("#search", "no such words")
        opened.wait_for_count(0)
        opened.enter("#search", "")
        opened.wait("return !document.getElementById('panel').hidden")
    assert opened.problems() == []


def test_search_errors_only_and_added_filter(opened, results):
    opened.click("#errors-only")
    opened.wait_for_count(int((results["word_error_rate"] != 0).sum()))
    opened.enter("#search", "bridge")
    texts = results["reference"] + " " + results["hypothesis"].fillna("")
    found = results[(results["word_error_rate"] != 0) & texts.str.contains("BRIDGE")]
    opened.wait_for_count(len(found))
    opened.click("#add-filter")
    opened.press("speaker id")
    opened.wait("return document.activeElement.value?.endsWith('speaker id')")
    opened.press("\ue007")
    label = (
        "[...document.querySelectorAll('fieldset[data-key=record_speaker_id] label')]"
        ".find((label) => label.textContent.startsWith('103'))"
    )
    opened.wait(f"return {label}")
    opened.run(f"{label}.querySelector('input').click()")
    opened.wait_for_count(int((found["record_speaker_id"] == "103").sum()))


def test_table_sorts_and_keeps_few_elements(opened, results):
    opened.show("utterances")
    opened.click(".thead [data-key=ctc_loss]")
    assert opened.run("return document.querySelector('[aria-sort=descending]').textContent") == "loss ↓"
    highest = results.sort_values("ctc_loss", ascending=False)["utterance_id"].iloc[0]
    first = "return document.querySelector('.trow .id').textContent"
    assert opened.run(first) == highest
    opened.click(".thead [data-key=ctc_loss]")
    assert opened.run(first) == results.sort_values("ctc_loss")["utterance_id"].iloc[0]
    failed = results["utterance_id"].iloc[-1]
    last = f"return [...document.querySelectorAll('.trow .id')].at(-1).textContent === '{failed}'"
    assert not opened.run(last)
    opened.run("window.scrollTo(0, document.body.scrollHeight)")
    opened.wait(last)
    opened.wait("return document.querySelectorAll('.trow').length < 110")


def test_table_by_keyboard(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened.show("utterances")
    table = opened.driver.find_element(By.ID, "table")
    third = opened.run("return document.querySelectorAll('.trow .id')[2].textContent")
    table.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    heading = "return document.querySelector('#utterance h2').textContent"
    assert opened.run(heading) == third
    table.send_keys("n")
    assert opened.run(heading) != third
    table.send_keys("p")
    assert opened.run(heading) == third
    table.send_keys(Keys.ESCAPE)
    assert opened.run("return document.getElementById('utterance').hidden")


def test_tabs_by_keyboard(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened.driver.find_element(By.ID, "tab-overview").send_keys(Keys.ARROW_RIGHT)
    assert opened.run("return document.activeElement.id") == "tab-map"
    assert opened.count("#panel canvas") == 2


def test_lasso_lists_and_keeps_utterances(opened, results):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    opened.show("map")
    canvas = opened.driver.find_element(By.CSS_SELECTOR, "#panel canvas")
    width, height = canvas.size["width"] / 2 - 4, canvas.size["height"] / 2 - 4
    actions = ActionChains(opened.driver, duration=20).move_to_element_with_offset(canvas, -width, -height)
    actions.click_and_hold()
    for x, y in ((2 * width, 0), (0, 2 * height), (-2 * width, 0)):
        actions.move_by_offset(int(x), int(y))
    actions.release().perform()
    assert (
        opened.run("return document.querySelector('#map-list h2').textContent") == "Selection: 160 utterances"
    )
    canvas.send_keys("")
    opened.click("#map-list button.link")
    assert not opened.run("return document.getElementById('utterance').hidden")
    assert opened.problems() == []


def test_click_on_the_map_selects_and_the_selection_filters(opened, make_analysis, results):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    opened.show("map")
    points = np.asarray(make_analysis(results)["latent_maps"]["latent"]["points"])
    row = int(points[:, 0].argmax())
    canvas = opened.driver.find_element(By.CSS_SELECTOR, "#panel canvas")
    share = (points[row, 1] - points[:, 1].min()) / np.ptp(points[:, 1])
    down = (0.5 - share) * (canvas.size["height"] - 28)
    right = canvas.size["width"] / 2 - 15
    ActionChains(opened.driver).move_to_element_with_offset(canvas, int(right), round(down)).click().perform()
    expected = results["utterance_id"].iloc[row]
    assert opened.run("return document.querySelector('#utterance h2').textContent") == expected
    opened.click("#keep-selection")
    opened.wait_for_count(1)


def test_cluster_card_keeps_its_utterances(opened, results):
    opened.show("clusters")
    card = opened.run("return document.querySelector('.flagged').innerText")
    assert "1. Men" in card and "41.0 % (30.0 – 50.0 %)" in card
    opened.click(".flagged .buttons button")
    weak = results[results["record_speaker_id"] == "103"]
    opened.wait_for_count(len(weak))
    rate, low, high = read_figure(opened, "word_error_rate")
    assert rate == pytest.approx(word_error_rate(weak), rel=1e-12)
    assert (low, high) == (None, None)  # one speaker


def test_confusions_agree_with_the_counts(opened, results):
    opened.show("confusions")
    totals = opened.run(
        "return [...document.querySelectorAll('.list .note')].slice(0, 3).map((n) => n.textContent)"
    )
    kinds = ["word_substitutions", "word_deletions", "word_insertions"]
    assert sum(int(total.split()[0]) for total in totals) == results[kinds].sum().sum()


def test_a_confusion_opens_its_utterances(opened, results):
    opened.show("confusions")
    pair = opened.run("return document.querySelector('.list .link').textContent")
    opened.click(".list .link")
    assert opened.run("return document.getElementById('tab-utterances').ariaSelected") == "true"
    reference, hypothesis = pair.split(" → ")
    title = f"substituted: {reference} → {hypothesis}"
    wrong = opened.run(
        "const selector = `.said[title='${arguments[0]}']`;"
        "return [...document.querySelectorAll('.trow')].map((row) => !!row.querySelector(selector))",
        title,
    )
    assert wrong and all(wrong)


def test_every_word_is_listed_sorted_and_searched(opened, results):
    opened.show("confusions")
    spoken = results["reference"][results["error"].isna()].str.split().explode().value_counts()
    cells = (
        "return [...document.querySelectorAll('.words-card tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    opened.click("[data-word-key=spoken]")
    rows = opened.run(cells)
    assert [int(row[1]) for row in rows if row[1] != "0"] == sorted(spoken, reverse=True)[: len(rows)]
    assert opened.run("return document.activeElement.dataset.wordKey") == "spoken"
    opened.enter("#word-search", "^(RIVER|BRIDGE)$")
    assert {row[0]: int(row[1]) for row in opened.run(cells)} == {w: spoken[w] for w in ("RIVER", "BRIDGE")}
    wrong = {row[0]: int(row[2]) for row in opened.run(cells)}
    opened.run(
        "[...document.querySelectorAll('.words-card .link')].find((b) => b.textContent === 'RIVER').click()"
    )
    heard = opened.run(
        "return [...document.querySelectorAll('.trow .said-grid tr:nth-child(2) .said:not(.op-correct)')]"
        ".map((said) => said.title.split(' ')[1])"
    )
    assert heard.count("RIVER") == wrong["RIVER"]


def test_words_of_two_systems_are_compared(browser, results, tmp_path):
    said = results["reference"].str.replace("BRIDGE", "FRIDGE").where(results["error"].isna())
    tables = {"this": results, "other": results.assign(hypothesis=said)}
    tables = {name: pyarrow.Table.from_pandas(table) for name, table in tables.items()}
    browser.open(write_page(tmp_path / "p.html", results, systems=tables))
    browser.show("systems")
    scored = results[results["error"].isna()]
    pairs = [align_words(*texts) for texts in zip(scored["reference"], scored["hypothesis"], strict=True)]
    edits = [edit.operation for of_row in pairs for edit in of_row if edit.reference == "BRIDGE"]
    right = edits.count("equal") / len(edits)
    change = f"{-100 * right:.2f}".replace("-", "−")
    cells = "#pair-word-card tbody tr:first-child td"
    expected = ["BRIDGE", str(len(edits)), f"{100 * right:.1f} %", "0 %", change]
    assert browser.texts(cells) == expected  # what got worse comes first
    browser.click("[data-word-key=word]")
    assert browser.texts(cells)[0] == min(" ".join(scored["reference"]).split())
    browser.enter("#pair-word-search", "bridge")
    assert browser.count("#pair-word-card tbody tr") == 1
    browser.click("#pair-word-card .link")
    heard = [{edit.reference for edit in of_row if edit.operation == "equal"} for of_row in pairs]
    assert browser.text(".kept span") == f"BRIDGE differs ({sum('BRIDGE' in words for words in heard)})"


def test_words_spoken_seldom_are_left_out_of_the_comparison(opened):
    opened.show("systems")
    opened.enter("#pair-word-card select", "1")
    spoken = [int(text) for text in opened.texts("#pair-word-card td:nth-child(2)")]
    least = sorted(spoken)[len(spoken) // 2]
    opened.run(f"document.querySelector('#pair-word-card select').append(new Option({least}))")
    opened.enter("#pair-word-card select", str(least))
    assert len(opened.texts("#pair-word-card .link")) == sum(count >= least for count in spoken)


def test_findings_stand_first_and_open_their_utterances(browser, results, tmp_path):
    weak = results[results["record_speaker_id"] == "103"]
    finding = {
        "name": "the worst speakers", "where": "speaker 103", "kind": "speakers", "utterances": len(weak),
        "speakers": 1, "words": 200, "errors": 90, "error_rate": 0.45, "rest_error_rate": 0.1,
        "effect_points": 35.0, "low": 20.5, "high": 49.5, "avoidable_errors": 70.0, "p": 0.002,
        "also_differs": ["quiet"], "examples": tuple(weak["utterance_id"][:3]),
        "utterance_ids": tuple(weak["utterance_id"]), "conditions": (),
    }  # fmt: skip
    search = {"findings": [finding], "candidates_tested": 123, "alpha": 0.05, "note": None}
    browser.open(write_page(tmp_path / "p.html", results, analysis={"search": search}))
    card = browser.run("return document.querySelector('#panel .board').firstChild")
    assert card.get_attribute("id") == "findings"
    for part in (
        "The worst speakers",
        "+35.0 points (+20.5 to +49.5)",
        "WER 45.0 % against 10.0 %",
        "also: quiet",
    ):
        assert part in card.text
    browser.click(".finding-head")
    assert browser.count(".finding .urow") == 3
    browser.click(".finding > .quiet")
    browser.wait_for_count(len(weak))
    assert browser.run("return document.getElementById('tab-utterances').ariaSelected") == "true"


def test_kinds_terms_suspicions_and_speed_are_in_the_overview(browser, results, tmp_path):
    from librispeech_clf.local.analysis.error_kinds import find_error_kinds, measure_recall
    from librispeech_clf.local.analysis.suspect_references import Suspicion
    from librispeech_clf.local.report.outputs import Speed

    name = results["utterance_id"].iloc[4]
    kinds = find_error_kinds(Record(results))
    analysis = {
        "error_kinds": kinds,
        "terms": measure_recall(Record(results), ["OLD STONE", "BRIDGE"]),
        "suspect_references": (Suspicion(name, ("too many letters a second",), 5.0, 2.5, 40.0, "A", "B"),),
        "speed": Speed(600.0, {"evaluation": 60.0, "analysis": 3.0}).report(),
    }
    browser.open(write_page(tmp_path / "p.html", results, analysis=analysis))
    text = browser.text("#panel")
    for kind in kinds:
        assert (f"{kind.name}\n{kind.errors} · " in text) == (kind.errors > 0)
    spoken = results["reference"][results["error"].isna()].str.split().explode().eq("BRIDGE").sum()
    assert f"BRIDGE\t{spoken}" in text
    assert "10.0 min of audio" in text and "evaluation\t60 s\t10 ×" in text
    suspicious = browser.text("#suspicious")
    assert name in suspicious and "too many letters a second" in suspicious
    chosen = next(kind for kind in kinds if 0 < len(kind.utterance_ids) < len(results))
    selector = ".error-kinds button"
    place = [kind.name for kind in kinds if kind.errors].index(chosen.name)
    browser.click(selector, place)
    browser.wait_for_count(len(chosen.utterance_ids))
    browser.click(selector, place)
    browser.wait_for_count(len(results))
    assert browser.problems() == []


def test_systems_are_compared(opened, results):
    opened.show("systems")
    scored = results.dropna(subset="word_error_rate")
    words = scored[["word_hits", "word_substitutions", "word_deletions"]].sum().sum()
    errors = scored[["word_substitutions", "word_deletions", "word_insertions"]].sum().sum()
    cells = opened.texts("#systems-table td")
    assert [cells[0], cells[1], cells[8], cells[9]] == [
        "this", f"{100 * errors / words:.1f} %", "other", f"{100 * (errors + len(scored)) / words:.1f} %",
    ]  # fmt: skip
    change = f"{100 * len(scored) / words:.2f}"
    assert [text[:5] for text in opened.texts(".matrix .cell strong")] == [f"−{change}"[:5], f"+{change}"[:5]]
    assert f"best system of each utterance would have a word error rate of {cells[1]}" in opened.text(
        "#systems-table"
    )
    assert f"other is worse: {len(scored)}" in opened.run("return document.body.innerText")
    assert "gender: F" in opened.text("#where")
    names = "return getComputedStyle(document.querySelector('.matrix td:first-child')).position"
    assert opened.run(names) == "sticky"  # beside many systems, a row keeps its name


def test_speed_is_shown_of_the_systems_of_which_it_is_known(browser, results, make_analysis, tmp_path):
    analysis = make_analysis(results)
    analysis["speed"] = {**analysis.get("speed", {"audio_s": 600.0}), "systems": {"this": 11.5}}
    browser.open(write_page(tmp_path / "p.html", results, analysis=analysis, systems=make_systems(results)))
    browser.show("systems")
    assert browser.texts("#systems-table th")[8] == "speed"
    cells = browser.texts("#systems-table td")
    assert [cells[8], cells[17]] == ["11.5 \u00d7", "\u2013"]


def test_a_system_with_a_nearer_reference_has_its_own_words(browser, results, tmp_path):
    tables = make_systems(results)
    other = tables["other"].to_pandas()
    row = int(other["word_hits"].first_valid_index())
    other.loc[row, "reference"] = "QUITE ANOTHER"
    other.loc[row, ["word_hits", "word_substitutions", "word_deletions", "word_insertions"]] = [
        1.0,
        1.0,
        0.0,
        0.0,
    ]
    tables["other"] = pyarrow.Table.from_pandas(other, preserve_index=False)
    browser.open(write_page(tmp_path / "p.html", results, systems=tables))
    browser.show("systems")
    scored = other.dropna(subset="word_error_rate")
    words = scored[["word_hits", "word_substitutions", "word_deletions"]].sum().sum()
    errors = scored[["word_substitutions", "word_deletions", "word_insertions"]].sum().sum()
    assert browser.texts("#systems-table td")[9] == f"{100 * errors / words:.1f} %"
    own = results.dropna(subset="word_error_rate")
    rate = own[["word_substitutions", "word_deletions", "word_insertions"]].sum().sum()
    rate /= own[["word_hits", "word_substitutions", "word_deletions"]].sum().sum()
    change = f"{100 * (errors / words - rate):.2f}"
    assert [text[:5] for text in browser.texts(".matrix .cell strong")] == [
        f"\u2212{change}"[:5],
        f"+{change}"[:5],
    ]
    browser.run(f"location.hash = 'tab=utterances&only={row}'")
    browser.wait("return document.body.innerText.includes('other is scored over: QUITE ANOTHER')")


def test_buttons_filter_what_one_system_has_right(opened, results):
    opened.show("systems")
    right = int((results["word_error_rate"] == 0).sum())
    assert f"this right, other wrong: {right}" in opened.texts("#pair button")
    opened.click("#pair .buttons button", 0)
    opened.wait_for_count(right)
    opened.show("utterances")
    assert opened.count(".said-grid .op-inserted") >= min(right, 20)
    opened.click("#clear-filters")
    opened.show("systems")
    opened.click("#pair .buttons button", 3)
    assert "disagreement of the systems" in opened.text("#sort-key")


def test_the_panel_stacks_the_systems_by_name(opened, results):
    opened.show("utterances")
    opened.click(".trow")
    names = opened.texts("#utterance .said-grid th span")
    assert names[:3] == ["reference", "this", "other"]
    assert opened.problems() == []


def test_robustness_follows_the_filters(opened, results):
    opened.click("fieldset[data-key=record_gender] input")
    chosen = results[results["record_gender"] == "F"]
    opened.wait_for_count(len(chosen))
    opened.show("robustness")
    rate = word_error_rate(simulate(chosen, 20.0))
    dot = opened.driver.find_element("css selector", "#panel svg circle")
    opened.run("arguments[0].dispatchEvent(new PointerEvent('pointermove', {clientX: 9, clientY: 9}))", dot)
    assert f"10: {100 * rate:.1f} %" in opened.run("return document.getElementById('tooltip').textContent")


def test_simulated_recordings_are_heard_and_shown(opened, results):
    opened.show("robustness")
    head = opened.text(".listening .row-head")
    assert "additive noise, ratio in dB 10" in head
    opened.click(".listening .play")
    time.sleep(0.5)
    assert opened.count(".play.playing") == 1
    opened.click(".listening .play")
    assert opened.count(".play.playing") == 0
    rows = opened.count(".listening .urow")
    assert rows == int(results["word_error_rate"].notna().sum())
    opened.click(".listening .link")
    assert "Simulated: 2" in opened.text(".simulated")
    assert opened.problems() == []


def test_robustness_compares_with_the_simulated_utterances_own_recordings(browser, results, tmp_path):
    some = results.iloc[:20]
    table = pd.concat([results, simulate(some, 20.0), simulate(some, 10.0)], ignore_index=True)
    browser.open(write_page(tmp_path / "index.html", table, title="Test"))
    browser.show("robustness")
    assert round(word_error_rate(some), 3) != round(word_error_rate(results), 3)
    note = f"recordings as they are: {100 * word_error_rate(some):.1f} %"
    assert note in browser.text("#panel")


def test_sections_made_by_the_real_analysis(browser, results, tmp_path):
    from librispeech_clf.local.analysis import associations, latent_space, robustness, slices

    table = pd.concat([results, simulate(results, 20.0)], ignore_index=True)
    record = Record(results)
    scored = record.select_scored()
    grouping = latent_space.group_states(scored)
    search = slices.find_slices(scored, grouping.list_clusters())
    analysis = {
        "clusters": latent_space.describe_clusters(scored, grouping, search),
        "latent_maps": latent_space.make_latent_maps(record),
        "associations": associations.find_associations(record),
        "robustness": robustness.measure_robustness(Record(table)),
    }
    browser.open(write_page(tmp_path / "p.html", results, analysis=analysis, systems=make_systems(results)))
    for section in SECTIONS:
        browser.show(section)
        text = browser.text("#panel")
        assert len(text) > 60
        assert "undefined" not in text and "NaN" not in text and "[object" not in text
    assert browser.problems() == []
    browser.show("clusters")
    cards = browser.text("#panel")
    for cluster in analysis["clusters"].clusters:
        assert f"{len(cluster.utterance_ids)} of {cluster.speakers} speaker" in cards


def test_dashboard_choices_draw(opened):
    opened.show("dashboards")
    opened.enter("#explorer select[aria-label=Metric]", "ctc_loss")
    opened.enter("#explorer select[aria-label=Bins]", "4")
    assert opened.count("#explorer svg .dot") == 4
    assert opened.problems() == []


def read_export(browser) -> list[list[str]]:
    """Export through the button and read the file."""
    for old in browser.downloads.iterdir():
        old.unlink()
    browser.click("#export")
    end = time.monotonic() + 20
    path = browser.downloads / "utterances.csv"
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def test_export_holds_the_filtered_rows(browser, results, tmp_path):
    hostile = results.copy()
    hostile.loc[0, "reference"] = '=HYPERLINK("x"), "quoted"\nline'
    hostile["signal_level_dbfs"] = -12.5
    browser.open(write_page(tmp_path / "p.html", hostile))
    browser.enter("#search", hostile["utterance_id"].iloc[0])
    browser.wait_for_count(1)
    header, row = read_export(browser)
    cells = dict(zip(header, row, strict=True))
    assert cells["reference"] == "'" + hostile["reference"].iloc[0]
    assert cells["signal_level_dbfs"] == "-12.5"
    assert float(cells["word_error_rate"]) == pytest.approx(hostile["word_error_rate"].iloc[0], rel=1e-4)


@pytest.mark.parametrize("limit", [30_000_000, 1000])
def test_audio_plays_with_the_playhead(browser, results, make_audio, tmp_path, limit):
    audio = make_audio(duration_s=2.0)
    browser.open(write_page(tmp_path / "p.html", results[:5], audio=lambda _: audio, audio_limit_bytes=limit))
    browser.show("utterances")
    browser.click(".trow")
    browser.wait("return document.querySelector('#utterance audio')?.readyState >= 2")
    browser.run("document.querySelector('#utterance audio').play()")
    browser.wait("return document.querySelector('#utterance audio').currentTime > 0.2")
    browser.wait("return parseFloat(document.querySelector('.playhead').style.left) > 5")
    painted = (
        "const canvas = document.querySelector(arguments[0]);"
        "const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
        "return new Set(data).size > 4"
    )
    assert browser.run(painted, ".waveform")
    assert browser.run(painted, ".spectrogram")
    assert "null" not in browser.text("#utterance")
    browser.run("document.querySelectorAll('.words .pair:not(.op-deleted)')[1].click()")
    assert browser.run("return document.querySelector('#utterance audio').currentTime") > 0
    assert browser.problems() == []


def test_missing_audio_file_is_reported(browser, results, make_audio, tmp_path):
    path = write_page(tmp_path / "p.html", results[:3], audio=lambda _: make_audio(), audio_limit_bytes=1)
    for script in (tmp_path / "audio").rglob("*.js"):
        script.unlink()
    browser.open(path)
    browser.show("utterances")
    browser.click(".trow")
    browser.wait(
        "return document.querySelector('.player .failure')?.textContent.includes('not beside the page')"
    )
    browser.problems()


def test_markup_shows_as_text(browser, results, make_analysis, make_audio, tmp_path):
    hostile = results[:8].copy()
    for column in ("utterance_id", "reference", "hypothesis", "record_reader_name", "record_speaker_id"):
        hostile[column] = [f"{HOSTILE} {number}" for number in range(len(hostile))]
    hostile[HOSTILE] = HOSTILE
    analysis = make_analysis(hostile)
    analysis["clusters"]["clusters"][0]["name"] = HOSTILE
    audio = make_audio()
    path = write_page(
        tmp_path / "p.html", hostile, analysis=analysis, audio=lambda _: audio, title=HOSTILE,
        systems=make_systems(hostile), description={HOSTILE: HOSTILE}, audio_limit_bytes=1,
    )  # fmt: skip
    browser.open(path)
    for tab in browser.run(
        "return [...document.querySelectorAll('[role=tab]')].map((tab) => tab.id.slice(4))"
    ):
        browser.show(tab)
    browser.show("utterances")
    browser.run("document.querySelector('.tbody').scrollIntoView()")  # below a head of long names
    browser.wait("return document.querySelector('.trow')")
    browser.click(".trow")
    browser.wait("return document.querySelector('#utterance audio')?.readyState >= 2")
    assert browser.run("return document.getElementById('title').textContent") == HOSTILE
    assert HOSTILE in browser.run("return document.querySelector('#utterance h2').textContent")
    assert browser.count("img[src=x]") == 0
    assert browser.run("return window.hacked === undefined")
    assert browser.problems() == []


def test_nothing_scored_and_nothing_at_all(browser, results, tmp_path):
    for name, rows in (("failed", results[-1:]), ("empty", results[:0])):
        browser.open(write_page(tmp_path / f"{name}.html", rows.reset_index(drop=True)))
        for tab in browser.run(
            "return [...document.querySelectorAll('[role=tab]')].map((tab) => tab.id.slice(4))"
        ):
            browser.show(tab)
        assert browser.problems() == []


def test_an_utterance_without_score_can_be_selected_on_the_map(browser, results, make_analysis, tmp_path):
    from selenium.webdriver.common.by import By

    failed = results[-1:].reset_index(drop=True)
    analysis = {"latent_maps": make_analysis(failed)["latent_maps"]}
    browser.open(write_page(tmp_path / "p.html", failed, analysis=analysis))
    browser.show("map")
    browser.driver.find_element(By.CSS_SELECTOR, "#panel canvas").click()
    assert "Selection: 1 utterance" in browser.run("return document.getElementById('map-list').innerText")
    assert browser.problems() == []


def test_no_request_leaves_the_page(opened):
    opened.show("utterances")
    opened.click(".trow")
    names = opened.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith(("data:", "blob:"))] == []


@pytest.mark.slow
def test_2620_utterances_are_ready_in_under_1_s(browser, make_results, make_analysis, make_audio, tmp_path):
    results = make_results(2620, speakers=40)
    audio = make_audio(duration_s=0.5)
    path = write_page(tmp_path / "p.html", results, analysis=make_analysis(results), audio=lambda _: audio)
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
