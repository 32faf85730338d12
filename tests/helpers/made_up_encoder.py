"""A made-up encoder of Whisper's kind, in the format of CTranslate2, and an architecture that fits it."""

import dataclasses
import struct
from pathlib import Path

import numpy as np

from librispeech_clf.development.training.whisper import TYPES, VERSION
from tests.helpers.made_up_speech import TINY

WIDTH, HEADS, LAYERS, MEL_BANDS = 16, 2, 1, 20
# Frames of 320 samples, as Whisper's; one layer more than the encoder has.
FITTING = dataclasses.replace(
    TINY, conv_dim=(8, 12, 20), conv_kernel=(10, 23, 18), conv_bias=True, num_hidden_layers=LAYERS + 1,
    sinusoidal_positions=True,
)  # fmt: skip


def make_variables() -> dict[str, np.ndarray]:
    """Random weights by CTranslate2's names."""
    generator = np.random.default_rng(0)
    shapes = {
        "conv1/weight": (WIDTH, MEL_BANDS, 3), "conv1/bias": (WIDTH,),
        "conv2/weight": (WIDTH, WIDTH, 3), "conv2/bias": (WIDTH,),
        "position_encodings/encodings": (1500, WIDTH),
        "layer_norm/gamma": (WIDTH,), "layer_norm/beta": (WIDTH,),
    }  # fmt: skip
    for index in range(LAYERS):
        for block, inner, outer in (("self_attention", 3 * WIDTH, WIDTH), ("ffn", 32, 32)):
            name = f"layer_{index}/{block}"
            shapes |= {f"{name}/layer_norm/{kind}": (WIDTH,) for kind in ("gamma", "beta")}
            shapes |= {f"{name}/linear_0/weight": (inner, WIDTH), f"{name}/linear_0/bias": (inner,)}
            shapes |= {f"{name}/linear_1/weight": (WIDTH, outer), f"{name}/linear_1/bias": (WIDTH,)}
    arrays = {name: 0.2 * generator.standard_normal(shape) for name, shape in shapes.items()}
    variables = {f"encoder/{name}": array.astype(np.float16) for name, array in arrays.items()}
    return variables | {"encoder/num_heads": np.array(HEADS, np.int16), "decoder/scale": np.array(1, np.int8)}


def write_variables(path: Path, variables: dict[str, np.ndarray], *, version: int = VERSION) -> Path:
    """Write a model file of CTranslate2; returns its path."""

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", version), name("WhisperSpec"), struct.pack("<II", 3, len(variables))]
    for key, array in variables.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        kind = [np.dtype(known) for known in TYPES].index(array.dtype)
        parts += [name(key), shape, struct.pack("<BI", kind, array.nbytes), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path
