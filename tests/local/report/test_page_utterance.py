"""One utterance in the page: axes, word boxes, playing, looping, keys, focus."""

import pytest

pytestmark = pytest.mark.browser

AUDIO = "document.querySelector('#utterance audio')"
SPAN = (
    "return document.querySelector('.pictures .note').textContent.match(/([\\d.]+) to ([\\d.]+) shown/)"
    "?.slice(1).map(Number) ?? [0, 4]"
)
BOXES = (
    "const plot = document.querySelector('.plot').getBoundingClientRect();"
    "return [...document.querySelectorAll('.word-box')].filter((box) => box.checkVisibility()).map((box) => {"
    "const { left, width, height } = box.getBoundingClientRect(); const text = box.firstChild;"
    "return [box.textContent, (left - plot.left) / plot.width, width / plot.width,"
    " text.scrollWidth - text.clientWidth, height, text.getBoundingClientRect().height]})"
)


@pytest.fixture
def opened(browser, report, results):
    """Open the page's first utterance."""
    browser.reset(report, f"#tab=utterances&utterance={results['utterance_id'].iloc[0]}")
    browser.wait(f"return {AUDIO}?.readyState >= 2 && document.querySelector('.spectrogram').width > 0")
    yield browser
    assert browser.problems() == []


def focus(browser) -> str:
    return browser.run("return document.activeElement.id || document.activeElement.tagName")


def zoom(browser, key: str, times: int = 1) -> list[float]:
    """Press a key on the time axis, and give what it shows."""
    browser.run("document.querySelector('.plot').focus()")
    browser.press(*[key] * times)
    return browser.run(SPAN)


def test_axes_tell_hertz_and_seconds(opened):
    assert opened.texts(".frequencies span") == ["0", "2000", "4000", "6000", "8000 Hz"]
    assert opened.texts(".seconds span") == ["0", "1", "2", "3", "s"]
    plot, two = opened.box(".plot"), opened.box(".seconds span:nth-child(3)")
    assert two["left"] + two["right"] == pytest.approx(plot["left"] + plot["right"], abs=4)


def test_the_axis_zooms_by_keys_wheel_drag_and_double_click(opened):
    plot = opened.find(".plot")
    low, high = zoom(opened, "+", 2)
    assert high - low == pytest.approx(4 * 0.36, abs=0.02) and low + high == pytest.approx(4, abs=0.02)
    moved = zoom(opened, opened.keys.ARROW_RIGHT)
    assert moved[0] > low and moved[1] - moved[0] == pytest.approx(high - low, abs=0.02)
    assert zoom(opened, "0") == [0, 4]
    opened.run("document.getElementById('utterance').scrollTop = 0")
    opened.run(
        "const box = document.querySelector('.plot').getBoundingClientRect();"
        "document.querySelector('.plot').dispatchEvent(new WheelEvent('wheel',"
        " {deltaY: -400, clientX: box.left, clientY: box.top + 9, cancelable: true, bubbles: true}))"
    )
    low, high = opened.run(SPAN)
    assert low == 0 and high == pytest.approx(4 * 0.549, abs=0.05)
    opened.actions.double_click(plot).perform()
    assert opened.run(SPAN) == [0, 4]
    width = plot.size["width"]
    actions = opened.actions.move_to_element_with_offset(plot, -width // 4, -90)
    actions.click_and_hold().move_by_offset(width // 2, 0).release().perform()
    assert opened.run(SPAN) == pytest.approx([1, 3], abs=0.06)


def test_words_are_boxes_at_their_times_where_their_label_fits_and_are_listened_to(opened, results):
    times = {}
    for word in results["words"].iloc[0]:
        times.setdefault(word["text"], []).append((word["start_s"], word["end_s"] - word["start_s"]))
    fewest = opened.count(".word-box:not([hidden])")
    low, high = zoom(opened, "+", 3)
    boxes = opened.run(BOXES)
    assert len(boxes) >= max(fewest, 1)
    for text, left, width, cut, height, label in boxes:
        place = (low + left * (high - low), width * (high - low))
        assert any(place == pytest.approx(of_word, abs=0.04) for of_word in times[text]), text
        assert cut <= 1 and height > 100 and label < 20  # it covers the spectrogram by its label alone
    first = opened.read(".word-box:not([hidden])")
    opened.run(f"{AUDIO}.play = async () => {{}}")  # it stays where it is set, on a busy machine, too
    opened.click(".word-box:not([hidden])")
    heard = opened.run(f"delete {AUDIO}.play; return {AUDIO}.currentTime")
    assert min(abs(heard - start) for start, _ in times[first]) < 0.05
    zoom(opened, "0")
    latest = max(start for of_word in times.values() for start, _ in of_word)
    lines = ["0 s", "4 s", "8 s"][: int(latest // 4) + 1] if latest >= 4 else []
    assert opened.texts(".time-line > button") == lines  # a long diff is in lines of time


def test_space_plays_and_pauses_and_the_player_stays_while_the_panel_scrolls(opened):
    opened.run("document.querySelector('#utterance h2').focus()")
    opened.press(" ")
    opened.wait(f"return !{AUDIO}.paused && {AUDIO}.currentTime > 0")
    opened.press(" ")
    opened.wait(f"return {AUDIO}.paused")
    assert opened.read("#utterance", "scrollTop") == 0
    opened.run("document.getElementById('utterance').scrollTop = 400")
    player = opened.box("#utterance audio")
    assert 0 <= player["top"] < 120
    assert opened.box(".stage")["bottom"] < player["bottom"]


def test_a_word_loops_at_half_speed(opened, results):
    word = results["words"].iloc[0][1]
    opened.enter("#speed", "0.5")
    assert opened.run(f"return {AUDIO}.playbackRate") == 0.5
    opened.press("l")
    assert opened.read("#loop", "ariaPressed") == "true"
    opened.run(f"window.turns = 0; {AUDIO}.addEventListener('seeked', () => {{ window.turns += 1; }})")
    opened.click(".words .pair:not(.op-deleted)", 1)
    opened.wait("return window.turns >= 3")
    time = opened.run(f"return {AUDIO}.currentTime")
    assert word["start_s"] - 0.15 <= time <= word["end_s"] + 0.35
    assert opened.run(f"return !{AUDIO}.paused")
    opened.press("l", "n")
    opened.wait(f"return {AUDIO}?.readyState >= 2")
    assert opened.run(f"return {AUDIO}.playbackRate") == 0.5
    opened.enter("#speed", "1")


def test_escape_returns_the_focus(browser, report):
    browser.open(report)
    link = "document.querySelectorAll('.ulist .link')[2]"
    browser.run(f"{link}.focus(); {link}.click()")
    assert focus(browser) == "H2"
    for _ in ("the section is redrawn beside the panel", "and again without it"):
        browser.rest()
        browser.press(browser.keys.ESCAPE)
        assert browser.run(f"return document.activeElement === {link}")
        browser.rest()
        box = browser.run(f"return {link}.getBoundingClientRect().toJSON()")
        assert 0 < box["top"] < browser.run("return innerHeight")
    browser.show("utterances")
    browser.run("document.getElementById('table').focus()")
    for keys, focused in (
        ((browser.keys.ARROW_DOWN, browser.keys.ENTER), "H2"), (("n",), "H2"), ((browser.keys.ESCAPE,), "table")
    ):  # fmt: skip
        browser.press(*keys)
        assert focus(browser) == focused
