"""Every bar, bin, point and row of a chart is a filter; columns are chosen from a searchable list."""

import pytest

pytestmark = pytest.mark.browser


def read_count(browser) -> int:
    return int(browser.text("#count").split()[0])


@pytest.mark.parametrize(
    ("section", "name", "key", "choose"),
    [
        ("overview", "gender: F", "record_gender", lambda rows: rows["record_gender"] == "F"),
        ("overview", "speaker: 103", "record_speaker_id", lambda rows: rows["record_speaker_id"] == "103"),
        ("overview", "word error rate: 10 % to 15 %", "word_error_rate",
         lambda rows: rows["word_error_rate"].between(0.1, 0.15, inclusive="left")),
        ("overview", "word substitutions: 1 and more", "word_substitutions",
         lambda rows: rows["word_substitutions"] >= 1),
        ("dashboards", "speaker: 103", "record_speaker_id", lambda rows: rows["record_speaker_id"] == "103"),
    ],
)  # fmt: skip
def test_a_click_on_a_chart_filters_and_a_second_one_undoes_it(opened, results, section, name, key, choose):
    opened.show(section)
    selector = f'#panel [aria-label="{name}"]'
    click = (
        "document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', {bubbles: true}))",
        selector,
    )
    opened.run(*click)
    expected = int(choose(results).sum())
    assert read_count(opened) == expected and 0 < expected < len(results)
    assert f"filter.{key}=" in opened.run("return location.hash")
    pressed = ("return document.querySelector(arguments[0]).ariaPressed", selector)
    assert opened.run(*pressed) == "true"
    state = opened.run("return location.hash")
    opened.run(*click)
    assert read_count(opened) == len(results)
    opened.run("location.hash = arguments[0]", state)
    opened.wait_for_count(expected)
    assert opened.run(*pressed) == "true"


def test_the_bars_of_a_filter_filter(opened, results):
    bars = '#filters [data-key="word_error_rate"] [role="button"]'
    fill = "return getComputedStyle(document.querySelector(arguments[0])).fill"
    assert opened.run(fill, bars) == "rgba(0, 0, 0, 0)" != opened.run(fill, f"{bars} + rect")
    opened.run(
        "document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', {bubbles: true}))", bars
    )
    lowest = opened.run("return document.querySelector('#filters .chip').textContent")
    assert lowest.startswith("0 to under") and 0 < read_count(opened) < len(results)
    opened.click("#filters .chip")
    opened.wait_for_count(len(results))


def test_a_point_of_a_curve_is_heard_and_a_bar_of_words_is_listed(opened, results):
    opened.show("robustness")
    opened.run(
        "document.querySelector('[aria-label=\"additive noise, 20\"]')"
        ".dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))"
    )
    assert "ratio in dB 20" in opened.text(".listening .row-head")
    opened.show("confusions")
    opened.run(
        "document.querySelector('.lanes svg g.clickable').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert opened.run("return document.getElementById('tab-utterances').ariaSelected") == "true"
    assert 0 < read_count(opened) < len(results)


def test_two_bins_of_a_chart_add_up_and_the_keyboard_does_the_same(opened, results):
    from selenium.webdriver.common.keys import Keys

    bins = "#panel [aria-label^='duration (s): ']"
    counts = []
    for place in (0, 1):
        opened.run("document.querySelectorAll(arguments[0])[arguments[1]].focus()", bins, place)
        opened.press(Keys.ENTER)
        counts.append(read_count(opened))
        assert opened.run("return document.activeElement.ariaPressed") == "true"
    assert 0 < counts[0] < counts[1] < len(results)
    assert opened.count(".chip") == 2
    opened.press(Keys.SPACE)
    assert read_count(opened) == counts[0]
    assert opened.run(f'return document.activeElement === document.querySelectorAll("{bins}")[1]')
    opened.click(".chip")
    assert read_count(opened) == len(results)


def test_columns_are_found_by_typing(opened):
    from selenium.webdriver.common.keys import Keys

    opened.show("utterances")
    opened.click("#sort-key")
    assert opened.count(".picker-box:popover-open [role=option]") > 20
    labels = opened.texts(".picker-box:popover-open [role=option]")
    assert len(labels) == len(set(labels))
    opened.press("dale")
    opened.wait("return document.querySelectorAll('.picker-box:popover-open [role=option]').length === 1")
    assert opened.texts(".picker-box:popover-open [role=option]") == ["Dale-Chall score"]
    opened.press(Keys.ENTER)
    opened.wait("return location.hash.includes('sort=')")
    assert "sort=-readability_dale_chall_score" in opened.run("return location.hash")
    assert opened.text("#sort-key").startswith("Dale-Chall score")
    opened.click("#table-columns")
    opened.press("word count", Keys.ENTER, Keys.ESCAPE)
    assert "word count" in opened.text("#table")
    assert opened.run("return document.activeElement.id") == "table-columns"
    assert opened.problems() == []


@pytest.mark.parametrize("width", [1100, 1400, 1920])
def test_a_link_to_an_utterance_gives_what_a_click_gives(browser, report, results, width):
    table = """
    const names = [...document.querySelectorAll('.thead [data-key]')].map((head) => head.dataset.key);
    return [names, document.querySelector('.trow .text').getBoundingClientRect().width]"""
    settle = "return new Promise((done) => setTimeout(done, 300))"
    name = results["utterance_id"].iloc[3]
    with browser.sized(width, 900):
        browser.follow(report, "#tab=utterances")
        without = browser.run(table)
        browser.run("document.querySelectorAll('.trow')[2].click()")
        browser.run(settle)
        clicked = browser.run(table)
        browser.run("history.back()")
        browser.run(settle)
        assert browser.run(table) == without
        browser.follow(report, f"#tab=utterances&utterance={name}")
        assert browser.run(table) == clicked
        browser.run(settle)
        assert browser.run(table) == clicked
        assert clicked[1] > 300
    with browser.sized(900, 900):
        browser.run(settle)
    with browser.sized(width, 900):
        browser.run(settle)
        assert browser.run(table) == clicked


def test_dashboards_hold_all_metrics_and_all_speakers(opened, results):
    opened.show("dashboards")
    assert opened.text("#against").startswith("Dale-Chall score")
    headings = opened.texts("#panel .lanes h2")
    for name in ("WER", "CER", "loss", "WIL", "WIP", "word deletions", "character insertions"):
        assert any(heading.startswith(f"{name} against Dale-Chall") for heading in headings), headings
    opened.click("#against")
    opened.press("speaker")
    opened.wait("return document.querySelectorAll('.picker-box:popover-open [role=option]').length === 1")
    opened.press("\ue007")
    opened.wait("return document.querySelector('#explorer .more')")
    opened.click("#explorer .more")
    assert opened.count("#explorer svg .dot") == results["record_speaker_id"].nunique()
    worst = opened.texts("#explorer svg g.clickable > text:first-of-type")[0]
    rates = results.groupby("record_speaker_id")[
        ["word_substitutions", "word_deletions", "word_insertions", "word_hits"]
    ].sum()
    errors = rates.iloc[:, :3].sum(axis=1) / rates[["word_substitutions", "word_deletions", "word_hits"]].sum(
        axis=1
    )
    assert worst == errors.idxmax()
