"""The shipped files of the bundled corpus, as the corpus readers see them."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

import librispeech_clf.corpus
from librispeech_clf.corpus import openslr
from librispeech_clf.development.synthesis import card
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.voices import load_readers

FOLDER = Path(librispeech_clf.corpus.__path__[0]) / "bundled"
SPLITS = ("training", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return {split: pq.read_table(FOLDER / f"{split}.parquet").to_pylist() for split in SPLITS}


def test_size_fits_into_the_package():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 25_000_000


def test_text_is_that_of_the_sentence_files(rows):
    for split in SPLITS:
        assert [row["text"] for row in rows[split]] == [to_transcript(s.text) for s in load_sentences(split)]
    assert sum(map(len, rows.values())) >= 240


def test_splits_share_no_sentence_and_test_shares_no_voice(rows):
    texts = [row["text"] for split in SPLITS for row in rows[split]]
    assert len(texts) == len(set(texts))
    speakers = {split: {row["speaker_id"] for row in rows[split]} for split in SPLITS}
    assert speakers["training"] == speakers["validation"] and not speakers["test"] & speakers["training"]
    assert len(speakers["test"] | speakers["training"]) == 30


def test_columns_and_ids(rows):
    for row in (row for split in SPLITS for row in rows[split]):
        assert set(row) == {"id", "audio", "text", "speaker_id", "chapter_id", "file"}
        assert row["id"].startswith(f"{row['speaker_id']}-{row['chapter_id']}-")
        assert row["audio"]["path"] == row["file"] == f"{row['id']}.flac"


def test_audio_is_16_khz_flac_of_1_to_30_s(rows):
    lengths = []
    for row in (row for split in SPLITS for row in rows[split]):
        information = soundfile.info(io.BytesIO(row["audio"]["bytes"]))
        assert (information.samplerate, information.channels, information.format) == (16_000, 1, "FLAC")
        lengths.append(information.duration)
    assert 1 < min(lengths) < 1.5 and 25 < max(lengths) < 30


def test_samples_are_neither_silent_nor_clipped(rows):
    for row in (row for split in SPLITS for row in rows[split][::10]):
        samples, _ = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        assert -36 < 20 * np.log10(samples.std()) < -20 and np.abs(samples).max() <= 0.99


def test_tables_fit_the_utterances(rows):
    speakers, chapters, books = openslr.read_tables(FOLDER)
    assert {(s.id, s.gender, s.name) for s in speakers.values()} == {
        (r.id, r.gender, r.name) for r in load_readers()
    }
    for split in SPLITS:
        for row in rows[split]:
            chapter = chapters[row["chapter_id"]]
            assert (chapter.speaker_id, chapter.subset) == (row["speaker_id"], split)
            assert chapter.book_id in books


def test_conditions_cover_the_corpus(rows):
    lines = [
        line for line in (FOLDER / "CONDITIONS.TXT").read_text().splitlines() if not line.startswith(";")
    ]
    fields = {line.split("|")[0].strip(): [field.strip() for field in line.split("|")[1:]] for line in lines}
    unlabeled = pq.read_table(FOLDER / "unlabeled.parquet").to_pylist()
    assert set(fields) == {row["id"] for rows in (*rows.values(), unlabeled) for row in rows}
    humming = {row["id"] for row in unlabeled if fields[row["id"]][1] == "hum"}
    german = {row["id"] for row in unlabeled if row["accent"] == "German"}
    assert len(unlabeled) == 40 and "text" not in unlabeled[0]
    assert len(humming) >= 12 and len(german) >= 12 and not humming & german
    for split, share in (("training", 0.2), ("validation", 0.0), ("test", 0.2)):
        own = [fields[row["id"]] for row in rows[split]]
        disturbed = [field for field in own if field[1] != "none" or float(field[3]) > 0]
        assert len(disturbed) / len(own) == pytest.approx(share, abs=0.05)


def test_card_says_synthetic_and_records_versions():
    text = (FOLDER / "CARD.md").read_text()
    assert "This is synthetic speech" in text
    assert {"espeak-ng", "flite", "festival", "numpy", "libsndfile"} <= set(card.read_versions(text))
