"""Corpus error rates with intervals that leave out one speaker at a time.

In: the results table. Out: `ErrorRate` records. A corpus rate is summed errors over summed reference units,
never a mean of rates. Utterances of one speaker are not independent, so the speaker is the unit of the interval;
see `jackknife`. The bootstrap draws speakers, too, for figures that are no ratio of sums.

Sources: blocks of dependent utterances, Liu & Peng, "Statistical testing on ASR performance via blockwise
bootstrap", arXiv:1912.09508; percentile interval, Bisani & Ney, "Bootstrap estimates for confidence intervals
in ASR performance evaluation", ICASSP 2004, doi:10.1109/ICASSP.2004.1326009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.binning import Bins, bin_by_quantiles
from librispeech_clf.local.analysis.jackknife import FEWEST_SPEAKERS, interval_of_ratio, sum_blocks
from librispeech_clf.local.analysis.results_table import (
    UNITS,
    count_errors,
    find_scored,
    list_speakers,
    read_categories,
    read_numbers,
)

if TYPE_CHECKING:
    import pandas as pd

REPLICATES = 2000
CONFIDENCE = 0.95
LENGTHS = 4
_WEIGHTS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class ErrorRate:
    """A corpus error rate.

    Attributes:
        rate: summed errors / summed reference units; without reference units the number of errors, as jiwer
            has it; None without utterances.
        low: lower bound of the 95 % interval, None where there is none (a single speaker or utterance).
        high: upper bound.
        errors: substitutions + deletions + insertions.
        units: reference words or characters.
        utterances: number of scored utterances.
        speakers: number of known speakers.
        resampled: "speakers", "utterances" or "nothing".
        note: why there is no interval, or what it lacks: known speakers, or many of them; None otherwise.
    """

    rate: float | None
    low: float | None
    high: float | None
    errors: int
    units: int
    utterances: int
    speakers: int
    resampled: str
    note: str | None


@dataclass(frozen=True)
class Blocks:
    """What is left out or drawn as a whole.

    Attributes:
        index: int (N,), the block of each utterance, in [0, count).
        count: number of blocks.
        speakers: number of known speakers.
        resampled: "speakers", "utterances" or "nothing".
        note: why nothing, why not speakers, or that they are few; None otherwise.
    """

    index: np.ndarray
    count: int
    speakers: int
    resampled: str
    note: str | None


def find_blocks(scored: pd.DataFrame, *, fewest: int = FEWEST_SPEAKERS) -> Blocks:
    """Return the blocks to resample: speakers, or utterances when too few speakers are known.

    An utterance of an unknown speaker is a block of its own. Blocks are numbered by name, so the order of the
    rows does not matter.

    Args:
        scored: the utterances.
        fewest: known speakers from which on they are the blocks: 5 for a bootstrap, 1 for a jackknife.
    """
    speakers = list_speakers(scored)
    known = len({speaker for speaker in speakers if speaker is not None})
    utterances = [str(name) for name in scored["utterance_id"]] if len(scored) else []
    if known >= fewest:
        pairs = zip(speakers, utterances, strict=True)
        index, count = _number(["s" + s if s is not None else "u" + u for s, u in pairs])
        if count < 2:
            return Blocks(index, count, known, "nothing", "a single speaker: no interval")
        few = f"few speakers ({known}): a coarse interval" if known < FEWEST_SPEAKERS else None
        return Blocks(index, count, known, "speakers", few)
    index, count = _number(utterances)
    counted = {0: "no speaker is", 1: "only 1 speaker is"}.get(known, f"only {known} speakers are")
    if count < 2:
        return Blocks(index, count, known, "nothing", "fewer than two utterances: no interval")
    return Blocks(index, count, known, "utterances", f"utterances resampled: {counted} known")


def _number(names: list[str]) -> tuple[np.ndarray, int]:
    distinct, index = np.unique(np.array(names, dtype=str), return_inverse=True)
    return index.reshape(-1), len(distinct)


def resample_sums(
    values: np.ndarray, blocks: Blocks, *, seed: int = 0, replicates: int = REPLICATES
) -> np.ndarray:
    """Draw blocks with replacement and sum the values of what was drawn.

    Args:
        values: float64 (N, C), one row per utterance.
        blocks: the blocks of the utterances.
        seed: of the random numbers; the same seed and blocks give the same draws for any values.
        replicates: number of draws, R.

    Returns:
        float64 (R, C).
    """
    if blocks.count == 0:
        return np.zeros((replicates, values.shape[1]))
    sums = sum_blocks(values, blocks.index, blocks.count)
    generator = np.random.default_rng(seed)
    shares = np.full(blocks.count, 1.0 / blocks.count)
    at_once = max(1, _WEIGHTS_AT_ONCE // blocks.count)
    parts = [
        generator.multinomial(blocks.count, shares, size=min(at_once, replicates - start)) @ sums
        for start in range(0, replicates, at_once)
    ]
    return np.concatenate(parts)


def percentile_interval(replicated: np.ndarray) -> tuple[float | None, float | None]:
    """Return the central 95 % of replicated estimates; replicates that are not finite are left out."""
    finite = replicated[np.isfinite(replicated)]
    if len(finite) == 0:
        return None, None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def corpus_error_rate(results: pd.DataFrame, *, unit: str = "word") -> ErrorRate:
    """Compute the corpus error rate of a table's scored utterances, with its 95 % interval.

    Args:
        results: the results table; failed utterances are left out.
        unit: "word" or "character".

    Returns:
        The rate with its interval; the point estimate agrees with jiwer over the same texts.

    Raises:
        ValueError: the unit is not known.
    """
    scored = find_scored(results, unit=unit)
    errors, units = count_errors(scored, unit=unit)
    blocks = find_blocks(scored, fewest=1)
    low, high = rate_interval(np.stack([errors, units], axis=1), blocks)
    return ErrorRate(
        rate=_rate(errors.sum(), units.sum()) if len(scored) else None,
        low=low,
        high=high,
        errors=int(errors.sum()),
        units=int(units.sum()),
        utterances=len(scored),
        speakers=blocks.speakers,
        resampled=blocks.resampled,
        note=blocks.note,
    )


def rate_interval(
    values: np.ndarray, blocks: Blocks, *, scale: str = "log"
) -> tuple[float, float] | tuple[None, None]:
    """Return the 95 % interval of a ratio of sums over utterances.

    Args:
        values: float64 (N, 2), numerator and denominator of each utterance.
        blocks: of the utterances, from `find_blocks(scored, fewest=1)`.
        scale: see `jackknife.interval_of_ratio`.

    Returns:
        Lower and upper bound; both None where there is no interval.
    """
    return interval_of_ratio(sum_blocks(values, blocks.index, blocks.count), scale=scale) or (None, None)


def _rate(errors: float, units: float) -> float:
    return float(errors / units) if units > 0 else float(errors)


def divide(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Divide float64 (R,) by float64 (R,); NaN where a denominator is not positive."""
    return np.divide(numerators, denominators, out=np.full(len(numerators), np.nan), where=denominators > 0)


