"""Refuse a model whose answers could not be read, when it is opened and not utterance by utterance."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.text.vocabulary import LETTERS

if TYPE_CHECKING:
    import keras

_SHOWN = 3


def check_model(model: "keras.Model", path: Path) -> None:
    """Check the letters and the weights of a model.

    Args:
        model: a wav2vec 2.0 model of this project.
        path: its file, for the message.

    Raises:
        ValueError: it writes another number of letters than this project has, or weights hold NaN or infinity.
    """
    letters = model.output_shape[-1]
    if letters != len(LETTERS):
        raise ValueError(
            f"{path}: a model must write the {len(LETTERS)} letters of librispeech_clf.text.vocabulary. Received: "
            f"{letters}; convert the checkpoint again, which puts its head in order: poetry run convert-model"
        )
    if bad := name_not_finite((variable.path, variable.value.numpy()) for variable in model.weights):
        raise ValueError(f"{path}: weights hold NaN or infinity: {bad}; train or convert it again.")


def name_not_finite(weights: Iterable[tuple[str, np.ndarray]]) -> str:
    """Return the first names of weights that hold NaN or infinity, and how many more do; empty without any."""
    bad = [name for name, x in weights if x.size and not (np.isfinite(x.min()) and np.isfinite(x.max()))]
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return ", ".join(bad[:_SHOWN]) + more
