"""Every text with the probability of all its paths, which CTC's loss and decoders must equal: all, or by a beam."""

import itertools
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.text.vocabulary import BLANK


class Hypothesis(NamedTuple):
    """Label ids, collapsed, without blanks; natural logarithm of the summed probability of their paths."""

    labels: tuple[int, ...]
    log_probability: float


def sum_paths(logits: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the log-probability of every sequence of labels, summed over all its paths through logits (T, V)."""
    frames, totals = log_probabilities(logits), {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label != BLANK)
        total = sum(float(frames[t, label]) for t, label in enumerate(path))
        totals[labels] = np.logaddexp(totals.get(labels, -np.inf), total)
    return totals


def beam_search(logits: np.ndarray, *, beam_width: int) -> list[Hypothesis]:
    """Search by prefixes, without a language model; exact with a beam wide enough to hold all prefixes.

    Every prefix keeps two probabilities, of its paths that end in a blank and of those that end in its last letter;
    after every frame the `beam_width` most probable prefixes stay. Source: A. Hannun et al., "First-Pass Large
    Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014, algorithm 1.

    Args:
        logits: float (T, V) or (1, T, V), of few frames, as probabilities are not scaled.
        beam_width: prefixes to keep after each frame.

    Returns:
        At most `beam_width` hypotheses, most probable first.
    """
    beam, letters = {(): [1.0, 0.0]}, [label for label in range(logits.shape[-1]) if label != BLANK]
    for frame in np.exp(log_probabilities(logits).astype(np.float64)).tolist():
        extended = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, letter) in beam.items():
            extended[prefix][0] += (blank + letter) * frame[BLANK]
            for label in letters:
                is_repeated = prefix[-1:] == (label,)
                extended[(*prefix, label)][1] += (blank if is_repeated else blank + letter) * frame[label]
                if is_repeated:
                    extended[prefix][1] += letter * frame[label]
        beam = dict(sorted(extended.items(), key=lambda item: -sum(item[1]))[:beam_width])
    with np.errstate(divide="ignore"):
        return [Hypothesis(prefix, float(np.log(sum(ends)))) for prefix, ends in beam.items()]
