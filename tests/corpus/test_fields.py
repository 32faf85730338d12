"""Further columns of own tables become typed metadata."""

import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import Split, infer_types, merge_types, read_fields, write_fields

KINDS = {"string": str, "float": float, "boolean": bool}


def type_and_read(table):
    """The types of a table's columns, and its rows as they are read back."""
    rows = [write_fields(row) for row in table.to_pylist()]
    types = infer_types(rows)
    return types, [read_fields(row, types) for row in rows]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["scottish", "", None], "string", ["scottish", None, None]),
        (["7", "-0.5", "1e-3"], "float", [7.0, -0.5, 0.001]),
        (["007", "12"], "string", ["007", "12"]),
        (["7", "many"], "string", ["7", "many"]),
        (["1e999", "1"], "string", ["1e999", "1"]),
        (["NaN", "1", "unknown", "N/A", "<NA>", " None "], "float", [None, 1.0, None, None, None, None]),
        (["True", "false"], "boolean", [True, False]),
        (["true", "maybe"], "string", ["true", "maybe"]),
        ([7, None], "float", [7.0, None]),
        ([0.25, float("nan"), float("inf")], "float", [0.25, None, None]),
        ([True, None], "boolean", [True, None]),
        ([decimal.Decimal("1.50")], "float", [1.5]),
        ([datetime.date(2021, 3, 4)], "string", ["2021-03-04"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "string", ["a", "b", "a"]),
    ],
)
def test_type_of_a_column_and_its_values(values, kind, read):
    types, rows = type_and_read(pa.table({"x": values}))
    assert (types, [row["x"] for row in rows]) == ({"x": kind}, read)
    assert {type(value) for value in read} <= {KINDS[kind], type(None)}


@pytest.mark.parametrize("name", ["id", "device_id", "Session ID", "clientId", "clientID"])
def test_numbers_that_name_are_text(name):
    assert infer_types([json.dumps({name: 12})]) == {name: "string"}


@pytest.mark.parametrize("name", ["paid", "grid", "android", "ideal", "width"])
def test_names_that_only_end_alike_are_measured(name):
    assert infer_types([json.dumps({name: 12})]) == {name: "float"}


@pytest.mark.parametrize("values", [[[1, 2]], [{"a": 1}], [b"x"], pa.nulls(1), [""]])
def test_columns_that_say_nothing_or_no_single_value_are_left_out(tmp_path, values):
    pa.parquet.write_table(pa.table({"audio": [b"x"], "text": ["A"], "x": values}), tmp_path / "own.parquet")
    assert files.open_subset(tmp_path, "own")["fields"][:] == [None]


def test_row_numbers_of_pandas_are_no_metadata_and_there_is_a_limit(tmp_path, capsys):
    table = {
        "audio": [b"x"],
        "text": ["A"],
        "id": ["a"],
        "": [0],
        "Unnamed: 0": [0],
        "__index_level_0__": [0],
    }
    pa.parquet.write_table(pa.table(table | {"accent": ["irish"]}), tmp_path / "few.parquet")
    pa.parquet.write_table(pa.table(table | {f"f{n}": [0.5] for n in range(900)}), tmp_path / "many.parquet")
    few, many = (
        Split("test", files.open_subset(tmp_path, name), {"own": 1}, {}, {}, {}) for name in ("few", "many")
    )
    assert few.field_types == {"accent": "string"}
    assert len(many.field_types) == 200
    assert capsys.readouterr().err.endswith("of 900 further columns the first 200 become metadata.\n")


def test_splits_share_keys_and_types():
    united = merge_types([{"age": "float", "noise": "float"}, {"age": "string", "accent": "string"}])
    assert united == {"accent": "string", "age": "string", "noise": "float"}
    assert read_fields('{"age": 30}', united) == {"accent": None, "age": "30", "noise": None}


def test_further_columns_of_a_table_reach_the_utterance(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.wav").write_bytes(b"")
    header = "path,sentence,client_id,accents,up_votes,raw_text,duration"
    (tmp_path / "own" / "metadata.csv").write_text(f"{header}\na.wav,HI,0012,scottish,3,Hi!,1.5\n")
    dataset = files.open_subset(tmp_path, "own")
    split = Split("test", dataset, {"own": 1}, {}, {}, {})
    assert split.field_types == {"accents": "string", "duration": "float", "up_votes": "float"}
    assert read_fields(split.utterance("a").fields, split.field_types) == {
        "accents": "scottish", "duration": 1.5, "up_votes": 3.0
    }  # fmt: skip
