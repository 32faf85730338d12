"""Traits of a group of utterances: the metadata that set it apart from the others.

In: the record of results and which rows belong to the group. Out: `Trait`s, the largest effect first.

Sources: Cliff, "Dominance statistics", Psychological Bulletin 114, 1993; the bound of a negligible effect, 0.147,
Romano et al., 2006; Mann & Whitney 1947; Fisher's exact test.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from librispeech_clf.local.analysis.labels import LOW_AND_HIGH, label_category, label_tail
from librispeech_clf.local.analysis.rates import correct_holm
from librispeech_clf.local.analysis.record import Column, Record, physical_unit

ALPHA = 0.01
NEGLIGIBLE_EFFECT = 0.147
CORRELATED = 0.9
FEWEST_SPEAKERS = 3
"""Of a category: what fewer speakers share is who they are, not a trait."""
RARE_WORDS = "text_rare_word_share"


@dataclass(frozen=True)
class Trait:
    """A metadata column (or one value of it) that sets a group apart.

    Attributes:
        column: the column of the results table.
        label: in words: "women", "noisy recordings".
        value: the category, None for numbers.
        effect: Cliff's delta in [-1, 1]: the chance that a value inside is above one outside, minus the
            reverse; for a category, the share inside minus the share outside.
        inside: median inside, or share of the category inside, in [0, 1].
        outside: the same outside.
        unit: physical unit of the medians, None for a plain number.
        p_corrected: by Mann & Whitney's test, two-sided, or Fisher's exact one, one-sided; by Holm's procedure over
            everything tested for the group. Utterances are taken as independent.
    """

    column: str
    label: str
    value: str | None
    effect: float
    inside: float
    outside: float
    unit: str | None
    p_corrected: float


class Features:
    """The numeric columns of a record that vary, and their ranks, made once for all groups."""

    def __init__(self, record: Record) -> None:
        """Read the numbers, plainest names first, and the share of rare words."""
        columns = {name: record.column(name) for name in record.metadata}
        found = {
            name: column.numbers for name, column in columns.items() if column and column.numbers is not None
        }
        rare = measure_rare_words(record)
        if rare is not None:
            found[RARE_WORDS] = rare
        varied = {name: own for name, own in found.items() if len(np.unique(own[np.isfinite(own)])) > 1}
        self.record = record
        self.numbers = {
            name: varied[name] for name in dict.fromkeys([*LOW_AND_HIGH, *varied]) if name in varied
        }
        self.ranks = {name: _rank(numbers) for name, numbers in self.numbers.items()}
        self._ties = {name: _sum_ties(numbers) for name, numbers in self.numbers.items()}
        stacked = np.array([*self.ranks.values()], np.float32).reshape(len(self.ranks), len(record))
        correlations = (
            np.corrcoef(stacked, dtype=np.float64) if len(stacked) > 1 else np.ones((len(stacked),) * 2)
        )
        self._places = {name: place for place, name in enumerate(self.ranks)}
        self._correlations = np.abs(correlations)
        self.categories = [column for column in columns.values() if column and column.kind == "category"]
        self.speakers = [_count_speakers(column, record.blocks) for column in self.categories]

    def correlation(self, first: str, second: str) -> float:
        """Return the absolute rank correlation of two columns."""
        return float(self._correlations[self._places[first], self._places[second]])

    def describe(self, inside: np.ndarray) -> tuple[Trait, ...]:
        """Find what sets some utterances apart from the others.

        Numbers are compared by Mann & Whitney's test and Cliff's delta, categories by Fisher's exact test of each
        value that is more frequent inside.

        Args:
            inside: bool (N,), the utterances to set apart.

        Returns:
            What is significant at 1 % after correction over everything tested and not negligible, largest effect
            first; of what a listener would call the same, and of columns that rank utterances alike, the first.
        """
        tested = [*self._test_numbers(inside), *self._test_categories(inside)]
        corrected = correct_holm([p for _, p in tested])
        kept = [
            replace(trait, p_corrected=p)
            for (trait, _), p in zip(tested, corrected, strict=True)
            if p is not None and p < ALPHA and abs(trait.effect) >= NEGLIGIBLE_EFFECT
        ]
        kept.sort(key=lambda trait: (-abs(trait.effect), trait.p_corrected, trait.column))
        named: list[Trait] = []
        for trait in kept:
            if not any(self._are_alike(trait, other) for other in named):
                named.append(trait)
        return tuple(named)

    def _are_alike(self, trait: Trait, other: Trait) -> bool:
        if trait.label == other.label:
            return True
        numeric = trait.value is None and other.value is None
        return numeric and self.correlation(trait.column, other.column) > CORRELATED

    def _test_numbers(self, inside: np.ndarray) -> Iterator[tuple[Trait, float]]:
        from scipy.stats import norm

        for name, numbers in self.numbers.items():
            present = np.isfinite(numbers)
            within, without = numbers[present & inside], numbers[present & ~inside]
            count, total = len(within), len(within) + len(without)
            if min(count, len(without)) == 0:
                continue
            ranks = self.ranks[name][present & inside].astype(np.float64) * total + 0.5
            excess = ranks.sum() - count * (total + 1) / 2
            spread = count * len(without) / 12 * (total + 1 - self._ties[name] / (total * (total - 1)))
            effect = float(2 * excess / (count * len(without)))
            # Half a rank for the normal approximation of whole ones.
            score = max(abs(excess) - 0.5, 0.0) / np.sqrt(max(spread, 1e-12))
            label = label_tail(name, "high" if effect > 0 else "low")
            medians = float(np.median(within)), float(np.median(without))
            yield (
                Trait(name, label, None, effect, *medians, physical_unit(name), 1.0),
                float(2 * norm.sf(score)),
            )

    def _test_categories(self, inside: np.ndarray) -> Iterator[tuple[Trait, float]]:
        from scipy.stats import hypergeom

        known = self.record.is_known.any()
        for column, speakers in zip(self.categories, self.speakers, strict=True):
            present, levels = column.codes >= 0, len(column.levels)
            counts = np.bincount(column.codes[present], minlength=levels)
            within = np.bincount(column.codes[present & inside], minlength=levels)
            count, total = int(within.sum()), int(counts.sum())
            if min(count, total - count) == 0 or np.count_nonzero(counts) < 2:
                continue
            shares, others = within / count, (counts - within) / (total - count)
            several = speakers >= FEWEST_SPEAKERS if known else np.ones(levels, bool)
            codes = np.flatnonzero((within >= 3) & (shares > others) & several)
            chances = hypergeom.sf(within[codes] - 1, total, counts[codes], count)
            for code, chance in zip(codes, chances, strict=True):
                value, share, other = column.levels[code], float(shares[code]), float(others[code])
                label = label_category(column.name, value)
                yield (
                    Trait(column.name, label, value, share - other, share, other, None, 1.0),
                    float(chance),
                )


def measure_rare_words(record: Record) -> np.ndarray | None:
    """Return the share of an utterance's words that no other place of the references holds, in [0, 1]."""
    if "reference" not in record.names:
        return None
    texts = [text or "" for text in record.texts("reference")]
    counted = Counter(itertools.chain.from_iterable(text.split() for text in texts))
    words = (text.split() for text in texts)
    return np.array([sum(counted[word] == 1 for word in own) / max(len(own), 1) for own in words])


def _count_speakers(column: Column, blocks: np.ndarray) -> np.ndarray:
    """Return how many speakers each category has, int (levels,)."""
    known = column.codes >= 0
    pairs = np.unique(column.codes[known] * (blocks.max(initial=0) + 1) + blocks[known])
    return np.bincount(pairs // (blocks.max(initial=0) + 1), minlength=len(column.levels))


def _sum_ties(numbers: np.ndarray) -> float:
    """Return the sum of t^3 - t over groups of t equal numbers."""
    ties = np.unique(numbers[np.isfinite(numbers)], return_counts=True)[1].astype(np.float64)
    return float(np.sum(ties**3 - ties))


def _rank(numbers: np.ndarray) -> np.ndarray:
    """Return mid-ranks from 0 to 1, float32 (N,); nulls are in the middle."""
    from scipy.stats import rankdata

    ranks = np.full(len(numbers), 0.5, np.float32)
    present = np.isfinite(numbers)
    ranks[present] = (rankdata(numbers[present]) - 0.5) / present.sum()
    return ranks
