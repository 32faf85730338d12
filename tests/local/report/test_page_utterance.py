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


SPAN = (
    "return document.querySelector('.pictures .note').textContent.match(/([\\d.]+) to ([\\d.]+) shown/)"
    "?.slice(1).map(Number) ?? [0, 4]"
)
BOXES = (
    "const plot = document.querySelector('.plot').getBoundingClientRect();"
    "return [...document.querySelectorAll('.word-box')].filter((box) => box.checkVisibility()).map((box) => {"
    "const { left, width } = box.getBoundingClientRect(); const text = box.firstChild;"
    "return [box.textContent, (left - plot.left) / plot.width, width / plot.width,"
    " text.scrollWidth - text.clientWidth]})"
)


def zoom(browser, key: str, times: int = 1) -> list[float]:
    """Press a key on the time axis, and give what it shows."""
    browser.run("document.querySelector('.plot').focus()")
    browser.press(*[key] * times)
    return browser.run(SPAN)


def test_a_words_box_covers_the_spectrogram_by_its_label_alone(opened):
    heights = "const box = [...document.querySelectorAll('.word-box')].find((box) => box.checkVisibility());"
    heights += "return [box, box.firstChild].map((part) => part.getBoundingClientRect().height)"
    box, label = opened.run(heights)
    assert box > 100 and label < 20


def test_the_axis_zooms_by_keys_wheel_drag_and_double_click(opened):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    plot = opened.driver.find_element("css selector", ".plot")
    low, high = zoom(opened, "+", 2)
    assert high - low == pytest.approx(4 * 0.36, abs=0.02) and low + high == pytest.approx(4, abs=0.02)
    moved = zoom(opened, Keys.ARROW_RIGHT)
    assert moved[0] > low and moved[1] - moved[0] == pytest.approx(high - low, abs=0.02)
    assert zoom(opened, "0") == [0, 4]
    opened.run("document.getElementById('utterance').scrollTop = 0")
    wheel = (
        "const box = document.querySelector('.plot').getBoundingClientRect();"
        "document.querySelector('.plot').dispatchEvent(new WheelEvent('wheel',"
        " {deltaY: -400, clientX: box.left, clientY: box.top + 9, cancelable: true, bubbles: true}))"
    )
    opened.run(wheel)
    low, high = opened.run(SPAN)
    assert low == 0 and high == pytest.approx(4 * 0.549, abs=0.05)
    ActionChains(opened.driver).double_click(plot).perform()
    assert opened.run(SPAN) == [0, 4]
    width = plot.size["width"]
    actions = ActionChains(opened.driver, duration=20).move_to_element_with_offset(plot, -width // 4, -90)
    actions.click_and_hold().move_by_offset(width // 2, 0).release().perform()
    assert opened.run(SPAN) == pytest.approx([1, 3], abs=0.06)
    assert opened.problems() == []


def test_words_are_boxes_at_their_times_where_their_label_fits(opened, results):
    words = results["words"].iloc[0]
    fewest = opened.count(".word-box:not([hidden])")
    low, high = zoom(opened, "+", 3)
    boxes = opened.run(BOXES)
    assert boxes and all(box[3] <= 1 for box in boxes)
    assert len(boxes) >= min(fewest, 1)
    at = {word["text"]: [] for word in words}
    for word in words:
        at[word["text"]].append((word["start_s"], word["end_s"] - word["start_s"]))
    for text, left, width, _ in boxes:
        place = (low + left * (high - low), width * (high - low))
        assert any(place == pytest.approx(times, abs=0.04) for times in at[text]), text


def test_a_word_is_listened_to_and_a_long_diff_is_in_lines_of_time(opened, results):
    words = results["words"].iloc[0]
    zoom(opened, "+", 3)
    first = opened.run("return document.querySelector('.word-box:not([hidden])').textContent")
    opened.click(".word-box:not([hidden])")
    starts = [word["start_s"] for word in words if word["text"] == first]
    assert min(abs(opened.run(f"return {AUDIO}.currentTime") - start) for start in starts) < 0.3
    zoom(opened, "0")
    lines = opened.texts(".time-line > button")
    long = words[-1]["start_s"] >= 4
    assert lines == (["0 s", "4 s", "8 s"][: int(words[-1]["start_s"] // 4) + 1] if long else [])


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
    for _ in ("the section is redrawn beside the panel", "and again without it"):
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
