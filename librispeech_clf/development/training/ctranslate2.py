"""Read the variables of a CTranslate2 model file, such as Whisper's: a plain list of named arrays.

Source of the format: `python/ctranslate2/specs/model_spec.py` of CTranslate2 4 (MIT), binary version 6. All numbers are
little-endian: u32 version; the specification's name; u32 revision; u32 number of variables; and of each its name, u8
rank, u32 sizes, u8 type, u32 bytes, the bytes. A name is a u16 length and so many bytes, the last of them zero.
"""

import struct
from pathlib import Path

import numpy as np

VERSION = 6
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By their number in the file; one of a higher number (bfloat16) is refused."""


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Read every variable of a model file.

    Args:
        path: `model.bin`.

    Returns:
        Arrays by name, of the file's own types, such as "encoder/conv1/weight", float16 (384, 80, 3). They cannot be
        written to.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file of this format and version, or it is cut off.
    """
    content = path.read_bytes()
    place = 0

    def read(kind: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(f"<{kind}", content, place)
        place += struct.calcsize(kind)
        return value

    def read_name() -> str:
        nonlocal place
        length = read("H")
        name = content[place : place + length].rstrip(b"\0").decode()
        place += length
        return name

    def read_array() -> np.ndarray:
        nonlocal place
        shape = [read("I") for _ in range(read("B"))]
        kind, size = np.dtype(TYPES[read("B")]), read("I")
        array = np.frombuffer(content, kind, size // kind.itemsize, place).reshape(shape)
        place += size
        return array

    try:
        version = read("I")
        if version != VERSION:
            raise ValueError(f"its version is {version}, this reads {VERSION}")
        read_name()
        read("I")
        return {read_name(): read_array() for _ in range(read("I"))}
    except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CTranslate2 model file, or cut off ({error}).") from error
