"""The command describe-corpus, and what it counts."""

import io

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import rich.console
import soundfile

from librispeech_clf.corpus.schema import Speaker, Split, Utterance
from librispeech_clf.local.commands.describe_corpus import (
    SplitStatistics,
    describe_split,
    main,
    statistics_table,
)
from tests.helpers.letters import VOCABULARY
from tests.helpers.made_utterances import dataset_from_utterances


def encode(seconds: float) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(int(seconds * 16_000)), 16_000, format="FLAC")
    return buffer.getvalue()


@pytest.fixture
def split() -> Split:
    texts = ["THE CAT", "THE DOG SAT", "INDEMNIFICATION", ""]
    utterances = [
        Utterance(
            id=f"{speaker}-1-{number:04d}",
            text=text,
            speaker_id=speaker,
            chapter_id=1,
            audio_bytes=encode(1 + number),
            audio_path=None,
        )
        for number, (text, speaker) in enumerate(zip(texts, (1, 1, 2, 3), strict=True))
    ]
    speakers = {
        1: Speaker(id=1, gender="F", subset="own", total_minutes=1.0, name="Ada"),
        2: Speaker(id=2, gender="M", subset="own", total_minutes=1.0, name="Bob"),
    }
    dataset = dataset_from_utterances(utterances)
    return Split(
        name="test", dataset=dataset, row_counts={"own": 4}, speakers=speakers, chapters={}, books={}
    )


def test_counts(split):
    statistics = describe_split(split, VOCABULARY)
    assert statistics.utterances == 4
    assert statistics.seconds == (1.0, 2.0, 3.0, 4.0)
    assert statistics.speakers == {"?": 1, "F": 1, "M": 1}
    assert statistics.words == (2, 3, 1, 0)
    assert len(statistics.readability) == 3 and statistics.readability[2] > 9 > 5 > statistics.readability[0]


def test_command_prints_the_bundled_corpus(capsys):
    assert main(["--source", "sample"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, speakers in (("training", "9 F, 9 M"), ("validation", "9 F, 9 M"), ("test", "6 F, 6 M")):
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert speakers in line


def test_command_says_what_normalization_took_out(capsys, tmp_path, monkeypatch):
    audio = [{"bytes": encode(1), "path": f"{name}.flac"} for name in "ab"]
    table = pyarrow.table({"audio": audio, "text": ["Well-known, he said.", "PLAIN"]})
    pyarrow.parquet.write_table(table, tmp_path / "test.parquet")
    for normalization, line in (
        ("letters", "test: text.normalize letters: 1 of 2 transcripts changed; signs taken out: 3"),
        ("strict", None),
    ):
        monkeypatch.setenv("LIBRISPEECH_NORMALIZE", normalization)
        main(["--source", "files", "--root", str(tmp_path)])
        printed = capsys.readouterr().out
        assert ("text.normalize" in printed) == (line is not None) and (line or "") in printed


def test_subsets_of_the_environment_count_for_a_source_of_the_command_line(capsys, tmp_path, monkeypatch):
    pyarrow.parquet.write_table(
        pyarrow.table({"audio": [encode(1)], "text": ["A"]}), tmp_path / "mine.parquet"
    )
    monkeypatch.setenv("LIBRISPEECH_SUBSETS", "mine")
    assert main(["--source", "files", "--root", str(tmp_path)]) == 0
    assert "not there" not in capsys.readouterr().out


def test_signs_without_letters_and_further_columns_are_told(capsys, tmp_path):
    table = {
        "audio": [encode(1)] * 3,
        "text": ["ROOM 12", "A & B 2", "PLAIN"],
        "accent": ["irish"] * 3,
        "age": [3] * 3,
    }
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "test.parquet")
    assert main(["--source", "files", "--root", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "test: 2 of 3 transcripts hold signs that the model has no letters for: & 1 2" in lines
    assert "test: further columns: accent (string), age (float)" in lines


def test_table_of_a_corpus_of_librispeechs_size_fits_80_columns():
    statistics = SplitStatistics(
        name="validation", utterances=104_014, seconds=(1.6,) * 99_999 + (35.2,), words=(1, 96),
        speakers={"F": 1201, "M": 1283}, readability=(0.1, 19.2),
    )  # fmt: skip
    for width, shown in ((80, ("1201 F, 1283 M", "0.1-19.2")), (40, ())):
        console = rich.console.Console(width=width, file=io.StringIO())
        console.print(statistics_table("Corpus", [statistics]))
        printed = console.file.getvalue()
        assert "\u2026" not in printed and all(figures in printed for figures in shown)


def test_row_that_cannot_be_evaluated_is_named(capsys, tmp_path):
    table = pyarrow.table({"audio": [encode(1)] * 2, "text": ["A", None], "id": ["a", "b"]})
    pyarrow.parquet.write_table(table, tmp_path / "test.parquet")
    assert main(["--source", "files", "--root", str(tmp_path)]) == 1
    assert "test: b: row 1 of" in "".join(capsys.readouterr().out.split("\n"))


def test_command_names_what_is_missing(capsys, tmp_path):
    assert main(["--source", "files", "--root", str(tmp_path)]) == 1
    assert "training is not there" in capsys.readouterr().out