def error_rates_by(
    results: pd.DataFrame,
    groups: Sequence[str | None],
    order: Sequence[str] | None = None,
    *,
    unit: str = "word",
) -> dict[str, ErrorRate]:
    """Compute the corpus error rate of each group of utterances.

    Args:
        results: the results table.
        groups: the group of each row, None for rows in no group; length N.
        order: the groups to rate, in this order; all, in order of first occurrence, by default.
        unit: "word" or "character".

    Returns:
        Rates by group, in that order.
    """
    names = order or dict.fromkeys(name for name in groups if name is not None)
    labels = np.array(groups, dtype=object)
    return {name: corpus_error_rate(results[labels == name], unit=unit) for name in names}


def bin_by_length(results: pd.DataFrame) -> tuple[str, Bins]:
    """Bin the rows by length: by duration where the table has it, by reference words otherwise.

    Args:
        results: the results table.

    Returns:
        What is binned ("duration in s" or "reference words"), and the bins.
    """
    durations = read_numbers(results["signal_duration_s"]) if "signal_duration_s" in results.columns else None
    if durations is not None:
        return "duration in s", bin_by_quantiles(durations, count=LENGTHS)
    scored = find_scored(results)
    words = dict(zip(scored.get("utterance_id", ()), count_errors(scored)[1], strict=True))
    lengths = np.array([words.get(name, np.nan) for name in results.get("utterance_id", ())], np.float64)
    return "reference words", bin_by_quantiles(lengths, count=LENGTHS)


def summarize(results: pd.DataFrame) -> dict:
    """Summarise a results table: corpus rates of words and characters, overall and by group.

    Args:
        results: the results table.

    Returns:
        A JSON-able dictionary: "utterances", "failed", "length" (what lengths count), and for "word" and
        "character" each: "all" (an `ErrorRate` as dictionary) and "split", "subset", "gender", "length",
        "speaker" (dictionaries of them by group, empty where the table lacks the column).
    """
    length, bins = bin_by_length(results)
    groups = {
        "split": _read_groups(results, "split"),
        "subset": _read_groups(results, "subset"),
        "gender": _read_groups(results, "record_gender"),
        "length": (list(bins.labels), bins.groups()),
        "speaker": _order(list_speakers(results)),
    }
    failed = len(results) - len(find_scored(results))
    rates = {unit: _summarize_unit(results, groups, unit=unit) for unit in UNITS}
    return {"utterances": len(results), "failed": failed, "length": length, **rates}


def _summarize_unit(results: pd.DataFrame, groups: dict, *, unit: str) -> dict:
    grouped = {
        name: {
            group: asdict(rate) for group, rate in error_rates_by(results, labels, order, unit=unit).items()
        }
        for name, (order, labels) in groups.items()
    }
    return {"all": asdict(corpus_error_rate(results, unit=unit)), **grouped}


def _read_groups(results: pd.DataFrame, column: str) -> tuple[list[str], list[str | None]]:
    categories = read_categories(results[column]) if column in results.columns else None
    return _order([None] * len(results) if categories is None else list(categories))


def _order(labels: list[str | None]) -> tuple[list[str], list[str | None]]:
    return sorted({label for label in labels if label is not None}), labels
