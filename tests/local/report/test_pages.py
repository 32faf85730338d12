"""A page that holds a sample: the figures of all utterances, as the page that holds them all computes them."""

import json
import re
import unittest.mock
from collections import Counter

import pyarrow
import pytest

from librispeech_clf import atomic_write
from librispeech_clf.local.analysis.error_kinds import count_letters
from librispeech_clf.local.report import page as pages
from librispeech_clf.local.report.expectations import list_tables
from librispeech_clf.local.report.page import write_page
from librispeech_clf.text.alignment import align_characters
from tests.local.report.conftest import BOUNDS, COUNTS

SAMPLE = 50
PAGE = {"title": "test", "description": {"split": "test"}, "audio": None}
TOLD = {**PAGE, "speed": {"audio_s": 9.0}, "bounds": BOUNDS, "notes": {}}
TILES = (
    "return [...document.querySelectorAll('.tile')].map((tile) => ({...tile.dataset, text: tile.innerText}))"
)
FIGURES = {
    "overview": "#panel .card svg text, #panel .kinds .counts, #systems-table tr",
    "dashboards": "#panel .card svg text",
    "confusions": ".card.list, .words-card td",
    "systems": "#systems-table tr, .card.matrix td, #pair dd",
}


def write(run, folder, most=SAMPLE, **options):
    """Write the run's pages, up to `most` recordings in one; give index.html."""
    with unittest.mock.patch.multiple(pages, MOST_ON_INDEX=most, MOST_ON_PAGE=7):
        pages.write_pages(folder, run.path, run.analysis, **TOLD | {"systems": run.systems} | options)
    return folder / "index.html"


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    return write(run, tmp_path_factory.mktemp("whole"), most=160)


@pytest.fixture(scope="module")
def sample(run, tmp_path_factory):
    return write(run, tmp_path_factory.mktemp("sample"))


def read_payload(path):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1]
    )


def test_up_to_the_limit_it_is_the_one_page_of_all(run, whole, tmp_path):
    analysis = {**vars(run.analysis), "speed": {"audio_s": 9.0}, "tables": list_tables(run.analysis)}
    one = write_page(tmp_path / "b.html", run.table, systems=run.systems, analysis=analysis, **PAGE)
    assert whole.read_bytes() == one.read_bytes()
    assert [each.name for each in whole.parent.iterdir()] == ["index.html"]


@pytest.mark.browser
def test_sample_shows_the_figures_of_all_and_sections_bear_the_real_analysis(browser, run, whole, sample):
    figures, texts = [], []
    for page in (whole, sample):
        browser.open(page)
        tiles = browser.run(TILES)
        figures.append([float(tile.get(key) or -1) for tile in tiles for key in ("value", "low", "high")])
        shown = {"tiles": [(tile.get("figure"), tile["text"]) for tile in tiles]}
        for section in browser.list_sections():
            if section != "overview":
                browser.show(section)
            text = browser.text("#panel")
            assert len(text) > 60 and not re.search(r"undefined|NaN|\[object", text)
            if section == "clusters":
                for cluster in run.analysis.clusters.clusters:
                    assert f"{len(cluster.utterance_ids)} of {cluster.speakers} speaker" in text
            told = [
                each.replace("all utterances", "") for each in browser.texts(FIGURES.get(section, "none"))
            ]
            shown[section] = sorted(" ".join(each.split()) for each in told)  # cards are dealt by height
        texts.append(shown)
        assert browser.problems() == []
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    assert texts[0] == texts[1]


@pytest.mark.browser
def test_filter_is_of_the_sample_and_says_so_and_pages_beside_open_and_lead_back(browser, sample):
    browser.open(sample)
    assert "all 160" in browser.text("#scope") and f"{SAMPLE} of them" in browser.text("#scope")
    assert "pandas.read_parquet" in browser.text("#panel")
    links = browser.run(
        "return [...document.querySelectorAll('#panel a')].map((a) => a.getAttribute('href'))"
    )
    browser.click('[aria-label="room: car"]')
    rooms = next(column for column in read_payload(sample)["columns"] if column["key"] == "corpus_room")
    browser.wait_for_count(sum(rooms["levels"][code] == "car" for code in rooms["values"]))
    assert "filter is set" in browser.text("#scope")
    written = {f"pages/{each.name}" for each in (sample.parent / "pages").iterdir()}
    assert {"pages/worst.html", "pages/failed.html", "pages/simulated.html"} <= set(links) == written
    for link in sorted(written):
        browser.open(sample.parent / link)
        assert "All figures cover only these" in browser.text("#scope")
        assert browser.read("#scope a", "href").endswith("/index.html")
    assert browser.problems() == []


def test_sample_is_drawn_the_same_and_pages_hold_the_worst(run, results, sample, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "finding-99.html").touch()
    assert write(run, tmp_path).read_bytes() == sample.read_bytes()
    assert len(read_payload(sample)["ids"]) == SAMPLE
    worst = results[COUNTS].sum(axis=1).sort_values(ascending=False, kind="stable").index[:7]
    shown = read_payload(tmp_path / "pages" / "worst.html")["ids"]
    assert shown == list(results["utterance_id"][worst])
    assert not (tmp_path / "pages" / "finding-99.html").exists()


def test_rows_are_read_across_row_groups(run, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_write, "ROW_GROUP", 16)
    whole = pyarrow.parquet.read_table(run.path)
    atomic_write.write_table(tmp_path / "results.parquet", whole)
    rows = pyarrow.array([0, 15, 16, 100, 179])
    assert pages.take_rows(tmp_path / "results.parquet", rows.to_numpy()).equals(whole.take(rows))
    assert len(pages.take_rows(tmp_path / "results.parquet", rows.to_numpy()[:0])) == 0


def test_letters_are_counted_as_they_are_aligned(run):
    texts = run.table.dropna(subset=["reference", "hypothesis"])[["reference", "hypothesis"]]
    pairs = [(one.strip(), two.strip()) for one, two in texts.itertuples(index=False)]
    pairs += [("kitten", "sitting"), ("", "a b"), ("a b", ""), ("aab", "ba")]
    aligned = Counter(edit[1:] for pair in pairs for edit in align_characters(*pair))
    assert +count_letters(pairs) == aligned


@pytest.mark.parametrize(
    ("travels", "inside", "beside"), [("inside", SAMPLE, 0), ("folder", 0, SAMPLE), ("none", 0, 0)]
)
def test_recordings_travel_as_asked(run, make_audio, tmp_path, travels, inside, beside):
    audio = make_audio()
    path = write(run, tmp_path, audio=lambda _: audio, travels=travels)
    assert path.read_text().count('class="audio">') == inside
    assert len(list((tmp_path / "audio").glob("000/*.js"))) == beside
    assert (tmp_path / "pages" / "worst-audio" / "000").is_dir() == bool(beside)
