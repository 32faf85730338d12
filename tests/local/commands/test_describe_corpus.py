"""The command describe-corpus, and what it counts."""

import io

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import rich.console
import soundfile

from librispeech_clf.corpus.schema import Speaker, Split, Utterance
from librispeech_clf.local.commands import describe_corpus
from librispeech_clf.local.commands.describe_corpus import SplitStatistics, main
from tests.helpers.letters import VOCABULARY
from tests.helpers.made_utterances import dataset_from_utterances


def encode(seconds: float) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(int(seconds * 16_000)), 16_000, format="FLAC")
    return buffer.getvalue()


def test_counts():
    spoken = [(1, "THE CAT", 1), (2, "THE DOG SAT", 1), (3, "INDEMNIFICATION", 2), (4, "", 3)]
    utterances = [
        Utterance(f"{speaker}-1-{seconds}", text, speaker, 1, encode(seconds), None)
        for seconds, text, speaker in spoken
    ]
    speakers = {number: Speaker(number, gender, "own", 1.0, "Ada") for number, gender in ((1, "F"), (2, "M"))}
    split = Split("test", dataset_from_utterances(utterances), {"own": 4}, speakers, {}, {})
    statistics = describe_corpus.describe_split(split, VOCABULARY)
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


FURTHER = {"accent": ["irish"] * 3, "age": [3] * 3}
NORMALIZED = "test: text.normalize letters: 1 of 2 transcripts changed; signs removed: 3"
NO_LETTERS = "test: 2 of 3 transcripts hold signs that the model cannot write: & 1 2"


@pytest.mark.parametrize(
    ("texts", "columns", "environment", "code", "told", "untold"),
    [
        (
            ["Well-known, he said.", "PLAIN"],
            {},
            {"NORMALIZE": "letters"},
            0,
            [NORMALIZED],
            ["no letters for"],
        ),
        (["Well-known, he said.", "PLAIN"], {}, {"NORMALIZE": "strict"}, 0, [], ["text.normalize"]),
        (
            ["A"],
            {},
            {"SUBSETS": "test"},
            0,
            [],
            ["not there"],
        ),  # stand in for those of the command line's source
        (["ROOM 12", "A & B 2", "PLAIN"], {}, {}, 0, [NO_LETTERS], ["further columns"]),
        (["A", "B", "C"], FURTHER, {}, 0, ["test: additional columns: accent (string), age (float)"], []),
        (["A", None], {"id": ["a", "b"]}, {}, 1, ["test: b: row 1 of"], []),
        ([], {}, {}, 1, ["training: ", "training does not exist"], []),
    ],
)
def test_what_is_missing_or_unusual_is_told(
    texts, columns, environment, code, told, untold, capsys, tmp_path, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(f"LIBRISPEECH_{name}", value)
    if texts:
        table = {"audio": [encode(1)] * len(texts), "text": texts} | columns
        pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "test.parquet")
    assert main(["--source", "files", "--root", str(tmp_path)]) == code
    printed = capsys.readouterr().out.replace("\n", "")
    assert (
        [line for line in told if line not in printed] == [line for line in untold if line in printed] == []
    )


def test_table_of_a_corpus_of_librispeechs_size_fits_80_columns():
    statistics = SplitStatistics(
        name="validation", utterances=104_014, seconds=(1.6,) * 99_999 + (35.2,), words=(1, 96),
        speakers={"F": 1201, "M": 1283}, readability=(0.1, 19.2),
    )  # fmt: skip
    for width, shown in ((80, ("1201 F, 1283 M", "0.1-19.2")), (40, ())):
        console = rich.console.Console(width=width, file=io.StringIO())
        console.print(describe_corpus.statistics_table("Corpus", [statistics]))
        printed = console.file.getvalue()
        assert "\u2026" not in printed and all(figures in printed for figures in shown)
