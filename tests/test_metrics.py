"""Error counts and rates: answers known by hand, and jiwer as the judge."""

import jiwer
import numpy as np
import pytest

from librispeech_clf.metrics import (
    ErrorCounts,
    character_errors,
    confidence,
    count_characters,
    count_words,
    word_errors,
)
from tests.helpers.letters import VOCABULARY, encode
from tests.helpers.vocabularies import make_logits

TEXTS = ["HELLO ALL WILL TELL", "I DON'T SEE", "A", "", "MISSISSIPPI COFFEE COMMITTEE"]
WORD_METRICS = """word_error_rate match_error_rate word_information_lost word_information_preserved
    word_hits word_substitutions word_deletions word_insertions""".split()
CHARACTER_METRICS = """character_error_rate
    character_hits character_substitutions character_deletions character_insertions""".split()


def spell(texts: list[str]) -> np.ndarray:
    """Logits that recognize the texts."""
    return make_logits([encode(text) for text in texts], len(VOCABULARY.tokens))


def batch(references: list[str], hypotheses: list[str]) -> tuple[np.ndarray, np.ndarray]:
    labels = [np.pad(encode(text), (0, 60 - len(text))) for text in references]
    return spell(hypotheses), np.stack(labels).astype(np.float32)


def score(references: list[str], hypotheses: list[str], dtype: type = np.float32) -> dict[str, list[float]]:
    """All metrics of a batch by name; each is one finite float32 an utterance."""
    arguments = *(part.astype(dtype) for part in batch(references, hypotheses)), VOCABULARY
    scores = word_errors(*arguments) | character_errors(*arguments)
    assert list(scores) == WORD_METRICS + CHARACTER_METRICS  # the reference integration has one with a space
    for values in scores.values():
        assert (values.shape, values.dtype) == ((len(references),), np.float32) and np.isfinite(values).all()
    return {name: values.tolist() for name, values in scores.items()}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_perfect_hypotheses_score_zero(dtype: type) -> None:
    """The reference integration read transcripts as if they were frames: HELLO became HELO, 0.079 on average."""
    scores = score(TEXTS, TEXTS, dtype)
    assert scores.pop("word_hits") == [4, 3, 1, 0, 3]
    assert scores.pop("word_information_preserved") == [1] * 5
    assert scores.pop("character_hits") == [len(text) for text in TEXTS]
    assert scores == dict.fromkeys(scores, [0] * 5)


def test_every_utterance_of_a_batch_is_scored() -> None:
    """The reference integration scored the first one only."""
    scores = score(["A B C D"] * 3 + ["AB CD"], ["A B C D", "A X C", "A A B C D", "ABCE"])
    expected = {
        "word_error_rate": [0, 2 / 4, 1 / 4],
        "match_error_rate": [0, 2 / 4, pytest.approx(1 / 5)],
        "word_hits": [4, 2, 4],
        "word_substitutions": [0, 1, 0],
        "word_deletions": [0, 1, 0],
        "word_insertions": [0, 0, 1],
    }
    assert {name: scores[name][:3] for name in expected} == expected
    characters = [scores[name][3] for name in CHARACTER_METRICS]
    assert characters == pytest.approx([2 / 5, 3, 1, 1, 0])  # spaces count


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate", "match_rate", "preserved"),
    [("", "", 0, 0, 1), ("", "A B", 2, 1, 0), ("A B", "", 1, 1, 0)],
)
def test_empty_texts(
    reference: str, hypothesis: str, rate: float, match_rate: float, preserved: float
) -> None:
    scores = score([reference], [hypothesis])
    expected = [[rate], [match_rate], [1 - preserved], [preserved]]
    assert [scores[name] for name in WORD_METRICS[:4]] == expected


@pytest.mark.parametrize("reference", TEXTS)
@pytest.mark.parametrize("hypothesis", [*TEXTS, "HELLO WALL TELL", "DON'T DON'T SEE ME", "MISSISSIPI"])
def test_rates_agree_with_jiwer(reference: str, hypothesis: str) -> None:
    counts, expected = count_words(reference, hypothesis), jiwer.process_words(reference, hypothesis)
    rates = [
        counts.error_rate,
        counts.match_error_rate,
        counts.information_lost,
        counts.information_preserved,
    ]
    assert rates == pytest.approx([expected.wer, expected.mer, expected.wil, expected.wip])
    rate = jiwer.process_characters(reference, hypothesis).cer
    assert count_characters(reference, hypothesis).error_rate == pytest.approx(rate)


def test_counts_add_up_to_the_corpus() -> None:
    counts = [count_words("A B C", "A B"), count_words("D", "D E"), count_words("", "F")]
    total = sum(counts, ErrorCounts())
    assert total == ErrorCounts(hits=3, substitutions=0, insertions=2, deletions=1)
    assert total.error_rate == pytest.approx(3 / 4)
    assert (total.reference_length, total.hypothesis_length, total.errors) == (4, 5, 3)


def test_batch_sizes_must_agree() -> None:
    logits, labels = batch(["A", "B"], ["A", "B"])
    with pytest.raises(ValueError, match="one batch; received 2 and 1 items"):
        word_errors(logits, labels[:1], VOCABULARY)


def test_confidence_prefers_certain_logits_and_nan_has_none() -> None:
    logits = spell(["HELLO"] * 3 + [""])
    logits[1, :10] *= 0.3
    logits[2, -1] = np.nan
    certain, unsure, unknown, silent = confidence(logits, VOCABULARY)
    assert unsure < certain < silent == 0
    assert np.isnan(unknown)
