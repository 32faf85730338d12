"""Write PyTorch's zip format without PyTorch, for the tests of its reader."""

import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

STORAGES = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "i1": "Char"}


class Storage(NamedTuple):
    """Raw numbers of a storage class of torch."""

    name: str
    data: bytes
    count: int


class Tensor(NamedTuple):
    """A tensor in a storage; strides and offset in numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    function: str = "_rebuild_tensor_v2"


def make_tensor(array: np.ndarray, *, parameter: bool = False) -> Tensor:
    """Store an array as torch does."""
    array = np.asarray(array)
    storage = Storage(f"{STORAGES[array.dtype.str[1:]]}Storage", array.tobytes(), array.size)
    strides = tuple(step // array.itemsize for step in np.empty(array.shape, array.dtype).strides)
    function = "_rebuild_parameter" if parameter else "_rebuild_tensor_v2"
    return Tensor(storage, 0, array.shape, strides, function)


def make_fakes() -> dict[str, types.ModuleType]:
    """Modules with the names that torch's pickles refer to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in (*STORAGES.values(), "BFloat16", "ComplexFloat", "QInt8"):
        setattr(torch, f"{kind}Storage", type(f"{kind}Storage", (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_sparse_tensor"):
        function = types.FunctionType((lambda: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    return {"torch": torch, "torch._utils": utils}


class TorchPickler(pickle.Pickler):
    """Pickles `Tensor` as torch pickles its tensors."""

    def __init__(self, file, fakes):
        super().__init__(file, protocol=2)
        self.fakes = fakes
        self.storages: list[Storage] = []

    def persistent_id(self, item):
        if not isinstance(item, Storage):
            return None
        if item not in self.storages:
            self.storages.append(item)
        kind = getattr(self.fakes["torch"], item.name)
        return ("storage", kind, str(self.storages.index(item)), "cpu", item.count)

    def reducer_override(self, item):
        if not isinstance(item, Tensor):
            return NotImplemented
        *fields, name = item
        function = getattr(self.fakes["torch._utils"], name)
        if name == "_rebuild_parameter":
            return function, (Tensor(*fields), True, {})
        return function, (*fields, False, {})


def write_torch(path: Path, state: object, *, byteorder: bytes | None = None, cut: int = 0) -> None:
    """Write a `.bin` file; `cut` bytes are missing at the end of each storage."""
    fakes = make_fakes()
    with mock.patch.dict(sys.modules, fakes), zipfile.ZipFile(path, "w") as archive:
        with archive.open("archive/data.pkl", "w") as file:
            pickler = TorchPickler(file, fakes)
            pickler.dump(state)
        if byteorder:
            archive.writestr("archive/byteorder", byteorder)
        for key, storage in enumerate(pickler.storages):
            archive.writestr(f"archive/data/{key}", storage.data[: len(storage.data) - cut])
