"""Several references of an utterance: the one that is nearest to what was recognized counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.context import context
from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.metrics import count_words
from librispeech_clf.text.vocabulary import pad_labels

if TYPE_CHECKING:
    from code_loader.contract.datasetclasses import DatasetSample

    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.local.evaluation.engine import Task

LABELS = "transcript"


def choose_references(
    split: Split, encoded: Sequence[tuple[Task, DatasetSample]], logits: np.ndarray
) -> None:
    """Put the labels with the lowest word error rate into each sample whose utterance has several references.

    Args:
        split: of the utterances.
        encoded: tasks and their samples.
        logits: float (B, T, V).

    Raises:
        ValueError: a further reference holds signs that the model cannot write.
    """
    for (task, sample), own_logits in zip(encoded, logits, strict=True):
        name = task.utterance_id
        if more := split.more_texts.get(name):
            text, vocabulary = context().configuration.text, context().vocabulary
            found = [sample.gt[LABELS]]
            for each in more:
                labels = vocabulary.encode(each, utterance_id=name, normalization=text.normalize)
                found.append(pad_labels(labels, max_letters=text.max_letters, utterance_id=name))
            hypothesis = greedy_text(own_logits, vocabulary)
            rates = [count_words(vocabulary.decode(labels), hypothesis).error_rate for labels in found]
            sample.gt[LABELS] = found[int(np.argmin(rates))]
