"""Read PyTorch's zip format (`pytorch_model.bin`, PyTorch 1.6 and later) without PyTorch, running no code from it.

Format: a zip with `data.pkl`, a pickle of a dictionary of tensors whose storages are the entries `data/KEY`, raw
numbers in the byte order that `byteorder` names (little-endian without it).
Source: `torch.serialization` and `torch._utils` of PyTorch 2.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

_STORAGES: dict[str, np.dtype] = {
    "FloatStorage": np.dtype("f4"),
    "DoubleStorage": np.dtype("f8"),
    "HalfStorage": np.dtype("f2"),
    "BFloat16Storage": np.dtype("u2"),  # the upper half of a float32
    "LongStorage": np.dtype("i8"),
    "IntStorage": np.dtype("i4"),
    "ShortStorage": np.dtype("i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
_MALFORMED = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class _RefusedError(Exception):
    """The archive is intact, but holds something that is not a dense tensor of numbers."""


def read_torch_archive(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a `.bin` file of `torch.save`: a dictionary of them, or one under the key "state_dict".

    Returns:
        Arrays by name, in the dtype they were saved in; bfloat16 as float32.

    Raises:
        ValueError: the file is damaged, in another format, or holds anything but dense tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            state = _read_state(archive)
    except _RefusedError as error:
        raise ValueError(f"{path}: {error}") from error
    except _MALFORMED as error:
        raise ValueError(
            f"{path}: damaged, or not in the zip format of PyTorch 1.6 and later ({error}); copy the file "
            "again, or save the model as model.safetensors."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise ValueError(f"{path}: must hold a dictionary of tensors. Received: {type(state).__name__}")
    if others := {str(name): type(x).__name__ for name, x in state.items() if not isinstance(x, np.ndarray)}:
        raise ValueError(
            f"{path}: must hold tensors only; save the model's state_dict alone. Received: {others}"
        )
    return {str(name): tensor for name, tensor in state.items()}


def _read_state(archive: zipfile.ZipFile) -> Any:
    pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise pickle.UnpicklingError("it has no data.pkl")
    prefix = pickles[0].removesuffix("data.pkl")
    byte_order = f"{prefix}byteorder"
    big = byte_order in archive.namelist() and archive.read(byte_order).strip() == b"big"
    with archive.open(pickles[0]) as file:
        return _TensorUnpickler(file, archive, prefix, ">" if big else "<").load()


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler of dictionaries, tensors and numbers, which refuses every other class by name."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, prefix: str, order: Literal["<", ">"]) -> None:
        super().__init__(file)
        self._archive, self._prefix, self._order = archive, prefix, order
        self._storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        known: Mapping[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if (module, name) in known:
            return known[module, name]
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return name
        kind = "a sparse tensor" if "sparse" in name else f"{module}.{name}"
        raise _RefusedError(
            f"holds {kind}, not only dense tensors of numbers; save the model's state_dict alone, or as "
            "model.safetensors."
        )

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, kind, key, _, count = pid
        if kind not in _STORAGES:
            raise _RefusedError(f"holds a tensor of {kind}; weights must be real numbers of 16 to 64 bits.")
        if key not in self._storages:
            dtype = _STORAGES[kind].newbyteorder(self._order)
            entry = self._archive.getinfo(f"{self._prefix}data/{key}")
            if entry.file_size < count * dtype.itemsize:
                raise pickle.UnpicklingError(f"storage {key} is cut off")
            numbers = np.frombuffer(self._archive.read(entry), dtype, count)
            if kind == "BFloat16Storage":
                numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
            self._storages[key] = numbers
        return self._storages[key]


def _rebuild_tensor(
    storage: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> np.ndarray:
    """Return the tensor held by a storage, as a separate array."""
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    elements = math.prod(size)
    inside = offset >= 0 and min((0, *size, *stride)) == 0 and elements <= len(storage)
    if not inside or (elements and last >= len(storage)):
        raise pickle.UnpicklingError(f"a tensor of shape {size} lies outside its storage")
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides).copy()
