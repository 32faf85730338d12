"""Write a model file, whole or not at all."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def save_model(model: "keras.Model", path: Path, *, compressed: bool = False) -> None:
    """Write a model file whole or not at all: under a temporary name in the same folder, then renamed.

    Args:
        model: any Keras model.
        path: `.h5` or `.keras`; its folder is made.
        compressed: `.h5` only: see `compress_weights`.

    Raises:
        ValueError: the suffix is another one.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    smaller = plain.with_suffix(".compressed")
    try:
        model.save(plain)
        if compressed:
            compress_weights(plain, smaller)
        os.replace(smaller if compressed else plain, path)
    finally:
        plain.unlink(missing_ok=True)
        smaller.unlink(missing_ok=True)


def check_suffix(path: Path) -> None:
    """Raise ValueError unless the suffix is `.h5` or `.keras`."""
    if path.suffix not in (".h5", ".keras"):
        raise ValueError(f"{path}: a model file must end in .h5 or .keras.")


def compress_weights(plain: Path, smaller: Path) -> None:
    """Write an `.h5` again at half its size: weights rounded to float16, stored as float32 with HDF5's own gzip filter.

    What reads the one reads the other: HDF5 decompresses by itself.
    """
    import h5py

    with h5py.File(plain) as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                rounded = item[()].astype(np.float16).astype(item.dtype)
                target.create_dataset(name, data=rounded, compression="gzip", shuffle=True)
            else:
                target.require_group(name)
            target[name].attrs.update(item.attrs)

        source.visititems(copy)
