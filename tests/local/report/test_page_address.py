"""The page's address holds what is shown: links, Back, empty filters, expressions, print."""

import pytest

pytestmark = pytest.mark.browser

FILTERED = (
    "#tab=utterances&search=%5CbBRIDGE%5Cb&filter.record_gender=F&filter.signal_duration_s=3..6&sort=ctc_loss"
)


@pytest.fixture
def opened(browser, report):
    """Open the page in a tab with a history of its own."""
    with browser.own_tab():
        browser.open(report)
        yield browser


def test_a_link_shows_tab_filters_and_order(browser, report, results):
    browser.follow(report, FILTERED)
    shown = results[
        results["reference"].str.contains(r"\bBRIDGE\b")
        | results["hypothesis"].fillna("").str.contains(r"\bBRIDGE\b")
    ]
    shown = shown[(shown["record_gender"] == "F") & shown["signal_duration_s"].between(3, 6)]
    assert 0 < len(shown) < 20
    ids = browser.run("return [...document.querySelectorAll('.trow .id')].map((name) => name.textContent)")
    assert ids == list(shown.sort_values("ctc_loss")["utterance_id"])
    assert browser.run("return document.getElementById('tab-utterances').ariaSelected") == "true"
    values = "return [...document.querySelectorAll('[data-key=signal_duration_s] input')].map((i) => i.value)"
    assert browser.run(values) == ["3", "6"]
    assert browser.run("return location.hash") == FILTERED
    assert browser.problems() == []


def test_what_is_chosen_is_in_the_address_and_back_undoes_it(opened):
    assert opened.run("return location.hash") == ""
    opened.run("document.getElementById('tab-utterances').click()")
    opened.run("document.querySelectorAll('.trow')[1].click()")
    name = opened.run("return document.querySelector('#utterance h2').textContent")
    assert opened.run("return location.hash") == f"#tab=utterances&utterance={name}"
    opened.run("document.getElementById('errors-only').click()")
    assert "errors=1" in opened.run("return location.hash")
    for expected in (f"#tab=utterances&utterance={name}", "#tab=utterances", ""):
        opened.run("history.back()")
        opened.wait(f"return location.hash === '{expected}'")
    opened.wait("return document.getElementById('tab-overview').ariaSelected === 'true'")
    assert opened.run("return document.getElementById('utterance').hidden")
    assert not opened.run("return document.getElementById('errors-only').checked")


def test_a_link_to_an_utterance_a_selection_a_color_and_a_theme(browser, report, results):
    name = results["utterance_id"].iloc[3]
    browser.follow(report, f"#tab=map&utterance={name}&only=1-4,9&label=Mine&color=ctc_loss&theme=dark")
    assert browser.run("return document.querySelector('#utterance h2').textContent") == name
    assert browser.run("return document.getElementById('count').textContent").startswith("5 of 160")
    assert "Mine (5)" in browser.run("return document.querySelector('.kept').textContent")
    assert browser.text("#map-color").startswith("CTC loss")
    assert browser.run("return document.documentElement.dataset.theme") == "dark"


def test_a_foreign_address_shows_the_page(browser, report):
    for state in ("#tab=nothing", "#utterance=gone", "#only=x&sort=gone&color=gone", "#filter.gone=1..2",
                  "#only=0-999999999"):  # fmt: skip
        browser.follow(report, state)
        assert browser.count(".tile") == 6
        assert browser.problems() == []


def test_filters_that_leave_nothing_say_so(opened):
    opened.run("document.querySelector('[data-key=record_gender] input').click()")
    opened.run(
        "const input = document.getElementById('search'); input.value = 'zebra';"
        "input.dispatchEvent(new Event('input'))"
    )
    opened.wait("return !document.getElementById('empty').hidden")
    text = opened.run("return document.getElementById('empty').innerText")
    assert "No utterance passes the filters" in text and "search: zebra · gender: F" in text
    assert opened.run("return document.getElementById('panel').hidden")
    opened.run("document.querySelector('#empty button').click()")
    assert not opened.run("return document.getElementById('panel').hidden")
    assert opened.run("return document.querySelectorAll('#panel svg').length") > 3


def test_search_takes_an_expression_and_says_what_is_none(opened, results):
    search = (
        "const input = document.getElementById('search'); input.value = arguments[0];"
        "input.dispatchEvent(new Event('input'))"
    )
    opened.run(search, "^(103|104)-")
    found = int(results["utterance_id"].str.contains("^10[34]-").sum())
    opened.wait(f"return document.getElementById('count').textContent.startsWith('{found} of')")
    assert opened.run("return document.getElementById('search-note').hidden")
    opened.run(search, "(")
    opened.wait("return document.getElementById('count').textContent.startsWith('0 of')")
    assert not opened.run("return document.getElementById('search-note').hidden")


def test_typing_is_one_step_back(opened):
    opened.run("document.getElementById('tab-map').click()")
    for text in ("b", "br", "bri"):
        opened.run(
            "const input = document.getElementById('search'); input.value = arguments[0];"
            "input.dispatchEvent(new Event('input'))",
            text,
        )
        opened.wait(f"return location.hash === '#tab=map&search={text}'")
    opened.run("history.back()")
    opened.wait("return location.hash === '#tab=map'")
    assert opened.run("return document.getElementById('search').value") == ""


def test_print_shows_the_section_alone_and_whole(opened):
    opened.run("document.getElementById('tab-utterances').click(); dispatchEvent(new Event('beforeprint'))")
    assert opened.run("return document.querySelectorAll('.trow').length") == 160
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    visible = "return document.querySelector(arguments[0]).checkVisibility()"
    assert [opened.run(visible, name) for name in ("#filters", "#tabs", ".toolbar")] == [False] * 3
    assert opened.run(visible, "#headline") and opened.run(visible, ".trow")
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_pair_of_systems_is_in_the_address(opened, report):
    opened.follow(report, "#tab=systems&system=this&against=other")
    assert opened.text("#pair h2") == "this against other"
    opened.follow(report, "#tab=systems&system=nobody")
    assert opened.text("#pair h2") == "other against this"
    assert opened.run("return location.hash") == "#tab=systems&system=nobody"
    opened.click(".matrix button.cell", 1)
    chosen = opened.text("#pair h2")
    opened.click(".matrix button.cell", 0)
    assert opened.text("#pair h2") != chosen
    opened.run("history.back()")
    opened.wait(f"return document.querySelector('#pair h2').textContent === '{chosen}'")
    assert opened.problems() == []
