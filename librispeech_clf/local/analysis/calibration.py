"""Calibrated confidence: the share of a model's words that are right at a given confidence.

In: the record of results with reference texts, and the confidences of the hypothesis words. Out: a monotone map, which
`evaluate --calibrate` keeps beside the model with the model's checksum, and the reliability of a run's confidences.

The map is beta calibration, ln odds = a ln p - b ln(1 - p) + c with non-negative a and b (Kull, Silva Filho & Flach
2017, proceedings.mlr.press/v54/kull17a): isotonic regression needs more words than a small validation split has. The
expected calibration error is over ten bins of equal width (Naeini, Cooper & Hauskrecht 2015,
doi:10.1609/aaai.v29i1.9602).

Errors are predicted by average calibrated confidence (Guillory et al. 2021, arxiv.org/abs/2107.03315): of words that
are right with chance c, the sum of 1 - c is expected to be wrong. How many word errors, deletions included, come with
each such word, and how many reference words with each hypothesis word, is learned along with the map.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import Record

BINS = 10
FEWEST_WORDS = 300
NEARLY_ONE = 1 - 1e-4
CHECKSUM, MAPS = "model_sha256", "fitted"


@dataclass(frozen=True)
class Calibration:
    """What a model's word confidences are worth on a corpus.

    Attributes:
        corpus: the corpus that it was fitted on.
        split: the subsets used.
        words: the number of hypothesis words used.
        speakers: the number of speakers.
        certain: the coefficient a of ln p.
        uncertain: the coefficient b of -ln(1 - p).
        offset: the constant c.
        errors: word errors per word that is expected to be wrong.
        length: reference words per hypothesis word.
        spread: standard deviation between speakers of the log of measured over predicted rate.
        highest: predicted rate that one speaker in ten exceeds.
    """

    corpus: str
    split: str
    words: int
    speakers: int
    certain: float
    uncertain: float
    offset: float
    errors: float = 1.0
    length: float = 1.0
    spread: float = 0.0
    highest: float = 1.0

    def __post_init__(self) -> None:
        """Refuse fields of another type than declared, and numbers that are not finite."""
        for name, value in vars(self).items():
            is_text = name in ("corpus", "split")
            if not isinstance(value, str if is_text else int | float) or not (is_text or np.isfinite(value)):
                raise ValueError(f"{name} is {value!r}")

    def __str__(self) -> str:
        """Say what it was fitted on."""
        return f"{self.split} of {self.corpus}"

    def apply(self, confidence: np.ndarray) -> np.ndarray:
        """Return the chance that words with these confidences are right; NaN stays NaN."""
        return _chance(_spread(confidence), (self.certain, self.uncertain, self.offset))

    def replace(self, words: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
        """Return timed words with their chance of being right in place of the confidence."""
        if words is None:
            return None
        own = np.array([word["confidence"] for word in words], float)
        return [{**word, "confidence": chance} for word, chance in zip(words, self.apply(own), strict=True)]

    def average(self, record: Record) -> np.ndarray:
        """Return the mean chance of each row's words being right, float64 (N,), NaN where it has no words."""
        return np.array([self.apply(own).mean() if len(own) else np.nan for own in record.confidences()])

    def predict_errors(self, record: Record) -> np.ndarray:
        """Return each row's predicted word errors and reference words, float64 (N, 2), NaN without words."""
        counts = np.array([len(own) or np.nan for own in record.confidences()])
        return np.stack([self.errors * (1 - self.average(record)) * counts, self.length * counts], axis=1)


@dataclass(frozen=True)
class Bin:
    """Words whose confidence is in one tenth: its mean, the share that is right, and that share's 95 % interval."""

    confidence: float
    right: float
    low: float | None
    high: float | None
    words: int


@dataclass(frozen=True)
class Reliability:
    """How far confidences are from the share of words that are right.

    Attributes:
        calibrated: what it was calibrated on, in words; None if the model is not calibrated.
        error: expected calibration error of the confidences, calibrated if they can be, in [0, 1].
        uncalibrated_error: the same for the model's own confidences.
        bins: the bins that hold words, by increasing confidence.
    """

    calibrated: str | None
    error: float
    uncalibrated_error: float
    words: int
    bins: tuple[Bin, ...]


def judge_words(record: Record) -> tuple[Record, list[np.ndarray], list[np.ndarray]]:
    """Determine whether each hypothesis word is right.

    Returns:
        The rows with reference, hypothesis and a confidence for each word; per row, float64 confidences and bools.
    """
    rows = record.aligned.rows
    confidences = rows.confidences()
    spelled = (operations.replace("d", "").encode() for operations in record.aligned.operations)
    right = [np.frombuffer(own, np.uint8) == ord("=") for own in spelled]
    pairs = zip(confidences, right, strict=True)
    kept = np.flatnonzero([len(own) == len(judged) and np.isfinite(own).all() for own, judged in pairs])
    return rows.select(kept), [confidences[row] for row in kept], [right[row] for row in kept]


