"""CTC loss of utterances: logits and label ids in, one finite number per utterance out.

The forward recursion runs in log space and is compiled by numba at the first call. B batch, T frames, V
vocabulary, L label ids.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.text.vocabulary import BLANK

LARGEST_LOSS = 1e4
"""Loss of a transcript that cannot be aligned, and upper bound of all losses.

It exceeds the loss of 35 s of uniform logits (1747 * log 32 = 6055), and float16 holds it exactly.
"""


def ctc_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the negative log-probability of each transcript, summed over all its CTC paths.

    The frames that the model forces to the blank contribute log 1 = 0 and are left out, so padding changes
    nothing. An empty transcript has the loss of the all-blank path; without a valid frame, that is 0.
    Source: A. Graves et al., "Connectionist Temporal Classification", 2006, equations 5 to 8.

    Args:
        logits: float (B, T, V).
        labels: (B, L) of any number type, label ids in [1, V - 1], zero-padded.

    Returns:
        float32 (B,), in [0, LARGEST_LOSS]. LARGEST_LOSS if the transcript has more letters (counting one
        more between equal neighbors) than there are valid frames, or if the logits hold NaN anywhere.

    Raises:
        ValueError: batch sizes differ, or a label id is outside the vocabulary.
    """
    logits, label_ids = np.asarray(logits), np.rint(np.asarray(labels, np.float32)).astype(np.int64)
    _check(logits, label_ids)
    losses = [_utterance_loss(frames, ids) for frames, ids in zip(logits, label_ids, strict=True)]
    return np.array(losses, np.float32)


def _check(logits: np.ndarray, labels: np.ndarray) -> None:
    if logits.ndim != 3 or labels.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            "logits must be (B, T, V) and labels (B, L) of one batch size; "
            f"received {logits.shape} and {labels.shape}."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < logits.shape[2]:
        raise ValueError(
            f"label ids must lie in [0, {logits.shape[2] - 1}]; received {labels.min()} to {labels.max()}."
        )


def _utterance_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    frames = log_probabilities(logits)
    letters = labels[labels != BLANK]
    if np.isnan(logits).any() or np.isnan(frames).any():
        return LARGEST_LOSS
    if not len(frames):
        return LARGEST_LOSS if len(letters) else 0.0
    loss = -_compiled_log_likelihood()(frames, letters)
    return min(max(loss, 0.0), LARGEST_LOSS) if math.isfinite(loss) else LARGEST_LOSS


@functools.cache
def _compiled_log_likelihood() -> Callable[[np.ndarray, np.ndarray], float]:
    """Compile the recursion, cached on disk if a cache folder is writable."""
    import numba

    try:
        return numba.njit(cache=True)(_log_likelihood)
    except RuntimeError:  # "cannot cache function ...: no locator available": all folders are read-only
        return numba.njit(_log_likelihood)


def _log_likelihood(frames: np.ndarray, letters: np.ndarray) -> float:
    """Return the log-probability of `letters` (L,) under log-probabilities `frames` (T, V), T >= 1.

    `forward[s]` is the log-probability of all paths up to frame t that end in state s of the sequence blank,
    letter 1, blank, letter 2, ..., blank.
    """
    frame_count, state_count = len(frames), 2 * len(letters) + 1
    forward = np.full(state_count, -np.inf)
    for t in range(frame_count):
        # Only the states that a path can have reached by now and from which it can still reach the end.
        first = max(0, state_count - 2 * (frame_count - t))
        last = min(state_count - 1, 2 * t + 1)
        for s in range(last, first - 1, -1):
            label = letters[s // 2] if s % 2 else BLANK
            stay = 0.0 if t == 0 else forward[s]
            step = forward[s - 1] if s > 0 else -np.inf
            skip = forward[s - 2] if s > 2 and s % 2 and label != letters[s // 2 - 1] else -np.inf
            largest = max(stay, step, skip)
            if largest > -np.inf:
                total = math.exp(stay - largest) + math.exp(step - largest) + math.exp(skip - largest)
                forward[s] = largest + math.log(total) + frames[t, label]
    if state_count == 1:
        return forward[0]
    return np.logaddexp(forward[-1], forward[-2])
