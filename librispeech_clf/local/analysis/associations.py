"""Associations of every metric with readability, length, noise, speaking rate, gender and the corpus's own columns.

In: the record of results. Out: an `Association` for each pair. Utterances of one speaker share traits, so intervals
and tests take the speaker as the unit; see `rates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from librispeech_clf.local.analysis.rates import (
    FEWEST_SPEAKERS,
    compare_groups,
    correct_holm,
    correlate_ranks,
)
from librispeech_clf.local.analysis.record import Column, Record

AGAINST = (
    "readability_dale_chall_score",
    "text_word_count",
    "signal_duration_s",
    "signal_signal_to_noise_ratio_db",
    "signal_words_per_second",
    "record_gender",
)
RATES = {"word_error_rate": "word", "character_error_rate": "character"}
METRICS = (
    *("word_error_rate", "match_error_rate", "word_information_lost", "word_information_preserved"),
    *("character_error_rate", "confidence", "ctc_loss"),
)


@dataclass(frozen=True)
class Association:
    """How a metric is associated with a metadata column.

    Attributes:
        kind: "spearman" (rank correlation in [-1, 1]) or "difference" (of two groups, first minus second).
        low: lower bound of the value's 95 % interval.
        utterances: number of utterances used.
        p_value: p of no association, with a speaker's utterances taken as dependent.
        p_corrected: the same, corrected by Holm's procedure over all associations of one call.
        groups: the two groups of a difference, empty for a correlation.
    """

    metric: str
    against: str
    kind: str
    value: float
    low: float
    high: float
    utterances: int
    p_value: float
    p_corrected: float
    groups: tuple[str, ...]


def find_associations(
    record: Record, *, against: Sequence[str] = AGAINST, metrics: Sequence[str] = METRICS
) -> tuple[Association, ...]:
    """Test each of the metrics `METRICS` against each metadata column; skip columns the record lacks, and failed rows.

    The correction covers all that are tested, so figures for another selection differ.

    Returns:
        By metadata column, then metric, whatever can be tested: no constant columns, no more than two groups, and for
        groups only error rates.
    """
    scored = record.select_scored()
    columns = [column for name in against if (column := scored.column(name)) is not None]
    tested = [_test(scored, metric, column) for column in columns for metric in metrics]
    found = [association for association in tested if association is not None]
    corrected = correct_holm([association.p_value for association in found])
    return tuple(replace(own, p_corrected=p or 0.0) for own, p in zip(found, corrected, strict=True))


def _test(scored: Record, metric: str, column: Column) -> Association | None:
    if column.numbers is not None:
        values = scored.numbers(metric)
        present = np.isfinite(values) & np.isfinite(column.numbers)
        if metric not in ("confidence", "ctc_loss"):  # without a reference, the others are numbers of errors
            present &= scored.units("character" if metric.startswith("character") else "word") > 0
        speakers = len(np.unique(scored.blocks[present & scored.is_known]))
        # So few speakers say nothing about others: the correlation is then over their utterances.
        blocks = scored.blocks if speakers >= FEWEST_SPEAKERS else np.arange(len(scored))
        tested = correlate_ranks(values[present], column.numbers[present], blocks[present])
        kind, groups = "spearman", ()
    else:
        codes = np.unique(column.codes[column.codes >= 0])
        if len(codes) != 2 or metric not in RATES:
            return None
        errors, units = scored.errors(RATES[metric]), scored.units(RATES[metric])
        present = (column.codes >= 0) & np.isfinite(errors)
        inside = column.codes[present] == codes[0]
        tested = compare_groups(errors[present], units[present], inside, scored.blocks[present])
        kind, groups = "difference", tuple(column.levels[code] for code in codes)
    if tested is None:
        return None
    ends, p = (tested.value, tested.low, tested.high), tested.p_value
    return Association(metric, column.name, kind, *ends, int(present.sum()), p, p, groups)
