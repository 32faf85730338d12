"""Traits of a group of utterances: the metadata that set it apart from the others, in a listener's words.

In: the record of results and which rows belong to the group. Out: `Trait`s, the largest effect first; labels for
tails and categories of columns, such as "noisy recordings" or "women".

Sources: Cliff, "Dominance statistics", Psychological Bulletin 114, 1993; the bound of a negligible effect, 0.147,
Romano et al., 2006; Mann & Whitney 1947; Fisher's exact test.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from librispeech_clf.local.analysis.rates import correct_holm
from librispeech_clf.local.analysis.record import Column, Record, label_column, physical_unit

ALPHA = 0.01
NEGLIGIBLE_EFFECT = 0.147
CORRELATED = 0.9
FEWEST_SPEAKERS = 3
"""Fewest speakers of a category: what fewer share is who they are, not a trait."""
RARE_WORDS = "text_rare_word_share"
LOW_AND_HIGH: dict[str, tuple[str, str]] = {
    "signal_duration_s": ("short utterances", "long utterances"),
    "signal_level_dbfs": ("quiet recordings", "loud recordings"),
    "signal_signal_to_noise_ratio_db": ("noisy recordings", "clean recordings"),
    "signal_fundamental_frequency_median_hz": ("low voices", "high voices"),
    "signal_words_per_second": ("slow speech", "fast speech"),
    "signal_letters_per_second": ("slow speech", "fast speech"),
    "signal_silence_share": ("little silence", "much silence"),
    "signal_pause_count": ("few pauses", "many pauses"),
    "signal_fundamental_frequency_spread_semitones": ("even pitch", "lively pitch"),
    "signal_voiced_share": ("little voicing", "much voicing"),
    "signal_spectral_centroid_mean_hz": ("dull sound", "bright sound"),
    "signal_clipping_share": ("little clipping", "clipped recordings"),
    "readability_dale_chall_score": ("easy texts", "hard texts"),
    "readability_difficult_word_share": ("easy words", "difficult words"),
    "text_rare_word_share": ("frequent words", "rare words"),
    "text_word_length_mean": ("short words", "long words"),
    "text_word_count": ("few words", "many words"),
    "record_speaker_total_minutes": ("readers of little speech", "readers of much speech"),
}
"""Column -> (low tail, high tail). Of correlated columns, the first one here gives the label."""
SYNONYMS = {
    "signal_duration_s": "text_letter_count readability_syllables "
    "text_distinct_letter_count text_most_frequent_letter_count",
    "signal_level_dbfs": "signal_peak_dbfs signal_rms signal_mel_energy "
    "signal_polynomial_intercept -signal_polynomial_slope",
    "signal_silence_share": "signal_leading_silence signal_trailing_silence",
    "signal_pause_count": "signal_longest_pause",
    "signal_spectral_centroid_mean_hz": "signal_spectral_centroid signal_spectral_bandwidth signal_spectral_rolloff "
    "signal_spectral_flatness signal_zero_crossing_rate",
    "readability_dale_chall_score": "readability_flesch_kincaid readability_gunning_fog readability_text_standard "
    "readability_mean_syllables readability_linsear_write -readability_flesch_reading_ease",
    "readability_difficult_word_share": "readability_difficult_words",
    "text_word_length_mean": "text_word_length",
}
"""Column -> first words of columns that mean the same to a listener; with a minus, its opposite."""
CATEGORIES = {("record_gender", "F"): "women", ("record_gender", "M"): "men"}


@dataclass(frozen=True)
class Trait:
    """A metadata column (or one value of it) that sets a group apart.

    Attributes:
        label: label in words: "women", "noisy recordings".
        value: the category, None for numbers.
        effect: Cliff's delta in [-1, 1]: the chance that a value inside is above one outside, minus the
            reverse; for a category, the share inside minus the share outside.
        inside: median inside, or share of the category inside, in [0, 1].
        p_corrected: p by Mann & Whitney's test, two-sided, or Fisher's exact test, one-sided, corrected by Holm's
            procedure over everything tested for the group. Utterances are taken as independent.
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
    """A record's numeric columns that vary, and their mid-ranks from 0 to 1, computed once for all groups."""

    def __init__(self, record: Record) -> None:
        """Read the numbers, plainest names first, and the share of rare words."""
        from scipy.stats import rankdata, tiecorrect

        columns = [column for name in record.metadata if (column := record.column(name))]
        found = {column.name: column.numbers for column in columns if column.numbers is not None}
        if "reference" in record.names:
            found[RARE_WORDS] = measure_rare_words(record)
        self.record, self.numbers, self.ranks, self._ties = record, {}, {}, {}
        for name in [name for name in dict.fromkeys([*LOW_AND_HIGH, *found]) if name in found]:
            present = np.isfinite(found[name])
            known = found[name][present]
            if len(known) and np.ptp(known) > 0:
                self.numbers[name], self._ties[name] = found[name], tiecorrect(known)
                self.ranks[name] = np.full(len(record), 0.5, np.float32)  # nulls are in the middle
                self.ranks[name][present] = (rankdata(known) - 0.5) / len(known)
        self._places = {name: place for place, name in enumerate(self.ranks)}
        ranks = np.array([*self.ranks.values()], np.float32)
        self._correlations = np.atleast_2d(np.corrcoef(ranks, dtype=np.float64)) if len(ranks) else ranks
        self.categories = [column for column in columns if column.numbers is None]
        self.speakers = [_count_speakers(column, record.blocks) for column in self.categories]

    def correlation(self, first: str, second: str) -> float:
        """Return the absolute rank correlation of two columns."""
        return abs(float(self._correlations[self._places[first], self._places[second]]))

    def describe(self, inside: np.ndarray) -> tuple[Trait, ...]:
        """Find what sets some utterances, bool (N,), apart from the others.

        Numbers are compared by Mann & Whitney's test and Cliff's delta, categories by Fisher's exact test of each
        value that is more frequent inside.

        Returns:
            What is not negligible, and significant at 1 % after correction over everything tested, largest effect
            first; of traits that a listener would call the same, or whose columns rank utterances alike, the first.
        """
        tested = [*self._test_numbers(inside), *self._test_categories(inside)]
        corrected = correct_holm([trait.p_corrected for trait in tested])
        kept = [
            replace(trait, p_corrected=p)
            for trait, p in zip(tested, corrected, strict=True)
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

    def _test_numbers(self, inside: np.ndarray) -> Iterator[Trait]:
        """Test the numeric columns; `p_corrected` is not corrected yet."""
        from scipy.stats import norm

        for name, numbers in self.numbers.items():
            present = np.isfinite(numbers)
            within, without = numbers[present & inside], numbers[present & ~inside]
            count, total = len(within), len(within) + len(without)
            if min(count, len(without)) == 0:
                continue
            ranks = self.ranks[name][present & inside].astype(np.float64) * total + 0.5
            excess = ranks.sum() - count * (total + 1) / 2
            spread = count * len(without) * (total + 1) / 12 * self._ties[name]
            effect = float(2 * excess / (count * len(without)))
            # Continuity correction by half a rank.
            score = max(abs(excess) - 0.5, 0.0) / np.sqrt(max(spread, 1e-12))
            label = label_tail(name, "high" if effect > 0 else "low")
            medians = 0.0, 0.0  # nobody reads those of negligible traits
            if abs(effect) >= NEGLIGIBLE_EFFECT:
                medians = float(np.median(within)), float(np.median(without))
            yield Trait(name, label, None, effect, *medians, physical_unit(name), float(2 * norm.sf(score)))

    def _test_categories(self, inside: np.ndarray) -> Iterator[Trait]:
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
                yield Trait(column.name, label, value, share - other, share, other, None, float(chance))


def measure_rare_words(record: Record) -> np.ndarray:
    """Return the share of each utterance's words that occur nowhere else in the references, in [0, 1]."""
    texts = [text or "" for text in record.texts("reference")]
    counted = Counter(itertools.chain.from_iterable(text.split() for text in texts))
    words = (text.split() for text in texts)
    return np.array([sum(counted[word] == 1 for word in own) / max(len(own), 1) for own in words])


def _count_speakers(column: Column, blocks: np.ndarray) -> np.ndarray:
    """Return how many speakers each category has, int (levels,)."""
    known, count = column.codes >= 0, blocks.max(initial=0) + 1
    pairs = np.unique(column.codes[known] * count + blocks[known])
    return np.bincount(pairs // count, minlength=len(column.levels))


def label_tail(column: str, tail: str) -> str:
    """Name the "low" or "high" tail of a column: "noisy recordings", or "high age" if there is no plainer name."""
    if column in LOW_AND_HIGH:
        return LOW_AND_HIGH[column][tail == "high"]
    for plain, prefixes in SYNONYMS.items():
        for prefix in prefixes.split():
            if column.startswith(prefix.removeprefix("-")):
                return LOW_AND_HIGH[plain][(tail == "high") != prefix.startswith("-")]
    return f"{tail} {label_column(column)}"


def choose_plain(labels: Sequence[str], most: int) -> list[str]:
    """Return the first labels in a listener's words (not "low" or "high" one of our columns), or else the first."""
    own = {label for pair in LOW_AND_HIGH.values() for label in pair}
    plain = [label for label in labels if label in own or not label.startswith(("low ", "high "))]
    return (plain or [*labels])[:most]


def label_category(column: str, value: str) -> str:
    """Name a category: "women", or "accent Scottish" if there is no plainer name."""
    return CATEGORIES.get((column, value), f"{label_column(column)} {value}")


def label_cut(column: str, tail: str, cut: float) -> str:
    """Say where a column is cut: "signal to noise ratio under 12.5 dB"."""
    unit = physical_unit(column)
    side = "under" if tail == "low" else "from"
    return f"{label_column(column)} {side} {cut:.4g}" + (f" {unit}" if unit else "")


def join_labels(labels: Sequence[str]) -> str:
    """Join labels; those with the same noun share it: "quiet, noisy recordings"."""
    heads: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        head, _, noun = label.rpartition(" ")
        heads.setdefault(noun, []).append(head)
    return ", ".join(f"{', '.join(head)} {noun}".strip() for noun, head in heads.items())


def has_plain_label(column: str) -> bool:
    """Return whether a column means something to a listener: it is named here, or it is not one of our own."""
    return column in LOW_AND_HIGH or column.startswith(("record_", "corpus_"))
