"""Synthetic results tables and audio for tests of what reads them."""

import io

import jiwer
import numpy as np
import pandas as pd
import soundfile

WORDS = "THE RIVER RAN QUIETLY UNDER AN OLD STONE BRIDGE WHILE MANY CHILDREN WATCHED IT'S LIGHT".split()


def corrupt(words: list[str], rate: float, generator: np.random.Generator) -> list[str]:
    """Substitute, delete or insert words, each with a third of the rate."""
    heard = []
    for word in words:
        draw = generator.random()
        if rate / 3 <= draw < 2 * rate / 3:
            continue
        heard.append(word[:-1] + "X" if draw < rate / 3 else word)
        if generator.random() < rate / 3:
            heard.append("UH")
    return heard


def time_tokens(tokens: list[str], duration_s: float, generator: np.random.Generator) -> list[dict]:
    """Spread tokens evenly over the duration, with random confidence."""
    step = duration_s / max(len(tokens), 1)
    spans = [(i * step, (i + 0.8) * step, float(generator.random())) for i in range(len(tokens))]
    names = ("text", "start_s", "end_s", "confidence")
    return [dict(zip(names, (token, *span), strict=True)) for token, span in zip(tokens, spans, strict=True)]


def make_row(index: int, speakers: int, generator: np.random.Generator) -> dict:
    """Make one utterance; speaker 3 is recognized badly."""
    speaker = int(generator.integers(speakers))
    words = [str(word) for word in generator.choice(WORDS, int(generator.integers(4, 25)))]
    heard = corrupt(words, 0.5 if speaker == 3 else 0.12, generator)
    reference, hypothesis = " ".join(words), " ".join(heard)
    duration_s = len(words) * 0.35 + float(generator.random())
    vector = generator.normal(size=8) + 4 * (speaker == 3)
    return {
        "utterance_id": f"{speaker + 100}-7-{index:04d}",
        "split": "test",
        "subset": "test-clean" if speaker % 2 else "test-other",
        "reference": reference,
        "hypothesis": hypothesis,
        "error": None,
        **count_errors(reference, hypothesis),
        "confidence": float(generator.random()),
        "ctc_loss": float(generator.gamma(2.0, 5.0)),
        "signal_duration_s": duration_s,
        "signal_signal_to_noise_ratio_db": float(generator.normal(25, 6)),
        "signal_words_per_second": len(words) / duration_s,
        "text_word_count": len(words),
        "readability_dale_chall_score": float(generator.normal(8, 2)) if index % 9 else None,
        "record_speaker_id": str(speaker + 100),
        "record_gender": "FM"[speaker % 2],
        "record_reader_name": f"Reader {speaker}",
        "words": time_tokens(heard, duration_s, generator),
        "letters": time_tokens(list(hypothesis), duration_s, generator),
        "latent": vector.astype(np.float32).tolist(),
        "acoustic_statistics": generator.normal(size=4).astype(np.float32).tolist(),
    }


def count_errors(reference: str, hypothesis: str) -> dict:
    """Count errors with jiwer, in the columns of the results table."""
    words = jiwer.process_words(reference, hypothesis)
    characters = jiwer.process_characters(reference, hypothesis)
    counts = {"word_information_lost": words.wil, "word_information_preserved": words.wip}
    for unit, output, rate in (("word", words, words.wer), ("character", characters, characters.cer)):
        counts[f"{unit}_error_rate"] = rate
        for kind in ("hits", "substitutions", "deletions", "insertions"):
            counts[f"{unit}_{kind}"] = getattr(output, kind)
    return counts


def make_results(count: int = 60, speakers: int = 8, seed: int = 0) -> pd.DataFrame:
    """Make a results table; the last row failed."""
    generator = np.random.default_rng(seed)
    rows = [make_row(index, speakers, generator) for index in range(count)]
    kept = ("utterance_id", "split", "subset", "reference", "record_speaker_id")
    failed = dict.fromkeys(rows[-1]) | {key: rows[-1][key] for key in kept}
    return pd.DataFrame([*rows[:-1], failed | {"error": "audio is empty"}])


def make_audio(duration_s: float = 1.0, frequency_hz: float = 440.0, amplitude: float = 0.01) -> bytes:
    """Make a quiet sine as a 16 kHz WAV file."""
    time = np.arange(int(16000 * duration_s)) / 16000
    samples = (amplitude * np.sin(2 * np.pi * frequency_hz * time) * 32767).astype("<i2")
    target = io.BytesIO()
    soundfile.write(target, samples, 16000, format="WAV")
    return target.getvalue()
