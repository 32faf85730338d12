"""A page that holds a sample: the figures of all utterances, as the page that holds them all computes them."""

import json
import re
from collections import Counter

import pandas as pd
import pyarrow
import pytest

from librispeech_clf import atomic_write
from librispeech_clf.local.analysis.error_kinds import count_letters
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.summary import analyze
from librispeech_clf.local.report import pages
from librispeech_clf.local.report.expectations import list_tables
from librispeech_clf.local.report.page import write_page
from librispeech_clf.text.alignment import align_characters
from tests.local.report.conftest import make_systems, simulate

SAMPLE = 50


@pytest.fixture(scope="module")
def run(make_results, tmp_path_factory):
    """A run of 160 recordings and some simulated ones: its table on the disk, systems and analysis."""
    results = make_results(160, speakers=30)
    results["corpus_snr_db"] = [float(row % 37) for row in range(160)]
    results["corpus_room"] = [["lab 10", "lab 9", "car"][row % 3] for row in range(160)]
    folder = tmp_path_factory.mktemp("run")
    table = pd.concat([results, simulate(results[:20], 20.0)], ignore_index=True)
    table.to_parquet(folder / "results.parquet")
    systems = make_systems(results)
    records = {name: Record(of_system) for name, of_system in systems.items()}
    analysis = analyze({**records, "this": Record(folder / "results.parquet")})
    return folder, systems, analysis


def write(run, folder, most, monkeypatch, **options):
    source, systems, analysis = run
    monkeypatch.setattr(pages, "MOST_ON_INDEX", most)
    options = {"audio": None, "systems": systems, "title": "test", "description": {"split": "test"}} | options
    pages.write_pages(
        folder, source / "results.parquet", analysis, speed={"audio_s": 9.0}, notes={}, **options
    )
    return folder / "index.html"


def read_payload(path):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1]
    )


TILES = (
    "return [...document.querySelectorAll('.tile')].map((tile) => ({...tile.dataset, text: tile.innerText}))"
)


def test_up_to_the_limit_it_is_the_one_page_of_all(run, tmp_path, monkeypatch):
    source, systems, analysis = run
    path = write(run, tmp_path / "a", 160, monkeypatch)
    one = write_page(
        tmp_path / "b" / "index.html", pd.read_parquet(source / "results.parquet"), systems=systems,
        analysis={**vars(analysis), "speed": {"audio_s": 9.0}, "tables": list_tables(analysis)},
            title="test", description={"split": "test"},
    )  # fmt: skip
    assert path.read_bytes() == one.read_bytes()
    assert [each.name for each in tmp_path.joinpath("a").iterdir()] == ["index.html"]


@pytest.mark.browser
def test_sample_shows_the_figures_of_all(browser, run, tmp_path, monkeypatch):
    shown = {}
    for name, most in (("all", 160), ("sample", SAMPLE)):
        browser.open(write(run, tmp_path / name, most, monkeypatch))
        shown[name, "tiles"] = browser.run(TILES)
        shown[name, "overview"] = browser.texts(
            "#panel .card svg text, #panel .kinds .counts, #systems-table tr"
        )
        browser.show("dashboards")
        shown[name, "dashboards"] = browser.texts("#panel .card svg text")
        browser.show("confusions")
        shown[name, "confusions"] = browser.texts(".card.list, .words-card td")
        browser.show("systems")
        shown[name, "systems"] = browser.texts("#systems-table tr, .card.matrix td, #pair dd")
        assert browser.problems() == []
    for one, other in zip(shown["all", "tiles"], shown["sample", "tiles"], strict=True):
        assert one.pop("text") == other.pop("text")
        assert {k: float(v or -1) for k, v in one.items() if k != "figure"} == pytest.approx(
            {k: float(v or -1) for k, v in other.items() if k != "figure"}, rel=1e-4
        )
    for section in ("overview", "systems", "dashboards"):
        assert sorted(shown["sample", section]) == sorted(shown["all", section])  # cards are dealt by height
    alone = [text.replace("all utterances", "").strip() for text in shown["sample", "confusions"]]
    assert [" ".join(text.split()) for text in alone] == [
        " ".join(text.split()) for text in shown["all", "confusions"]
    ]


