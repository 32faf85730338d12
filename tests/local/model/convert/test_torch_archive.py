"""PyTorch's zip format is read without PyTorch; what is no dense tensor of numbers is refused by name."""

import os
import pickle
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

from librispeech_clf.local.model.convert.torch_archive import read_torch_archive
from tests.helpers.torch_format import Storage, Tensor, make_tensor, write_torch

NUMBERS = np.arange(12, dtype=np.float32)
STORAGE = Storage("FloatStorage", NUMBERS.tobytes(), 12)


@pytest.fixture
def read(tmp_path):
    """Return what writes a state and reads it."""

    def read(state, **options):
        write_torch(tmp_path / "pytorch_model.bin", state, **options)
        return read_torch_archive(tmp_path / "pytorch_model.bin")

    return read


ARRAY = np.random.default_rng(0).normal(size=(2, 3, 4))
HALVES = np.array([1.5, -0.0, 3.0e38, np.inf], ml_dtypes.bfloat16)
SWAPPED = Storage("FloatStorage", NUMBERS.astype(">f4").tobytes(), 12)


@pytest.mark.parametrize(
    ("tensor", "options", "expected"),
    [
        *((make_tensor(ARRAY.astype(kind)), {}, ARRAY.astype(kind)) for kind in ("f2", "f4", "f8")),
        (make_tensor(ARRAY, parameter=True), {}, ARRAY),
        (Tensor(Storage("BFloat16Storage", HALVES.tobytes(), 4), 0, (4,), (1,)), {}, HALVES.astype("f4")),
        (Tensor(SWAPPED, 0, (12,), (1,)), {"byteorder": b"big"}, NUMBERS),
    ],
)
def test_tensors_come_back_as_they_were(read, tensor, options, expected):
    for state in ({"a": tensor}, {"state_dict": {"a": tensor}, "epoch": 3}):
        (back,) = read(state, **options).values()
        assert (back.dtype.newbyteorder("="), back.tolist()) == (expected.dtype, expected.tolist())


def test_views_of_one_storage_are_apart(read):
    state = OrderedDict(
        rows=Tensor(STORAGE, 2, (2, 3), (3, 1)),
        transposed=Tensor(STORAGE, 0, (3, 4), (1, 3)),
        number=Tensor(STORAGE, 11, (), ()),
        nothing=Tensor(STORAGE, 12, (0, 5), (5, 1)),
    )
    state._metadata = OrderedDict([("", {"version": 1})])
    back = read(state)
    np.testing.assert_array_equal(back["rows"], NUMBERS[2:8].reshape(2, 3))
    np.testing.assert_array_equal(back["transposed"], NUMBERS.reshape(4, 3).T)
    assert back["number"] == 11 and back["nothing"].shape == (0, 5)
    back["rows"][:] = -1
    assert back["transposed"].min() == 0


class RunsCode:
    """A pickle that makes a folder where it is loaded without care."""

    def __reduce__(self):
        return os.mkdir, ("made",)


def empty(storage):
    return Tensor(Storage(storage, b"", 0), 0, (0,), (1,))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Tensor(STORAGE, 0, (12,), (1,), "_rebuild_sparse_tensor"), "holds a sparse tensor"),
        (empty("ComplexFloatStorage"), "holds a tensor of ComplexFloatStorage"),
        (empty("QInt8Storage"), "holds a tensor of QInt8Storage"),
        (Tensor(STORAGE, 0, (13,), (1,)), "damaged.*lies outside its storage"),
        (Tensor(STORAGE, 3, (2, 5), (5, 1)), "lies outside its storage"),
        (Tensor(STORAGE, -1, (2,), (1,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (2,), (-1,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (10**12,), (0,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (2,), (1, 1)), "damaged"),
        (7, "must hold tensors only.*Received: {'a': 'int'}"),
        (RunsCode(), "holds (posix|nt).mkdir, not only dense tensors"),
    ],
)
def test_what_is_no_dense_tensor_is_refused_and_not_run(read, tmp_path, monkeypatch, item, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"pytorch_model.bin: .*{message}"):
        read({"a": item})
    assert not (tmp_path / "made").exists()


def test_list_and_storage_that_is_cut_off_are_refused(read):
    with pytest.raises(ValueError, match="must hold a dictionary of tensors. Received: list"):
        read([make_tensor(NUMBERS)])
    with pytest.raises(ValueError, match=r"pytorch_model.bin: damaged.*storage 0 is cut off"):
        read({"a": make_tensor(NUMBERS)}, cut=4)


def test_other_formats_and_cut_files_are_named(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    write_torch(path, {"a": make_tensor(np.zeros(1000, np.float32))})
    cut = [path.read_bytes()[:length] for length in (10, 100, 1000)]
    for content in (b"", b"PK", pickle.dumps({"a": 1}), b"version https://git-lfs", *cut):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="bin: damaged.*zip format of PyTorch 1.6 and .*the file again"):
            read_torch_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "x")
    with pytest.raises(ValueError, match="it has no data.pkl"):
        read_torch_archive(path)
