"""The rows of the results table: their columns, and what they tell of task and hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow

from librispeech_clf.ctc.decoding import greedy_letters, greedy_words
from librispeech_clf.ctc.frames import FRAME_DURATION_S
from librispeech_clf.text.vocabulary import LETTERS, WORD_SEPARATOR

if TYPE_CHECKING:
    import numpy as np

    from librispeech_clf.local.evaluation.loader import Wire
    from librispeech_clf.local.evaluation.plan import Task

KEPT_TEXTS = ("hypothesis", "reference")
"""Visualizers whose text becomes a column."""
Row = dict[str, Any]


def start_row(task: Task) -> Row:
    """Return what the row of a task begins with, failed or not."""
    return {
        "utterance_id": task.utterance_id,
        "split": task.split,
        "subset": task.subset,
        "simulation": task.simulation,
        "severity": task.severity,
        "error": None,
    }


def describe_hypothesis(logits: np.ndarray, *, frame_duration_s: float = FRAME_DURATION_S) -> Row:
    """Return words and letters of the greedy path with times and confidences.

    Args:
        logits: float (T, V).
        frame_duration_s: time from frame to frame, s.

    Returns:
        `words` and `letters`, lists of {text, start_s, end_s, confidence}; a word's end is the letter " ".
    """
    words = greedy_words(logits, frame_duration_s=frame_duration_s)
    letters = greedy_letters(logits, frame_duration_s=frame_duration_s)
    separator = LETTERS[WORD_SEPARATOR]
    return {
        "words": [dict(vars(word)) for word in words],
        "letters": [vars(letter) | {"text": letter.text.replace(separator, " ")} for letter in letters],
    }


def make_schema(wires: Sequence[Wire], loader: Any) -> pyarrow.Schema:
    """Return the columns of the results table.

    Args:
        wires: the registered metrics and losses.
        loader: a LeapLoader whose script has run.
    """
    text, number = pyarrow.string(), pyarrow.float64()
    timing = pyarrow.list_(
        pyarrow.struct({"text": text, "start_s": number, "end_s": number, "confidence": number})
    )
    fixed = {
        **dict.fromkeys(("utterance_id", "split", "subset", "simulation"), text),
        "severity": number,
        **dict.fromkeys(("reference", "hypothesis", "error"), text),
    }
    metrics = {name: pyarrow.float32() for wire in wires for name in _list_columns(wire, loader)}
    kinds = {"float": number, "string": text, "int": pyarrow.int64(), "boolean": pyarrow.bool_()}
    metadata = {name: kinds[kind.name] for name, kind in loader._metadata_name_to_type().items()}
    spaces = dict.fromkeys(loader.get_dataset_custom_latent_space_names(), pyarrow.list_(pyarrow.float32()))
    vectors = {"words": timing, "letters": timing, "latent": pyarrow.list_(pyarrow.float32()), **spaces}
    return pyarrow.schema({**fixed, **metrics, **metadata, **vectors})


def _list_columns(wire: Wire, loader: Any) -> list[str]:
    if wire.kind == "CustomLoss":
        return [wire.name]
    if wire.kind == "Visualizer":
        return []
    direction = loader.metric_by_name()[wire.name].direction
    return list(direction) if isinstance(direction, dict) else [wire.name]
