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
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.letters import VOCABULARY, encode

TEXTS = ["HELLO ALL WILL TELL", "I DON'T SEE", "A", "", "MISSISSIPPI COFFEE COMMITTEE"]


def perfect_logits(text: str, *, frames: int = 80) -> np.ndarray:
    """Logits that recognize `text`: letters alternate with blanks, the rest is forced to the blank."""
    logits = np.full((frames, 32), -1e4, np.float32)
    logits[:, BLANK] = 1e4
    labels = encode(text, utterance_id="test")
    logits[: 2 * len(labels)] = 0
    logits[0 : 2 * len(labels) : 2][np.arange(len(labels)), labels] = 9
    logits[1 : 2 * len(labels) : 2, BLANK] = 9
    return logits


def padded_labels(text: str) -> np.ndarray:
    labels = encode(text, utterance_id="test")
    return np.pad(labels, (0, 60 - len(labels))).astype(np.float32)


def batch(references: list[str], hypotheses: list[str]) -> tuple[np.ndarray, np.ndarray]:
    logits = np.stack([perfect_logits(text) for text in hypotheses])
    return logits, np.stack([padded_labels(text) for text in references])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_perfect_hypotheses_score_zero(dtype: type) -> None:
    logits, labels = batch(TEXTS, TEXTS)
    words = word_errors(logits.astype(dtype), labels.astype(dtype), VOCABULARY)
    characters = character_errors(logits.astype(dtype), labels.astype(dtype), VOCABULARY)
    for name in ("word_error_rate", "match_error_rate", "word_information_lost", "word_substitutions"):
        np.testing.assert_array_equal(words[name], 0)
    for name in ("character_error_rate", "character_insertions", "character_deletions"):
        np.testing.assert_array_equal(characters[name], 0)
    np.testing.assert_array_equal(words["word_hits"], [4, 3, 1, 0, 3])
    np.testing.assert_array_equal(words["word_information_preserved"], 1)
    np.testing.assert_array_equal(characters["character_hits"], [len(text) for text in TEXTS])


def test_names_types_and_shapes() -> None:
    logits, labels = batch(TEXTS, TEXTS[::-1])
    words, characters = word_errors(logits, labels, VOCABULARY), character_errors(logits, labels, VOCABULARY)
    assert list(words) == [
        "word_error_rate",
        "match_error_rate",
        "word_information_lost",
        "word_information_preserved",
        "word_hits",
        "word_substitutions",
        "word_deletions",
        "word_insertions",
    ]
    assert list(characters) == [
        "character_error_rate",
        "character_hits",
        "character_substitutions",
        "character_deletions",
        "character_insertions",
    ]
    for values in (*words.values(), *characters.values(), confidence(logits, VOCABULARY)):
        assert values.shape == (5,)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


def test_every_utterance_of_a_batch_is_scored() -> None:
    logits, labels = batch(["A B C D", "A B C D", "A B C D"], ["A B C D", "A X C", "A A B C D"])
    scores = word_errors(logits, labels, VOCABULARY)
    np.testing.assert_allclose(scores["word_error_rate"], [0, 2 / 4, 1 / 4])
    np.testing.assert_array_equal(scores["word_hits"], [4, 2, 4])
    np.testing.assert_array_equal(scores["word_substitutions"], [0, 1, 0])
    np.testing.assert_array_equal(scores["word_deletions"], [0, 1, 0])
    np.testing.assert_array_equal(scores["word_insertions"], [0, 0, 1])
    np.testing.assert_allclose(scores["match_error_rate"], [0, 2 / 4, 1 / 5])
    np.testing.assert_allclose(scores["word_information_preserved"], [1, 2 / 4 * 2 / 3, 4 / 4 * 4 / 5])
    np.testing.assert_allclose(scores["word_information_lost"], [0, 1 - 1 / 3, 1 / 5], rtol=1e-6)
    for row in range(3):
        alone = word_errors(logits[[row]], labels[[row]], VOCABULARY)
        assert {name: value[0] for name, value in alone.items()} == {
            name: value[row] for name, value in scores.items()
        }


def test_character_error_rate_counts_spaces() -> None:
    scores = character_errors(*batch(["AB CD"], ["ABCE"]), VOCABULARY)
    assert scores["character_error_rate"] == pytest.approx([2 / 5])
    assert [scores[f"character_{name}"][0] for name in ("hits", "substitutions", "deletions")] == [3, 1, 1]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate", "match_rate", "preserved"),
    [("", "", 0, 0, 1), ("", "A B", 2, 1, 0), ("A B", "", 1, 1, 0)],
)
def test_empty_texts(
    reference: str, hypothesis: str, rate: float, match_rate: float, preserved: float
) -> None:
    scores = word_errors(*batch([reference], [hypothesis]), VOCABULARY)
    assert scores["word_error_rate"] == [rate]
    assert scores["match_error_rate"] == [match_rate]
    assert scores["word_information_preserved"] == [preserved]
    assert scores["word_information_lost"] == [1 - preserved]


@pytest.mark.parametrize("reference", TEXTS)
@pytest.mark.parametrize("hypothesis", [*TEXTS, "HELLO WALL TELL", "DON'T DON'T SEE ME", "MISSISSIPI"])
def test_rates_agree_with_jiwer(reference: str, hypothesis: str) -> None:
    counts, expected = count_words(reference, hypothesis), jiwer.process_words(reference, hypothesis)
    assert counts.error_rate == pytest.approx(expected.wer)
    assert counts.match_error_rate == pytest.approx(expected.mer)
    assert counts.information_lost == pytest.approx(expected.wil)
    assert counts.information_preserved == pytest.approx(expected.wip)
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


def test_confidence_prefers_certain_logits() -> None:
    certain, unsure = perfect_logits("HELLO"), perfect_logits("HELLO")
    unsure[:10] *= 0.3
    scores = confidence(np.stack([certain, unsure, perfect_logits("")]), VOCABULARY)
    assert scores[1] < scores[0] < scores[2] == 0


def test_logits_of_nan_have_no_confidence() -> None:
    logits = np.stack([perfect_logits("HELLO")] * 2)
    logits[0, -1] = np.nan
    scores = confidence(logits, VOCABULARY)
    assert np.isnan(scores[0])
    assert scores[1] <= 0
