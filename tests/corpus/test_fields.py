"""Further columns of own tables become typed metadata."""

import datetime
import decimal
import json

import pyarrow as pa
import pytest

from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import infer_types, merge_types, read_fields, write_fields
from tests.helpers.own_corpora import open_split, write_table

KINDS = {"string": str, "float": float, "boolean": bool}


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
    rows = [write_fields(row) for row in pa.table({"x": values}).to_pylist()]
    types = infer_types(rows)
    assert (types, [read_fields(row, types)["x"] for row in rows]) == ({"x": kind}, read)
    assert {type(value) for value in read} <= {KINDS[kind], type(None)}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("string", ("id", "device_id", "Session ID", "clientId", "clientID")),
        ("float", ("paid", "grid", "android", "ideal", "width")),
    ],
)
def test_numbers_that_name_are_text(kind, names):
    row = json.dumps(dict.fromkeys(names, 12))
    assert infer_types([row]) == dict.fromkeys(sorted(names), kind)


@pytest.mark.parametrize("values", [[[1, 2]], [{"a": 1}], [b"x"], pa.nulls(1), [""]])
def test_columns_that_say_nothing_or_no_single_value_are_left_out(tmp_path, values):
    write_table(tmp_path / "own.parquet", {"audio": [b"x"], "text": ["A"], "x": values})
    assert files.open_subset(tmp_path, "own")["fields"][:] == [None]


def test_row_numbers_of_pandas_are_no_metadata_and_there_is_a_limit(tmp_path, capsys):
    row = {"audio": b"x", "text": "A", "id": "a", "": 0, "Unnamed: 0": 0, "__index_level_0__": 0}
    write_table(tmp_path / "few.parquet", [row | {"accent": "irish"}])
    write_table(tmp_path / "many.parquet", [row | {f"f{number}": 0.5 for number in range(900)}])
    assert open_split(tmp_path / "few").field_types == {"accent": "string"}
    assert len(open_split(tmp_path / "many").field_types) == 200
    assert capsys.readouterr().err.endswith(
        ": only the first 200 of 900 additional columns become metadata.\n"
    )


def test_splits_share_keys_and_types():
    united = merge_types([{"age": "float", "noise": "float"}, {"age": "string", "accent": "string"}])
    assert united == {"accent": "string", "age": "string", "noise": "float"}
    assert read_fields('{"age": 30}', united) == {"accent": None, "age": "30", "noise": None}


def test_further_columns_of_a_table_reach_the_utterance(tmp_path):
    content = "path,sentence,client_id,accents,up_votes,raw_text,duration\na.wav,HI,0012,scottish,3,Hi!,1.5\n"
    write_table(tmp_path / "own/metadata.csv", content, recordings=["a.wav"])
    split = open_split(tmp_path / "own")
    assert split.field_types == {"accents": "string", "duration": "float", "up_votes": "float"}
    fields = read_fields(split.utterance("a").fields, split.field_types)
    assert fields == {"accents": "scottish", "duration": 1.5, "up_votes": 3.0}
