"""Own corpora: which columns are needed, and what is said when they are missing."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import UNKNOWN


def test_only_audio_and_text_are_needed(tmp_path, make_parquet, make_rows):
    rows = [{"audio": row["audio"], "text": row["text"]} for row in make_rows()]
    make_parquet(tmp_path / "own.parquet", rows)
    first = files.open_subset(tmp_path, "own")[0]
    assert (first["id"], first["speaker_id"], first["chapter_id"]) == ("12-340-0000", UNKNOWN, UNKNOWN)


def test_ids_of_digits_and_texts_like_null_stay_text(tmp_path):
    (tmp_path / "own").mkdir()
    for name in ("0001.wav", "0002.wav"):
        (tmp_path / "own" / name).write_bytes(b"")
    (tmp_path / "own" / "metadata.csv").write_text(
        'file_name,text,id\n0001.wav,NULL,001\n0002.wav,"A, B",002\n'
    )
    dataset = files.open_subset(tmp_path, "own")
    assert (dataset["id"][:], dataset["text"][:]) == (["001", "002"], ["NULL", "A, B"])


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        (pa.array([b"RIFF"]), {"bytes": b"RIFF", "path": None}),
        (pa.array([{"path": "x.wav", "bytes": b"RIFF"}]), {"bytes": b"RIFF", "path": "x.wav"}),
        (pa.array([b"RIFF"], pa.large_binary()), {"bytes": b"RIFF", "path": None}),
        (pa.array([{"path": "/far/x.wav", "bytes": b"RIFF"}]), {"bytes": b"RIFF", "path": "/far/x.wav"}),
        (pa.array(["x.wav"], pa.large_string()), {"bytes": None, "path": "{folder}/x.wav"}),
        (pa.array([{"path": "x.wav"}]), {"bytes": None, "path": "{folder}/x.wav"}),
    ],
)
def test_forms_of_the_audio_column(tmp_path, audio, expected):
    table = pa.table({"id": ["a"], "text": ["A"], "audio": audio})
    pa.parquet.write_table(table, tmp_path / "own.parquet")
    if expected["path"]:
        expected = {**expected, "path": expected["path"].format(folder=tmp_path)}
    assert files.open_subset(tmp_path, "own")[0]["audio"] == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"audio": [b"x"], "id": ["a"]}, "no column text; its columns are audio, id"),
        ({"text": ["A"], "id": ["a"]}, "no column audio or file_name; its columns are text, id"),
        ({"audio": [b"x"], "text": ["A"], "speaker_id": ["ada"]}, "speaker_id: expected int64, got string"),
        ({"audio": [b"x"], "text": ["A"]}, "row 0 has no id"),
        ({"audio": [b"x", b"y"], "text": ["A", None], "id": ["a", "b"]}, "row 1 has no text"),
        (
            {"audio": [{"bytes": b"x"}, {"bytes": None}], "text": ["A", "B"], "id": ["a", "b"]},
            "row 1 has no audio",
        ),
        ({"audio": [1.5], "text": ["A"], "id": ["a"]}, "audio: expected binary, got double"),
    ],
)
def test_column_that_does_not_fit_is_named(tmp_path, columns, message):
    pa.parquet.write_table(pa.table(columns), tmp_path / "own.parquet")
    with pytest.raises(ValueError, match=f"own.parquet: {message}"):
        files.open_subset(tmp_path, "own")


def test_row_is_counted_in_the_whole_file(tmp_path):
    texts = ["A"] * 150
    texts[140] = None
    table = pa.table({"audio": [b"x"] * 150, "text": texts, "id": [str(row) for row in range(150)]})
    pa.parquet.write_table(table, tmp_path / "own.parquet", row_group_size=100)
    with pytest.raises(ValueError, match="own.parquet: row 140 has no text"):
        files.open_subset(tmp_path, "own")


def test_changed_parquet_is_noticed(tmp_path, make_parquet, make_rows):
    make_parquet(tmp_path / "own.parquet")
    assert len(files.open_subset(tmp_path, "own")) == 4
    make_parquet(tmp_path / "own.parquet", make_rows()[:2])
    assert len(files.open_subset(tmp_path, "own")) == 2


def test_indexes_of_two_files_in_a_folder_do_not_disturb_each_other(tmp_path, make_parquet, make_rows, cache):
    make_parquet(tmp_path / "one.parquet")
    make_parquet(tmp_path / "two.parquet", make_rows()[:2])
    assert [len(files.open_subset(tmp_path, name)) for name in ("one", "two", "one")] == [4, 2, 4]
    assert len(list(cache.glob("*.arrow"))) == 2


def test_several_parquet_files_are_read_in_order(tmp_path, make_parquet, make_rows):
    make_parquet(tmp_path / "own" / "0001.parquet", make_rows()[2:])
    make_parquet(tmp_path / "own" / "0000.parquet", make_rows()[:2])
    assert files.open_subset(tmp_path, "own")["id"][:] == [row["id"] for row in make_rows()]


def test_empty_parquet_has_no_rows(tmp_path):
    table = pa.table({"audio": pa.array([], pa.binary()), "text": pa.array([], pa.string())})
    pa.parquet.write_table(table, tmp_path / "own.parquet")
    assert len(files.open_subset(tmp_path, "own")) == 0


def test_recording_that_is_not_there_is_named(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "metadata.csv").write_text("file_name,text\nmissing.wav,A\n")
    with pytest.raises(FileNotFoundError, match="missing.wav: .*metadata.csv lists it"):
        files.open_subset(tmp_path, "own")


def test_subset_that_is_not_there_names_the_forms(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"subset own is not there; expected own.parquet, own/\*.parquet"
    ):
        files.open_subset(tmp_path, "own")
