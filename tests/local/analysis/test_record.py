"""The record of results: nulls, identifiers, numbers, names, selections."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from librispeech_clf.local.analysis.record import Record, label_column, physical_unit, read_table
from tests.helpers.planted import count_table


def make_table(**columns):
    """Three utterances of 3 words, the last of which failed."""
    return count_table(np.array([2, 1, np.nan]), 3, utterance_id=list("bac"), **columns)


def test_speaker_is_spelled_alike_from_text_integers_and_floats():
    for values in (["84", None], [84, None], [84.0, np.nan]):
        assert Record(pd.DataFrame({"record_speaker_id": values})).speakers.tolist() == ["84", None]
    assert Record(pd.DataFrame({"utterance_id": ["u"]})).speakers.tolist() == [None]


def test_an_unknown_speaker_is_a_block_of_its_own_and_blocks_follow_the_names():
    record = Record(make_table(record_speaker_id=["2", None, None]))
    assert (record.blocks.tolist(), record.is_known.tolist()) == ([0, 1, 2], [True, False, False])
    assert Record(make_table(record_speaker_id=[None, None, "2"])).blocks.tolist() == [2, 1, 0]


def test_numbers_are_not_identifiers_texts_truth_values_or_lists():
    columns = {"a": [1, None], "record_book_id": [1, 2], "b": ["x", "y"], "c": [True, False], "d": [[1], [2]]}
    record = Record(pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()}))
    found = {name: own.numbers is not None for name in columns if (own := record.column(name))}
    assert found == {"a": True, "record_book_id": False, "b": False, "c": False}
    assert record.column("c").levels == ("False", "True")


@pytest.mark.parametrize("dtype", ["object", "float64", "Float64", "float32"])
def test_numbers_are_read_alike_whatever_the_column_type(dtype):
    record = Record(pd.DataFrame({"signal_x_s": pd.Series([1.5, None, 2.0, np.inf], dtype=dtype)}))
    np.testing.assert_array_equal(record.numbers("signal_x_s"), [1.5, np.nan, 2.0, np.nan])
    assert record.column("signal_x_s").label == "x"
    nulls = Record(pd.DataFrame({"signal_x": pd.Series([None, None], dtype=dtype)}))
    assert nulls.column("signal_x") is None
    assert np.isnan(nulls.numbers("signal_x")).all()


def test_whole_numbers_that_no_float_holds_are_rounded():
    record = Record(pd.DataFrame({"corpus_recorded_ns": [1_700_000_000_000_000_001, 2**60]}))
    assert record.numbers("corpus_recorded_ns").tolist() == [1.7e18, 2.0**60]


def test_a_selection_takes_the_rows_of_every_column():
    columns = {"record_gender": ["F", None, "M"], "signal_level_dbfs": [1.0, 2.0, 3.0]}
    table = make_table(**columns, latent=[[1.0], [2.0], None])
    scored = Record(table).select_scored().select(np.array([True, True]))
    assert scored.ids.tolist() == ["b", "a"]
    assert (scored.errors().tolist(), scored.units().tolist()) == ([2, 1], [3, 3])
    last = scored.select(np.array([1]))
    assert last.numbers("signal_level_dbfs").tolist() == [2.0]
    assert last.column("record_gender").categories.tolist() == [None]
    assert last.vectors("latent")[0].tolist() == [[2.0]]
    assert last.texts("reference") == [None]


def test_recordings_are_the_rows_without_simulation():
    record = Record(make_table(simulation=[None, "noise", None], severity=[None, 3.0, None]))
    assert record.select_recordings().ids.tolist() == ["b", "c"]
    assert len(Record(make_table()).select_recordings()) == 3


def test_vectors_of_another_length_or_not_finite_are_left_out():
    cells = [np.ones(2), None, [], [np.nan, 1.0], [1.0, 2.0, 3.0], np.zeros(2)]
    vectors, rows = Record(pd.DataFrame({"latent": cells})).vectors("latent")
    assert (vectors.tolist(), rows.tolist()) == ([[1, 1], [0, 0]], [0, 5])
    assert Record(pd.DataFrame({"latent": cells})).vectors("other")[0].shape == (0, 0)


def test_vectors_come_in_the_order_of_the_rows_from_every_part_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("librispeech_clf.local.analysis.record.VECTORS_AT_ONCE", 3)
    cells = [None if row == 4 else [float(row), -float(row)] for row in range(11)]
    pd.DataFrame({"latent": cells}).to_parquet(tmp_path / "results.parquet", row_group_size=5)
    order = np.array([10, 4, 0, 7, 7, 3])
    for source in (tmp_path / "results.parquet", pd.DataFrame({"latent": cells})):
        vectors, rows = Record(source).select(order).vectors("latent")
        assert (vectors[:, 0].tolist(), rows.tolist()) == ([10, 0, 7, 7, 3], [0, 2, 3, 4, 5])


def test_a_file_is_read_as_the_table_is(tmp_path):
    make_table(record_gender=["F", None, "M"]).to_parquet(tmp_path / "results.parquet")
    record = Record(tmp_path / "results.parquet")
    assert record.column("record_gender").categories.tolist() == ["F", None, "M"]
    assert record.metadata == ["record_gender"]
    assert read_table(tmp_path)["utterance_id"].tolist() == ["b", "a", "c"]
    with pytest.raises(FileNotFoundError, match="finished evaluation"):
        read_table(tmp_path / "other")


def test_threads_read_the_columns_of_a_file_one_after_the_other(tmp_path, monkeypatch):
    """Two at once crash the process, sometimes: seen once with 300,000 rows."""
    reading, most = [], []
    file_type = pyarrow.parquet.ParquetFile
    read, iterate = file_type.read, file_type.iter_batches

    def read_slowly(file, names):
        reading.append(names)
        time.sleep(0.02)
        most.append(len(reading))
        reading.remove(names)
        return read(file, names)

    def iterate_slowly(file, size, columns):
        reading.append(columns)
        for part in iterate(file, size, columns=columns):
            time.sleep(0.02)
            most.append(len(reading))
            yield part
        reading.remove(columns)

    cells = dict.fromkeys("abcd", [1.0, 2.0]) | dict.fromkeys("ef", [[1.0], [2.0]])
    pd.DataFrame(cells).to_parquet(tmp_path / "results.parquet")
    monkeypatch.setattr(file_type, "read", read_slowly)
    monkeypatch.setattr(file_type, "iter_batches", iterate_slowly)
    record = Record(tmp_path / "results.parquet")
    with ThreadPoolExecutor(6) as pool:
        vectors = pool.map(record.vectors, "ef")
        columns = list(pool.map(record.column, "abcd"))
    assert [column.numbers.tolist() for column in columns] == [[1.0, 2.0]] * 4
    assert [found.tolist() for found, _ in vectors] == [[[1.0], [2.0]]] * 2
    assert most == [1] * 6


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="received 'phone'"):
        Record(make_table()).counts("phone")


def test_names_in_words():
    names = "signal_spectral_centroid_mean_hz", "record_speaker_id", "readability_dale_chall_score"
    assert [*map(label_column, names)] == ["spectral centroid mean", "speaker", "Dale-Chall score"]
    assert (physical_unit("signal_duration_s"), physical_unit("text_word_count")) == ("s", None)
