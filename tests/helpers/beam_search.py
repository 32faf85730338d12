"""Prefix beam search: every hypothesis with the probability of all its paths, which the CTC loss must equal."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.letters import VOCABULARY


@dataclass(frozen=True)
class Hypothesis:
    """A result of the beam search.

    Attributes:
        labels: label ids, collapsed, without blanks.
        log_probability: natural logarithm of the summed probability of all its paths that the beam kept.
    """

    labels: tuple[int, ...]
    log_probability: float

    @property
    def text(self) -> str:
        """The hypothesis as text."""
        return VOCABULARY.spell(self.labels)


def sum_paths(logits: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the log-probability of every sequence of labels, summed over all its paths through logits (T, V)."""
    frames, totals = log_probabilities(logits), {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label != BLANK)
        total = sum(float(frames[t, label]) for t, label in enumerate(path))
        totals[labels] = np.logaddexp(totals.get(labels, -np.inf), total)
    return totals


def beam_search(logits: np.ndarray, *, beam_width: int) -> list[Hypothesis]:
    """CTC prefix beam search without a language model.

    Every prefix keeps two log-probabilities, of its paths that end in a blank and of those that end in its
    last letter; after every frame the `beam_width` most probable prefixes stay. With a beam wide enough to
    hold all prefixes the result is exact. Source: A. Hannun et al., "First-Pass Large Vocabulary Continuous
    Speech Recognition using Bi-Directional Recurrent DNNs", 2014, algorithm 1, without the language model.

    Args:
        logits: float (T, V) or (1, T, V); frames that hold NaN are passed over.
        beam_width: prefixes to keep after each frame.

    Returns:
        At most `beam_width` hypotheses, most probable first.
    """
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    frames = log_probabilities(logits).astype(np.float64)
    for frame in frames[~np.isnan(frames).any(axis=1)]:
        beam = dict(sorted(_extend(beam, frame).items(), key=_total, reverse=True)[:beam_width])
    return [Hypothesis(prefix, float(np.logaddexp(*ends))) for prefix, ends in beam.items()]


def _extend(
    beam: dict[tuple[int, ...], tuple[float, float]], frame: np.ndarray
) -> dict[tuple[int, ...], tuple[float, float]]:
    """Extend every prefix of the beam by one frame of log-probabilities (V,)."""
    extended: dict[tuple[int, ...], tuple[float, float]] = {}

    def add(prefix: tuple[int, ...], *, blank: float = -np.inf, letter: float = -np.inf) -> None:
        old_blank, old_letter = extended.get(prefix, (-np.inf, -np.inf))
        extended[prefix] = (_log_add(old_blank, blank), _log_add(old_letter, letter))

    scores = frame.tolist()
    for prefix, (blank, letter) in beam.items():
        both = _log_add(blank, letter)
        add(prefix, blank=both + scores[BLANK])
        for label, score in enumerate(scores):
            if label == BLANK:
                continue
            if prefix and label == prefix[-1]:
                add(prefix, letter=letter + score)
                add((*prefix, label), letter=blank + score)
            else:
                add((*prefix, label), letter=both + score)
    return extended


def _log_add(first: float, second: float) -> float:
    larger, smaller = (first, second) if first > second else (second, first)
    return larger if smaller == -np.inf else larger + math.log1p(math.exp(smaller - larger))


def _total(item: tuple[tuple[int, ...], tuple[float, float]]) -> float:
    return _log_add(*item[1])