@pytest.mark.browser
def test_filter_is_of_the_sample_and_says_so(browser, run, tmp_path, monkeypatch):
    path = write(run, tmp_path, SAMPLE, monkeypatch)
    browser.open(path)
    assert "all 160" in browser.text("#scope") and f"{SAMPLE} of them" in browser.text("#scope")
    assert "pandas.read_parquet" in browser.text("#panel")
    browser.run(
        "document.querySelector('[aria-label=\"room: car\"]').dispatchEvent(new Event('click', {bubbles: true}))"
    )
    payload = read_payload(path)
    rooms = next(column for column in payload["columns"] if column["key"] == "corpus_room")
    browser.wait_for_count(sum(rooms["levels"][code] == "car" for code in rooms["values"]))
    assert "filter is set" in browser.text("#scope")
    assert browser.problems() == []


@pytest.mark.browser
def test_pages_beside_open_and_lead_back(browser, run, tmp_path, monkeypatch):
    path = write(run, tmp_path, SAMPLE, monkeypatch)
    browser.open(path)
    links = browser.run(
        "return [...document.querySelectorAll('#panel a')].map((link) => link.getAttribute('href'))"
    )
    written = {f"pages/{each.name}" for each in (tmp_path / "pages").iterdir()}
    assert {"pages/worst.html", "pages/failed.html", "pages/simulated.html"} <= set(links) == written
    for link in sorted(written):
        browser.open(tmp_path / link)
        assert "All figures are of these" in browser.text("#scope")
        assert browser.run("return document.querySelector('#scope a').href").endswith("/index.html")
        assert browser.problems() == []


def test_sample_is_drawn_the_same_and_pages_hold_the_worst(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MOST_ON_PAGE", 7)
    paths = [write(run, tmp_path / name, SAMPLE, monkeypatch) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(read_payload(paths[0])["ids"]) == SAMPLE
    results = pd.read_parquet(run[0] / "results.parquet").query("simulation.isna()")
    errors = results[["word_substitutions", "word_deletions", "word_insertions"]].sum(axis=1)
    worst = read_payload(tmp_path / "a" / "pages" / "worst.html")
    assert worst["ids"] == list(
        results["utterance_id"][errors.sort_values(ascending=False, kind="stable").index[:7]]
    )
    (tmp_path / "a" / "pages" / "finding-99.html").touch()
    write(run, tmp_path / "a", SAMPLE, monkeypatch)
    assert not (tmp_path / "a" / "pages" / "finding-99.html").exists()


def test_rows_are_read_across_row_groups(run, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_write, "ROW_GROUP", 16)
    whole = pyarrow.parquet.read_table(run[0] / "results.parquet")
    atomic_write.write_table(tmp_path / "results.parquet", whole)
    rows = pyarrow.array([0, 15, 16, 100, 179])
    assert pages.take_rows(tmp_path / "results.parquet", rows.to_numpy()).equals(whole.take(rows))
    assert len(pages.take_rows(tmp_path / "results.parquet", rows.to_numpy()[:0])) == 0


def test_letters_are_counted_as_they_are_aligned(run):
    results = pd.read_parquet(run[0] / "results.parquet").dropna(subset=["reference", "hypothesis"])
    pairs = [
        (one.strip(), two.strip())
        for one, two in zip(results["reference"], results["hypothesis"], strict=True)
    ]
    pairs += [("kitten", "sitting"), ("", "a b"), ("a b", ""), ("aab", "ba")]
    aligned = Counter(edit[1:] for pair in pairs for edit in align_characters(*pair))
    assert +count_letters(pairs) == aligned


@pytest.mark.parametrize(
    ("travels", "inside", "beside"), [("inside", SAMPLE, 0), ("folder", 0, SAMPLE), ("none", 0, 0)]
)
def test_recordings_travel_as_asked(run, make_audio, tmp_path, monkeypatch, travels, inside, beside):
    audio = make_audio()
    path = write(run, tmp_path, SAMPLE, monkeypatch, audio=lambda _: audio, travels=travels)
    assert path.read_text().count('class="audio">') == inside
    assert len(list((tmp_path / "audio").glob("000/*.js"))) == beside
    assert (tmp_path / "pages" / "worst-audio" / "000").is_dir() == bool(beside)