def fit_calibration(record: Record, *, corpus: str, split: str) -> Calibration:
    """Learn the map from confidence to the share of words that are right, and how errors follow from it.

    Raises:
        ValueError: the record has too few transcribed words.
    """
    from scipy.optimize import minimize

    rows, confidences, right = judge_words(record)
    confidence, is_right = np.concatenate([np.zeros(0), *confidences]), np.concatenate([np.zeros(0), *right])
    if len(confidence) < FEWEST_WORDS:
        raise ValueError(
            f"--calibrate: at least {FEWEST_WORDS} recognized words with confidences are needed; received "
            f"{len(confidence)}. Evaluate more transcribed recordings."
        )
    terms = _spread(confidence)

    def lose(factors: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean negative log-likelihood and its gradient."""
        chance = _chance(terms, factors)
        loss = -np.log(np.where(is_right > 0, chance, 1 - chance)).mean()
        return float(loss), (chance - is_right) @ terms / len(terms)

    bounds = [(0, None), (0, None), (None, None)]
    factors = np.round(minimize(lose, (1.0, 1.0, 0.0), jac=True, bounds=bounds).x, 4).tolist()
    learned = Calibration(corpus, split, len(confidence), len(np.unique(rows.blocks)), *factors)
    counts = np.stack([rows.errors(), rows.units()], axis=1)
    predicted = learned.predict_errors(rows)
    scales = counts.sum(axis=0) / np.maximum(predicted.sum(axis=0), 1e-9)
    sums = sum_by(np.concatenate([counts, scales * predicted], axis=1), rows.blocks)
    errors, words, expected, length = sums[sums.min(axis=1) > 0].T
    logs = np.log(errors / words / (expected / length))
    # What is left of the variance without the Poisson part.
    between = float(np.var(logs, ddof=1) - np.mean(1 / expected)) if len(logs) > 1 else 0.0
    highest = float(np.quantile(expected / length, 0.9)) if len(length) else 0.0
    figures = {"errors": float(scales[0]), "length": float(scales[1]), "spread": max(between, 0.0) ** 0.5}
    return dataclasses.replace(learned, **figures, highest=highest)


def _spread(confidence: np.ndarray) -> np.ndarray:
    """Return ln p, -ln(1 - p) and 1 of p, float64 (N,): (N, 3)."""
    inside = np.clip(confidence, 1 - NEARLY_ONE, NEARLY_ONE)
    return np.stack([np.log(inside), -np.log1p(-inside), np.ones_like(inside)], axis=-1)


def _chance(terms: np.ndarray, factors: Sequence[float] | np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-terms @ np.asarray(factors)))


def measure_reliability(record: Record, calibration: Calibration | None) -> Reliability | None:
    """Measure how far confidences (calibrated if they can be) are from the share of right words; None without any."""
    rows, confidences, right = judge_words(record)
    if not sum(map(len, right)):
        return None
    own, is_right = np.concatenate(confidences), np.concatenate(right).astype(float)
    blocks = np.repeat(rows.blocks, [len(row) for row in right])
    chances = own if calibration is None else calibration.apply(own)
    bins = []
    for number in range(BINS):
        inside = _find_bins(chances) == number
        if inside.any():
            words = np.stack([is_right[inside], np.ones(inside.sum())], axis=1)
            low, high = find_interval(sum_by(words, blocks[inside]), "share")
            mean, share = float(chances[inside].mean()), float(is_right[inside].mean())
            bins.append(Bin(mean, share, low, high, len(words)))
    # For each bin, the distance between its confidence and its share of right words, weighted by words.
    sums = (np.bincount(_find_bins(values), values - is_right, BINS) for values in (chances, own))
    error, raw = (float(np.abs(of_bins).sum() / len(own)) for of_bins in sums)
    return Reliability(str(calibration) if calibration else None, error, raw, len(own), tuple(bins))


def _find_bins(chances: np.ndarray) -> np.ndarray:
    return np.minimum((chances * BINS).astype(int), BINS - 1)


def name_calibration_file(model: Path) -> Path:
    """Return the path of a model file's calibration: beside it."""
    return model.with_suffix(".calibration.json")


def read_calibrations(path: Path, model_sha256: str) -> dict[str, Calibration]:
    """Return a model's calibrations by corpus; none if there is no file, or it is another model's.

    Raises:
        ValueError: the file does not hold calibrations.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        own = content[MAPS] if content[CHECKSUM] == model_sha256 else {}
        return {name: Calibration(**fitted) for name, fitted in own.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not a calibration ({error}); remove it, or make it again with `evaluate --calibrate`."
        ) from error


def choose_calibration(calibrations: dict[str, Calibration], corpus: str) -> Calibration | None:
    """Return the calibration for a corpus, or else the one from the most words."""
    most = max(calibrations.values(), key=lambda calibration: calibration.words, default=None)
    return calibrations.get(corpus, most)


def render_calibrations(calibrations: dict[str, Calibration], model_sha256: str) -> str:
    """Return a model's calibrations as JSON."""
    fitted = {corpus: dataclasses.asdict(calibration) for corpus, calibration in sorted(calibrations.items())}
    return json.dumps({CHECKSUM: model_sha256, MAPS: fitted}, indent=1, ensure_ascii=False) + "\n"
