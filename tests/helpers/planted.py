"""Simulated corpora for the search for slices: speakers with rates of their own, and planted weaknesses."""

import numpy as np
import pandas as pd

from librispeech_clf.local.analysis.record import Record

SPEAKERS, UTTERANCES = 40, 65
GOOD_MODEL, WEAK_MODEL = (0.06, 0.3), (0.43, 0.14)
"""Error rate and deviation of the logarithms of speakers' rates; the second as of a model with 43 % on test-clean."""
KEYS = {
    "signal_signal_to_noise_ratio_db": (30, 5, 4),
    "signal_level_dbfs": (-25, 3, 2),
    "signal_fundamental_frequency_median_hz": (160, 40, 8),
    "signal_words_per_second": (2.7, 0.3, 0.35),
    "signal_silence_share": (0.2, 0.05, 0.06),
    "signal_spectral_centroid_mean_hz": (1800, 150, 120),
    "signal_mfcc_mean": (-20, 3, 3),
    "signal_zero_crossing_rate_std": (0.1, 0.02, 0.02),
    "readability_dale_chall_score": (7, 0.3, 1.5),
    "readability_difficult_word_share": (0.1, 0.02, 0.06),
    "record_age": (40, 12, 0),
}
"""Column -> mean, deviation between speakers, deviation within them."""


def simulate_corpus(seed, *, speakers=SPEAKERS, utterances=UTTERANCES, model=GOOD_MODEL):
    """Return a results table without any weakness, as a plain corpus gives it."""
    generator = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    words = generator.integers(4, 36, len(speaker))
    table = {
        "utterance_id": [f"{1000 + own}-{row:05d}" for row, own in enumerate(speaker)],
        "record_speaker_id": [str(1000 + own) for own in speaker],
        "record_gender": np.where(speaker % 2, "M", "F"),
        "record_accent": np.array(["A", "B", "C", "D"])[generator.permutation(speakers) % 4][speaker],
        "text_word_count": words,
        "signal_duration_s": words / 2.7 + generator.normal(0, 0.5, len(speaker)),
    }
    for column, (mean, between, within) in KEYS.items():
        own = generator.normal(mean, between, speakers)[speaker]
        table[column] = own + generator.normal(0, within, len(speaker))
    table["signal_rms_mean"] = 10 ** (table["signal_level_dbfs"] / 20)
    latent = generator.normal(0, 1, (speakers, 12))[speaker] + generator.normal(0, 0.7, (len(speaker), 12))
    table["latent"] = list(latent.astype(np.float32))
    rate, spread = model
    rates = rate * np.exp(generator.normal(-(spread**2) / 2, spread, speakers))[speaker]
    drawn = generator.beta(rates * 15, (1 - rates) * 15)
    return with_errors(pd.DataFrame(table), generator.binomial(words, drawn))


def count_columns(errors, words):
    """Return the columns of the counts, float64, of so many errors of words and of characters, substitutions first."""
    counts = {"hits": np.maximum(words - errors, 0), "substitutions": np.minimum(errors, words)}
    counts |= {"deletions": 0.0 * errors, "insertions": np.maximum(errors - words, 0)}
    pairs = ((unit, *count) for unit in ("word", "character") for count in counts.items())
    return {f"{unit}_{name}": np.asarray(value, np.float64) for unit, name, value in pairs}


def count_table(errors, words, **columns):
    """Return a results table of utterances u0, u1, ... with so many errors, and further columns."""
    ids = [f"u{number}" for number in range(len(errors))]
    return pd.DataFrame({"utterance_id": ids, **count_columns(errors, words), **columns})


def with_errors(table, errors):
    """Give the utterances so many errors, at their number of words."""
    return table.assign(**count_columns(errors, table["text_word_count"].to_numpy()), error=None)


def plant(table, inside, seed=0, *, times=2):
    """Give some utterances so many times the error rate of the others, by scaling their errors."""
    errors, words = Record(table).errors(), Record(table).units()
    rates = [errors[side].sum() / words[side].sum() for side in (inside, ~inside)]
    scaled = errors * times * rates[1] / rates[0]
    rounded = np.floor(scaled + np.random.default_rng(seed).random(len(scaled)))
    return with_errors(table, np.where(inside, rounded, errors))


def choose_weakness(table, kind, seed):
    """Return the utterances of a weakness of a kind: "gender", "quiet and noisy", "speakers" or "pair"."""
    generator = np.random.default_rng([seed, 1])
    women = (table["record_gender"] == "F").to_numpy()
    if kind == "gender":
        return women
    if kind == "speakers":
        known = np.unique(table["record_speaker_id"])
        return table["record_speaker_id"].isin(generator.choice(known, 3, replace=False)).to_numpy()
    if kind == "pair":
        rate = table["signal_words_per_second"]
        return women & (rate > rate.quantile(0.6)).to_numpy()
    names = ("signal_level_dbfs", "signal_signal_to_noise_ratio_db")
    low = sum(table[name].rank(pct=True).to_numpy() for name in names)
    return low <= np.quantile(low, 0.1)


def plant_noise(seed, *, noisy=True, **options):
    """Return a corpus whose hidden states, of 32 dimensions, tell gender; women of high voices are noisy.

    A noisy utterance has a fifth of its words wrong besides, and lies elsewhere in the hidden states.
    """
    table, generator = simulate_corpus(seed, utterances=10, **options), np.random.default_rng([seed, 2])
    pitches = table.groupby("record_speaker_id")["signal_fundamental_frequency_median_hz"].transform("median")
    women = (table["record_gender"] == "F").to_numpy()
    noise = noisy * (women & (pitches > pitches[women].median()).to_numpy())
    voices = np.repeat(generator.normal(size=(len(table) // 10, 32)), 10, axis=0)
    latent = voices + generator.normal(0, 1.2, voices.shape)
    latent[:, 0] += 6 * women
    latent[:, 2:6] += noise[:, None] * [5, -2, -2, -2]
    table["latent"] = list(latent.astype(np.float32))
    table["signal_signal_to_noise_ratio_db"] -= 22 * noise
    table["signal_spectral_centroid_mean_hz"] += 900 * noise
    errors = Record(table).errors() + generator.binomial(table["text_word_count"], 0.2 * noise)
    return with_errors(table, errors)
