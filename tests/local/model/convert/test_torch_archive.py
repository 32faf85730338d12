"""PyTorch's zip format is read without PyTorch; what is no dense tensor of numbers is refused by name."""

import os
import pickle
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

from librispeech_clf.local.model.convert.checkpoint import read_checkpoint
from librispeech_clf.local.model.convert.conversion import convert_checkpoint
from librispeech_clf.local.model.convert.torch_archive import read_torch_archive
from tests.helpers.torch_format import Storage, Tensor, make_tensor, write_torch

NUMBERS = np.arange(12, dtype=np.float32)
STORAGE = Storage("FloatStorage", NUMBERS.tobytes(), 12)


def read(path, state, **options):
    write_torch(path / "pytorch_model.bin", state, **options)
    return read_torch_archive(path / "pytorch_model.bin")


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("parameter", [False, True])
def test_tensors_come_back_as_they_were(tmp_path, kind, parameter):
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(kind)
    (back,) = read(tmp_path, {"a": make_tensor(array, parameter=parameter)}).values()
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_bfloat16_is_widened_exactly(tmp_path):
    array = np.array([1.5, -0.0, 3.0e38, np.inf], ml_dtypes.bfloat16)
    tensor = Tensor(Storage("BFloat16Storage", array.tobytes(), 4), 0, (4,), (1,))
    np.testing.assert_array_equal(read(tmp_path, {"a": tensor})["a"], array.astype(np.float32))


def test_views_of_one_storage_are_apart(tmp_path):
    state = OrderedDict(
        rows=Tensor(STORAGE, 2, (2, 3), (3, 1)),
        transposed=Tensor(STORAGE, 0, (3, 4), (1, 3)),
        number=Tensor(STORAGE, 11, (), ()),
        nothing=Tensor(STORAGE, 12, (0, 5), (5, 1)),
    )
    state._metadata = OrderedDict([("", {"version": 1})])
    back = read(tmp_path, state)
    np.testing.assert_array_equal(back["rows"], NUMBERS[2:8].reshape(2, 3))
    np.testing.assert_array_equal(back["transposed"], NUMBERS.reshape(4, 3).T)
    assert back["number"] == 11 and back["nothing"].shape == (0, 5)
    back["rows"][:] = -1
    assert back["transposed"].min() == 0


def test_byte_order_is_the_files(tmp_path):
    swapped = Tensor(Storage("FloatStorage", NUMBERS.astype(">f4").tobytes(), 12), 0, (12,), (1,))
    np.testing.assert_array_equal(read(tmp_path, {"a": swapped}, byteorder=b"big")["a"], NUMBERS)


def test_weights_under_state_dict_are_found(tmp_path):
    assert read(tmp_path, {"state_dict": {"a": make_tensor(NUMBERS)}, "epoch": 3})["a"].shape == (12,)


class RunsCode:
    """A pickle that makes a folder where it is loaded without care."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Tensor(STORAGE, 0, (12,), (1,), "_rebuild_sparse_tensor"), "holds a sparse tensor"),
        (
            Tensor(Storage("ComplexFloatStorage", b"", 0), 0, (0,), (1,)),
            "holds a tensor of ComplexFloatStorage",
        ),
        (Tensor(Storage("QInt8Storage", b"", 0), 0, (0,), (1,)), "holds a tensor of QInt8Storage"),
        (Tensor(STORAGE, 0, (13,), (1,)), "damaged.*lies outside its storage"),
        (Tensor(STORAGE, 3, (2, 5), (5, 1)), "lies outside its storage"),
        (Tensor(STORAGE, -1, (2,), (1,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (2,), (-1,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (10**12,), (0,)), "lies outside its storage"),
        (Tensor(STORAGE, 0, (2,), (1, 1)), "damaged"),
        (7, "must hold tensors only.*Received: {'a': 'int'}"),
    ],
)
def test_what_is_no_dense_tensor_is_refused(tmp_path, item, message):
    with pytest.raises(ValueError, match=rf"pytorch_model.bin: .*{message}"):
        read(tmp_path, {"a": item})


def test_code_is_refused_by_name_and_not_run(tmp_path):
    with pytest.raises(ValueError, match="holds (posix|nt).mkdir, not only dense tensors"):
        read(tmp_path, {"a": RunsCode(tmp_path / "made")})
    assert not (tmp_path / "made").exists()


def test_list_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must hold a dictionary of tensors. Received: list"):
        read(tmp_path, [make_tensor(NUMBERS)])


def test_storage_that_is_cut_off_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"pytorch_model.bin: damaged.*storage 0 is cut off"):
        read(tmp_path, {"a": make_tensor(NUMBERS)}, cut=4)


def test_other_formats_are_named(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    contents = [b"", b"PK", pickle.dumps({"a": 1}), b"version https://git-lfs"]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match="not in the zip format of PyTorch 1.6 and later.*copy the file again"
        ):
            read_torch_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "x")
    with pytest.raises(ValueError, match="it has no data.pkl"):
        read_torch_archive(path)


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_cut_files_are_named(tmp_path, length):
    write_torch(tmp_path / "whole.bin", {"a": make_tensor(np.zeros(1000, np.float32))})
    (tmp_path / "cut.bin").write_bytes((tmp_path / "whole.bin").read_bytes()[:length])
    with pytest.raises(ValueError, match="cut.bin: damaged"):
        read_torch_archive(tmp_path / "cut.bin")


@pytest.mark.parametrize("shards", [1, 3])
def test_checkpoint_of_bin_files_gives_the_same_logits(shards, golden_base, checkpoint_folder):
    import json

    (checkpoint_folder / "model.safetensors").unlink()
    names = sorted(golden_base.tensors)
    files = {f"pytorch_model-{part:05}-of-{shards:05}.bin": names[part::shards] for part in range(shards)}
    if shards == 1:
        files = {"pytorch_model.bin": names}
    else:
        index = {"weight_map": {name: file for file, part in files.items() for name in part}}
        (checkpoint_folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    for file, part in files.items():
        write_torch(checkpoint_folder / file, {name: make_tensor(golden_base.tensors[name]) for name in part})
    model = convert_checkpoint(read_checkpoint(checkpoint_folder))[0]
    np.testing.assert_allclose(model(golden_base.audio[0][None])[0], golden_base.logits[0], atol=1e-5)
