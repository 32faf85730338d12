"""The shipped files of the bundled corpus, as the corpus readers see them."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from librispeech_clf.corpus import openslr
from librispeech_clf.corpus.load import BUNDLED_FOLDER
from librispeech_clf.development.synthesis.make_corpus import read_versions
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.voices import load_readers

SPLITS = ("training", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return {split: pq.read_table(BUNDLED_FOLDER / f"{split}.parquet").to_pylist() for split in SPLITS}


@pytest.fixture(scope="module")
def every_row(rows) -> list[dict]:
    return [row for own in rows.values() for row in own]


def test_texts_are_those_of_the_sentence_files_each_once_and_test_shares_no_voice(rows, every_row):
    for split in SPLITS:
        assert [row["text"] for row in rows[split]] == [to_transcript(s.text) for s in load_sentences(split)]
    assert len({row["text"] for row in every_row}) == len(every_row) >= 260
    speakers = {split: {row["speaker_id"] for row in rows[split]} for split in SPLITS}
    assert speakers["training"] == speakers["validation"] and not speakers["test"] & speakers["training"]
    assert len(speakers["test"] | speakers["training"]) == 30


def test_columns_ids_and_tables_fit(rows):
    speakers, chapters, books = openslr.read_tables(BUNDLED_FOLDER)
    told = {(own.id, own.gender, own.name) for own in speakers.values()}
    assert told == {(own.id, own.gender, own.name) for own in load_readers()}
    for split in SPLITS:
        for row in rows[split]:
            assert set(row) == {"id", "audio", "text", "speaker_id", "chapter_id", "file"}
            assert row["id"].startswith(f"{row['speaker_id']}-{row['chapter_id']}-")
            assert row["audio"]["path"] == row["file"] == f"{row['id']}.flac"
            chapter = chapters[row["chapter_id"]]
            assert (chapter.speaker_id, chapter.subset) == (row["speaker_id"], split)
            assert chapter.book_id in books


def test_audio_is_16_khz_flac_of_1_to_30_s_neither_silent_nor_clipped(every_row):
    lengths = []
    for place, row in enumerate(every_row):
        information = soundfile.info(io.BytesIO(row["audio"]["bytes"]))
        assert (information.samplerate, information.channels, information.format) == (16_000, 1, "FLAC")
        lengths.append(information.duration)
        if place % 10 == 0:
            samples, _ = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
            assert -36 < 20 * np.log10(samples.std()) < -20 and np.abs(samples).max() <= 0.99
    assert 1 < min(lengths) < 1.5 and 25 < max(lengths) < 30


def test_conditions_cover_the_corpus(rows, every_row):
    lines = (BUNDLED_FOLDER / "CONDITIONS.TXT").read_text().splitlines()
    table = [[field.strip() for field in line.split("|")] for line in lines if not line.startswith(";")]
    fields = {name: own for name, *own in table}
    unlabeled = pq.read_table(BUNDLED_FOLDER / "unlabeled.parquet").to_pylist()
    assert set(fields) == {row["id"] for row in (*every_row, *unlabeled)}
    humming = {row["id"] for row in unlabeled if fields[row["id"]][1] == "hum"}
    german = {row["id"] for row in unlabeled if row["accent"] == "German"}
    assert len(unlabeled) == 40 and "text" not in unlabeled[0]
    assert len(humming) >= 12 and len(german) >= 12 and not humming & german
    for split, share in (("training", 0.2), ("validation", 0.0), ("test", 0.2)):
        own = [fields[row["id"]] for row in rows[split]]
        disturbed = [field for field in own if field[1] != "none" or float(field[3]) > 0]
        assert len(disturbed) / len(own) == pytest.approx(share, abs=0.05)


def test_the_corpus_is_small_and_its_card_says_synthetic_and_records_versions():
    assert sum(path.stat().st_size for path in BUNDLED_FOLDER.iterdir()) < 25_000_000
    text = (BUNDLED_FOLDER / "CARD.md").read_text()
    assert "This is synthetic speech" in text
    assert {"espeak-ng", "flite", "festival", "numpy", "libsndfile"} <= set(read_versions(text))
