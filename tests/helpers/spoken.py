"""Results whose words are right as often as a known function of their confidence says."""

import numpy as np
import pandas as pd

from tests.helpers.results import count_errors


def make_spoken(seed, *, speakers=20, utterances=20, chance=lambda confidence: confidence**2):
    """Return a results table of utterances of ten words, given the chance of a word of a confidence to be right."""
    generator = np.random.default_rng(seed)
    rows = []
    for speaker, number in np.ndindex(speakers, utterances):
        confidences = generator.uniform(0.3, 0.999, 10)
        heard = np.where(generator.random(10) < chance(confidences), "YES", "NO").tolist()
        reference, hypothesis = " ".join(["YES"] * 10), " ".join(heard)
        timed = [
            {"text": text, "start_s": float(at), "end_s": at + 0.5, "confidence": float(confidence)}
            for at, (text, confidence) in enumerate(zip(heard, confidences, strict=True))
        ]
        row = {"utterance_id": f"{speaker}-0-{number:04d}", "split": "test", "subset": "test", "error": None}
        row |= {"record_speaker_id": f"{speaker}", "reference": reference, "hypothesis": hypothesis}
        rows.append(row | {"words": timed, **count_errors(reference, hypothesis)})
    return pd.DataFrame(rows)
