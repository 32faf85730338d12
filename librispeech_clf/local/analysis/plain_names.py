"""Plain names: what a low or a high value of a metadata column means to a listener.

In: a column and an end of its range, or a category. Out: words such as "noisy recordings" or "women".
"""

from __future__ import annotations

from collections.abc import Sequence

from librispeech_clf.local.analysis.results_table import physical_unit, readable_name

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
"""Column -> (low end, high end). Of columns that rank the utterances alike the first one here gives the name."""
CATEGORIES = {("record_gender", "F"): "women", ("record_gender", "M"): "men"}


def name_end(column: str, end: str) -> str:
    """Name the low or the high end of a column.

    Args:
        column: of the results table.
        end: "low" or "high".
    """
    if column in LOW_AND_HIGH:
        return LOW_AND_HIGH[column][end == "high"]
    return f"{end} {readable_name(column)}"


def name_category(column: str, value: str) -> str:
    """Name a category: "women", or "accent Scottish" where there is no plainer name."""
    return CATEGORIES.get((column, value), f"{readable_name(column)} {value}")


def join_names(names: Sequence[str]) -> str:
    """Join names; those with the same noun share it: "quiet, noisy recordings"."""
    heads: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        head, _, noun = name.rpartition(" ")
        heads.setdefault(noun, []).append(head)
    return ", ".join(f"{', '.join(head)} {noun}".strip() for noun, head in heads.items())


def describe_cut(column: str, end: str, cut: float) -> str:
    """Say where a column is cut: "signal to noise ratio under 12.5 dB"."""
    unit = physical_unit(column)
    side = "under" if end == "low" else "from"
    return f"{readable_name(column)} {side} {cut:.4g}" + (f" {unit}" if unit else "")


def has_plain_name(column: str) -> bool:
    """Tell whether a column means something to a listener: it is named here, or it is not one of our own."""
    return column in LOW_AND_HIGH or column.startswith(("record_", "corpus_"))
