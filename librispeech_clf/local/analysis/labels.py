"""Labels: what a low or a high value of a metadata column means to a listener.

In: a column and a tail of its distribution, or a category. Out: words such as "noisy recordings" or "women".
"""

from __future__ import annotations

from collections.abc import Sequence

from librispeech_clf.local.analysis.record import label_column, physical_unit

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
"""Column -> (low tail, high tail). Of correlated columns the first one here gives the label."""
SYNONYMS = {
    "signal_duration_s": "text_letter_count readability_syllables readability_linsear_write "
    "text_distinct_letter_count text_most_frequent_letter_count",
    "signal_level_dbfs": "signal_peak_dbfs signal_rms signal_mel_energy "
    "signal_polynomial_intercept -signal_polynomial_slope",
    "signal_silence_share": "signal_leading_silence signal_trailing_silence",
    "signal_pause_count": "signal_longest_pause",
    "signal_spectral_centroid_mean_hz": "signal_spectral_centroid signal_spectral_bandwidth signal_spectral_rolloff "
    "signal_spectral_flatness signal_zero_crossing_rate",
    "readability_dale_chall_score": "readability_flesch_kincaid readability_gunning_fog readability_text_standard "
    "readability_mean_syllables -readability_flesch_reading_ease",
    "readability_difficult_word_share": "readability_difficult_words",
    "text_word_length_mean": "text_word_length",
}
"""Column -> first words of columns that mean the same to a listener; with a minus, its opposite."""
CATEGORIES = {("record_gender", "F"): "women", ("record_gender", "M"): "men"}


def label_tail(column: str, tail: str) -> str:
    """Name the "low" or the "high" tail of a column: "noisy recordings", "high age" where there is no plainer name."""
    if column in LOW_AND_HIGH:
        return LOW_AND_HIGH[column][tail == "high"]
    for plain, prefixes in SYNONYMS.items():
        for prefix in prefixes.split():
            if column.startswith(prefix.removeprefix("-")):
                return LOW_AND_HIGH[plain][(tail == "high") != prefix.startswith("-")]
    return f"{tail} {label_column(column)}"


def is_plain(label: str) -> bool:
    """Tell whether a label is in a listener's words: neither "low" nor "high" something of ours."""
    return not label.startswith(("low ", "high ")) or any(label in pair for pair in LOW_AND_HIGH.values())


def label_category(column: str, value: str) -> str:
    """Name a category: "women", or "accent Scottish" where there is no plainer name."""
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
    """Tell whether a column means something to a listener: it is named here, or it is not one of our own."""
    return column in LOW_AND_HIGH or column.startswith(("record_", "corpus_"))
