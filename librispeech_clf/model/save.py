"""Write a model file, whole or not at all."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def save_model(model: "keras.Model", path: Path, *, compressed: bool = False) -> None:
    """Write a model file whole or not at all: under a temporary name in the same folder, then renamed.

    Args:
        model: any Keras model.
        path: `.h5` or `.keras`; its folder is made.
        compressed: `.h5` only; by `compress_h5`.

    Raises:
        ValueError: the suffix is another one, or not `.h5` though the file is to be compressed.
    """
    check_suffix(path)
    if compressed and path.suffix != ".h5":
        raise ValueError(f"{path}: only an .h5 file can be compressed; .keras files are saved as they are.")
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    smaller = plain.with_suffix(".compressed")
    try:
        model.save(plain)
        if compressed:
            compress_h5(plain, smaller)
        os.replace(smaller if compressed else plain, path)
    finally:
        plain.unlink(missing_ok=True)
        smaller.unlink(missing_ok=True)


def check_suffix(path: Path) -> None:
    """Raise ValueError unless the suffix is `.h5` or `.keras`."""
    if path.suffix not in (".h5", ".keras"):
        raise ValueError(f"{path}: a model file must end in .h5 or .keras.")


def compress_h5(plain: Path, smaller: Path) -> None:
    """Write an `.h5` again with HDF5's own gzip filter; nothing is lost, and what reads the one reads the other.

    Random float32 weights hardly shrink; those that were rounded to float16 take little more than half.
    """
    import h5py

    with h5py.File(plain) as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                filters = {"compression": "gzip", "shuffle": True} if item.shape else {}
                target.create_dataset(name, data=item[()], **filters)
            else:
                target.require_group(name)
            target[name].attrs.update(item.attrs)

        source.visititems(copy)
