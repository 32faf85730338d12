"""The page's address holds what is shown: links, Back, empty filters, expressions, print."""

import pytest

pytestmark = pytest.mark.browser

FILTERED = (
    "#tab=utterances&search=%5CbBRIDGE%5Cb&filter.record_gender=F&filter.signal_duration_s=3..6&sort=ctc_loss"
)


@pytest.fixture
def own(browser, report):
    """Open the page in a tab with a history of its own."""
    with browser.own_tab():
        browser.open(report)
        yield browser
        assert browser.problems() == []


def test_a_link_shows_tab_filters_and_order(browser, report, results):
    browser.open(report, FILTERED)
    texts = results["reference"] + " " + results["hypothesis"].fillna("")
    shown = results[texts.str.contains(r"\bBRIDGE\b") & results["signal_duration_s"].between(3, 6)]
    shown = shown[shown["record_gender"] == "F"].sort_values("ctc_loss")
    assert 0 < len(shown) < 20
    assert browser.texts(".trow .id") == list(shown["utterance_id"])
    assert browser.read("#tab-utterances", "ariaSelected") == "true"
    assert browser.texts("[data-key=signal_duration_s] input", "value") == ["3", "6"]
    assert browser.hash == FILTERED
    assert browser.problems() == []


def test_what_is_chosen_is_in_the_address_and_back_undoes_it(own):
    assert own.hash == ""
    own.show("utterances")
    own.click(".trow", 1)
    opened = f"#tab=utterances&utterance={own.read('#utterance h2')}"
    assert own.hash == opened
    own.click("#errors-only")
    assert "errors=1" in own.hash
    for expected in (opened, "#tab=utterances", ""):
        own.back(expected)
    own.wait("return document.getElementById('tab-overview').ariaSelected === 'true'")
    assert own.read("#utterance", "hidden")
    assert not own.read("#errors-only", "checked")
    own.show("map")
    for text in ("b", "br", "bri"):  # what is typed is one step
        own.enter("#search", text)
        own.wait(f"return location.hash === '#tab=map&search={text}'")
    own.back("#tab=map")
    assert own.read("#search", "value") == ""


def test_a_link_to_an_utterance_a_selection_a_color_and_a_theme(browser, report, results):
    name = results["utterance_id"].iloc[3]
    browser.open(report, f"#tab=map&utterance={name}&only=1-4,9&label=Mine&color=ctc_loss&theme=dark")
    assert browser.read("#utterance h2") == name
    assert browser.read("#count").startswith("5 of 160")
    assert "Mine (5)" in browser.read(".kept")
    assert browser.text("#map-color").startswith("CTC loss")
    assert browser.run("return document.documentElement.dataset.theme") == "dark"


def test_a_foreign_address_shows_the_page(opened):
    for state in ("tab=nothing", "utterance=gone", "only=x&sort=gone&color=gone", "filter.gone=1..2",
                  "only=0-999999999"):  # fmt: skip
        opened.go(f"#{state}")
        assert opened.count(".tile") == 6


def test_print_shows_the_section_alone_and_whole(opened):
    opened.show("utterances")
    printed = "dispatchEvent(new Event('beforeprint')); return document.querySelectorAll('.trow').length"
    assert opened.run(printed) == 160
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden, shown = ("#filters", "#tabs", ".toolbar"), ("#headline", ".trow")
    assert [opened.is_visible(name) for name in (*hidden, *shown)] == [False] * 3 + [True] * 2
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    opened.run("dispatchEvent(new Event('afterprint'))")


def test_the_pair_of_systems_is_in_the_address(own):
    own.go("#tab=systems&system=this&against=other")
    assert own.text("#pair h2") == "this against other"
    own.go("#tab=systems&system=nobody")
    assert own.text("#pair h2") == "other against this"
    assert own.hash == "#tab=systems&system=nobody"
    own.click(".matrix button.cell", 1)
    chosen = own.text("#pair h2")
    own.click(".matrix button.cell", 0)
    assert own.text("#pair h2") != chosen
    own.run("history.back()")
    own.wait(f"return document.querySelector('#pair h2').textContent === '{chosen}'")
