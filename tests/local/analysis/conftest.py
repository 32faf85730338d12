"""Simulated results tables: speakers with voices and error rates of their own, with or without a weakness."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

DIMENSIONS = 32
CONTENT = 1.2


class Voice(NamedTuple):
    """A speaker: gender, median pitch in Hz, error rate, place in the latent space."""

    gender: str
    pitch: float
    rate: float
    latent: np.ndarray


def simulate_speakers(generator, count, mean_rate, rate_deviation):
    """One voice per speaker: gender alternates, pitch follows gender, the error rate is a gamma draw."""
    gender = np.where(np.arange(count) % 2 == 0, "F", "M")
    pitch = np.where(gender == "F", generator.normal(205, 22, count), generator.normal(118, 16, count))
    shape = (mean_rate / rate_deviation) ** 2
    rate = generator.gamma(shape, mean_rate / shape, count)
    voice = generator.normal(0, 1.0, (count, DIMENSIONS))
    voice[:, 0] += np.where(gender == "F", 3.0, -3.0)
    voice[:, 1] += (pitch - pitch.mean()) / 40
    pairs = zip(gender, pitch, rate, voice, strict=True)
    return [Voice(str(sex), float(hertz), float(share), vector) for sex, hertz, share, vector in pairs]


def simulate_results(
    seed,
    *,
    speakers=40,
    utterances=10,
    mean_rate=0.034,
    rate_deviation=0.013,
    planted=False,
    noisy_share=1.0,
    added_rate=0.2,
):
    """A results table. Planted: noise on utterances of the voices above the median pitch of women."""
    generator = np.random.default_rng(seed)
    voices = simulate_speakers(generator, speakers, mean_rate, rate_deviation)
    limit = np.median([voice.pitch for voice in voices if voice.gender == "F"])
    rows = []
    for speaker, voice in enumerate(voices):
        for number in range(utterances):
            own = np.random.default_rng([seed, speaker, number])
            noisy = own.random() < noisy_share and planted and voice.pitch > limit
            rows.append(simulate_utterance(own, speaker, number, voice, noisy, added_rate))
    return pd.DataFrame(rows)


def simulate_utterance(generator, speaker, number, voice, noisy, added_rate):
    """One row: errors are beta-binomial about the speaker's rate, the latent vector is voice plus content."""
    words = int(generator.integers(4, 36))
    rate = generator.beta(voice.rate * 12, (1 - min(voice.rate, 0.9)) * 12) + added_rate * noisy
    errors = int(generator.binomial(words, min(rate, 1.0)))
    deletions, insertions = generator.multinomial(errors, [0.1, 0.1, 0.8])[:2]
    substitutions = errors - deletions - insertions
    letters = words * 5
    latent = voice.latent + generator.normal(0, CONTENT, DIMENSIONS)
    latent[2] += 5.0 * noisy
    latent[3:6] -= 2.0 * noisy
    return {
        "utterance_id": f"{1000 + speaker}-1-{number:04d}",
        "split": "test",
        "subset": "sample",
        "error": None,
        "word_hits": float(words - substitutions - deletions),
        "word_substitutions": float(substitutions),
        "word_deletions": float(deletions),
        "word_insertions": float(insertions),
        "character_hits": float(letters - errors),
        "character_substitutions": float(errors),
        "character_deletions": 0.0,
        "character_insertions": 0.0,
        "word_error_rate": errors / words,
        "confidence": 0.95 - rate / 3,
        "ctc_loss": 100 * rate,
        "signal_duration_s": words / 2.7 + generator.normal(0, 0.3),
        "signal_signal_to_noise_ratio_db": generator.normal(35, 5) - 22 * noisy,
        "signal_spectral_centroid_mean_hz": generator.normal(1500, 150) + voice.pitch + 900 * noisy,
        "signal_fundamental_frequency_median_hz": voice.pitch + generator.normal(0, 6),
        "signal_words_per_second": generator.normal(2.7, 0.2),
        "text_word_count": words,
        "readability_dale_chall_score": generator.normal(7, 1.5),
        "record_speaker_id": str(1000 + speaker),
        "record_gender": voice.gender,
        "record_reader_name": f"Reader {speaker}",
        "latent": latent.astype(np.float32),
        "acoustic_statistics": generator.normal(0, 1, 6).astype(np.float32),
    }


@pytest.fixture(scope="session")
def simulate():
    """The function that simulates a results table."""
    return simulate_results
