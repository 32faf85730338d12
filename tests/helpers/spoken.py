"""Results whose words are right as often as a known function of their confidence says."""

import numpy as np
import pandas as pd

from tests.helpers.results import count_errors


def make_spoken(
    seed,
    *,
    speakers=20,
    utterances=20,
    words=10,
    chance=lambda confidence: confidence**2,
    spread=0.0,
    **columns,
):
    """Return a results table.

    Args:
        seed: of what is drawn.
        speakers: each has as many utterances.
        utterances: of each speaker.
        words: of each utterance's reference.
        chance: from the confidence of a word to its chance to be right.
        spread: deviation between speakers of the logarithm of the odds to be right.
        columns: further ones.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        shift = generator.normal(0, spread) if spread else 0.0
        for number in range(utterances):
            confidences = generator.uniform(0.3, 0.999, words)
            odds = np.log(chance(confidences) / (1 - chance(confidences))) + shift
            right = generator.random(words) < 1 / (1 + np.exp(-odds))
            said = ["YES"] * words
            heard = ["YES" if is_right else "NO" for is_right in right]
            reference, hypothesis = " ".join(said), " ".join(heard)
            timed = [
                {"text": text, "start_s": float(at), "end_s": at + 0.5, "confidence": float(confidence)}
                for at, (text, confidence) in enumerate(zip(heard, confidences, strict=True))
            ]
            rows.append(
                {
                    "utterance_id": f"{speaker}-0-{number:04d}", "split": "test", "subset": "test",
                    "record_speaker_id": f"{speaker}", "reference": reference, "hypothesis": hypothesis,
                    "error": None, "words": timed, **count_errors(reference, hypothesis), **columns,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
