"""Faster products of lower precision, by TensorFlow's own switch for processors.

In: what the command line asks for. Out: a setting of the process, before the model is compiled. Weights and what
TensorFlow's lists name as sensitive stay float32; see `auto_mixed_precision_onednn_bfloat16` in
https://www.tensorflow.org/api_docs/python/tf/config/optimizer/set_experimental_options.
"""

from __future__ import annotations

import re
from pathlib import Path

FLOAT32 = "float32"
PROCESSOR = Path("/proc/cpuinfo")


def check_bfloat16(with_model: bool) -> None:
    """Refuse bfloat16 where it would do nothing.

    Raises:
        ValueError: no model is evaluated, or the processor does not name bfloat16 among what it can.
    """
    if not with_model:
        raise ValueError("--precision: is that of a model; give one by --model.")
    # TensorFlow silently computes in float32 elsewhere.
    known = PROCESSOR.read_text() if PROCESSOR.is_file() else ""
    if not re.search(r"\b(avx512_bf16|amx_bf16)\b", known):
        raise ValueError(
            "--precision bfloat16: needs a processor with avx512_bf16 or amx_bf16, which this one does not name; "
            "leave the option out."
        )


def use_precision(precision: str) -> None:
    """Set the precision of the products of models that are compiled from now on."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options(
        {"auto_mixed_precision_onednn_bfloat16": precision != FLOAT32}
    )
