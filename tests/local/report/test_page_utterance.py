"""One utterance in the page: axes, word boxes, playing, looping, keys, focus; contrast of every text."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

CONTRAST = (Path(__file__).parent / "measure_contrast.js").read_text()
AUDIO = "document.querySelector('#utterance audio')"


@pytest.fixture
def opened(browser, report, results):
    """Open the page with its first utterance."""
    browser.follow(report, f"#tab=utterances&utterance={results['utterance_id'].iloc[0]}")
    browser.wait(f"return {AUDIO}?.readyState >= 2 && document.querySelector('.spectrogram').width > 0")
    return browser


def focus(browser) -> str:
    return browser.run("return document.activeElement.id || document.activeElement.tagName")


def test_axes_tell_hertz_and_seconds(opened):
    texts = "return [...document.querySelectorAll(arguments[0])].map((tick) => tick.textContent)"
    assert opened.run(texts, ".frequencies span") == ["0", "2000", "4000", "6000", "8000 Hz"]
    assert opened.run(texts, ".seconds span") == ["0", "1", "2", "3", "s"]
    place = "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()"
    plot, two = opened.run(place, ".plot"), opened.run(place, ".seconds span:nth-child(3)")
    middle = (two["left"] + two["right"]) / 2
    assert middle == pytest.approx((plot["left"] + plot["right"]) / 2, abs=2)


def test_words_are_boxes_at_their_times(opened, results):
    words = results["words"].iloc[0]
    boxes = opened.run(
        "const plot = document.querySelector('.plot').getBoundingClientRect();"
        "return [...document.querySelectorAll('.word-box')].map((box) => {"
        "const { left, width } = box.getBoundingClientRect();"
        "return [box.textContent, (left - plot.left) / plot.width * 4, width / plot.width * 4]})"
    )
    expected = [[word["text"], word["start_s"], word["end_s"] - word["start_s"]] for word in words]
    assert [box[0] for box in boxes] == [word[0] for word in expected]
    for box, word in zip(boxes, expected, strict=True):
        assert box[1:] == pytest.approx(word[1:], abs=0.04)
    opened.run("document.querySelectorAll('.word-box')[1].click()")
    assert opened.run(f"return {AUDIO}.currentTime") >= words[1]["start_s"] - 0.02


def test_space_plays_and_pauses(opened):
    opened.run("document.querySelector('#utterance h2').focus()")
    opened.press(" ")
    opened.wait(f"return !{AUDIO}.paused && {AUDIO}.currentTime > 0")
    opened.press(" ")
    opened.wait(f"return {AUDIO}.paused")
    assert opened.run("return document.getElementById('utterance').scrollTop") == 0


def test_a_word_loops_at_half_speed(opened, results):
    word = results["words"].iloc[0][1]
    opened.run(
        "const s = document.getElementById('speed'); s.value = '0.5'; s.dispatchEvent(new Event('change'))"
    )
    assert opened.run(f"return {AUDIO}.playbackRate") == 0.5
    opened.press("l")
    assert opened.run("return document.getElementById('loop').ariaPressed") == "true"
    opened.run(
        f"window.turns = 0; let last = 0; {AUDIO}.addEventListener('seeked', () => {{ window.turns += 1; }});"
        "[...document.querySelectorAll('.words .pair:not(.op-deleted)')][1].click()"
    )
    opened.wait("return window.turns >= 3")
    time = opened.run(f"return {AUDIO}.currentTime")
    assert word["start_s"] - 0.15 <= time <= word["end_s"] + 0.35
    assert opened.run(f"return !{AUDIO}.paused")
    opened.press("l", "n")
    opened.wait(f"return {AUDIO}?.readyState >= 2")
    assert opened.run(f"return {AUDIO}.playbackRate") == 0.5


def test_the_player_stays_while_the_panel_scrolls(opened):
    opened.run("document.getElementById('utterance').scrollTop = 400")
    box = opened.run(f"return {AUDIO}.getBoundingClientRect().toJSON()")
    assert 0 <= box["top"] < 120
    assert (
        opened.run("return document.querySelector('.stage').getBoundingClientRect().bottom") < box["bottom"]
    )


def test_escape_returns_the_focus(browser, report):
    from selenium.webdriver.common.keys import Keys

    browser.follow(report, "")
    link = "document.querySelectorAll('.ulist .link')[2]"
    browser.run(f"{link}.focus(); {link}.click()")
    assert focus(browser) == "H2"
    for _ in ("the section is drawn anew beside the panel", "and again without it"):
        browser.run("return new Promise((done) => setTimeout(done, 300))")
        browser.press(Keys.ESCAPE)
        assert browser.run(f"return document.activeElement === {link}")
        browser.run("return new Promise((done) => setTimeout(done, 300))")
        box = browser.run(f"return {link}.getBoundingClientRect().toJSON()")
        assert 0 < box["top"] < browser.run("return innerHeight")
    browser.run("document.getElementById('tab-utterances').click(); document.getElementById('table').focus()")
    browser.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert focus(browser) == "H2"
    browser.press("n")
    assert focus(browser) == "H2"
    browser.press(Keys.ESCAPE)
    assert focus(browser) == "table"


def test_speakers_are_reached_and_chosen_by_keyboard(browser, report):
    from selenium.webdriver.common.keys import Keys

    browser.follow(report, "")
    browser.run("document.querySelector('g.clickable').focus()")
    name = browser.run(
        "return document.activeElement.ariaLabel || document.activeElement.getAttribute('aria-label')"
    )
    browser.press(Keys.ENTER)
    browser.wait(f"return location.hash.includes('filter.record_speaker_id={name}')")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(opened, theme):
    opened.run(
        f"if (document.documentElement.dataset.theme !== '{theme}') document.documentElement.dataset.theme = '{theme}'"
    )
    opened.run("for (const details of document.querySelectorAll('details')) details.open = true")
    found = []
    for tab in opened.run("return [...document.querySelectorAll('[role=tab]')].map((tab) => tab.id)"):
        opened.run(f"document.getElementById('{tab}').click()")
        found += opened.run(CONTRAST)
    assert found == []
