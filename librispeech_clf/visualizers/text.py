"""Hypothesis and reference as texts: words, their confidence, alignments, counts of edit operations.

In: logits, float (T, V); labels, (L,) of any number type, zero-padded; and the vocabulary that says what they mean.
"""

from collections.abc import Sequence

import numpy as np
from code_loader.contract.visualizer_classes import LeapHorizontalBar, LeapText, LeapTextMask

from librispeech_clf.ctc.decoding import greedy_labels, greedy_text, greedy_words
from librispeech_clf.metrics import count_characters, count_words
from librispeech_clf.text.alignment import OPERATIONS, Edit, align_characters, align_words
from librispeech_clf.text.vocabulary import WORDS, Vocabulary, to_ids

MASK_LABELS = ["equal", "substituted", "inserted", "deleted"]
"""A mask value is an index into these; 0, "equal", has no color."""
COUNTS = {"correct": "hits", "substituted": "substitutions", "inserted": "insertions", "deleted": "deletions"}


def show_hypothesis(logits: np.ndarray, vocabulary: Vocabulary) -> LeapText:
    """Show the words of the greedy path, one token each; one empty token if nothing was recognized."""
    return LeapText(greedy_text(logits, vocabulary).split() or [""])


def show_reference(labels: np.ndarray, vocabulary: Vocabulary) -> LeapText:
    """Show the words of the transcript, one token each; one empty token if it is empty."""
    return LeapText(vocabulary.decode(labels).split() or [""])


def show_word_confidence(logits: np.ndarray, vocabulary: Vocabulary) -> LeapText:
    """Show the recognized words, colored by confidence.

    Returns:
        One token per word with the geometric mean of its letters' probabilities, [0, 1]; one empty token of
        confidence 0 if nothing was recognized.
    """
    words = greedy_words(logits, vocabulary, frame_duration_s=1.0)
    return LeapText(
        data=[word.text for word in words] or [""], heatmap=[word.confidence for word in words] or [0.0]
    )


def show_word_alignment(logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary) -> LeapTextMask:
    """Show which words were recognized, replaced, added and left out.

    Returns:
        One token per aligned word: a substitution as REFERENCE→HYPOTHESIS, a deletion as the reference's word.
    """
    return _mask(align_words(vocabulary.decode(labels), greedy_text(logits, vocabulary)), vocabulary)


def show_character_alignment(logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary) -> LeapTextMask:
    """Show which characters were recognized, replaced, added and left out.

    Returns:
        One token per aligned character, a space as ␣, otherwise as in `show_word_alignment`.
    """
    texts = [vocabulary.spell_characters(ids) for ids in (to_ids(labels), greedy_labels(logits))]
    return _mask(align_characters(*texts), vocabulary)


def _mask(edits: Sequence[Edit], vocabulary: Vocabulary) -> LeapTextMask:
    """Return edits as a text mask; two empty texts give one empty token, "equal"."""
    return LeapTextMask(
        mask=np.array([OPERATIONS.index(edit.operation) for edit in edits] or [0], np.uint8),
        text=[_token(edit, vocabulary) for edit in edits] or [""],
        labels=MASK_LABELS,
    )


def _token(edit: Edit, vocabulary: Vocabulary) -> str:
    both = [token for token in (edit.reference, edit.hypothesis) if token is not None]
    tokens = [vocabulary.name_character(token) for token in both]
    shown = tokens if edit.operation == "substitute" else tokens[:1]
    return "→".join("␣" if token == " " else token for token in shown)


def show_edit_operations(logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary) -> LeapHorizontalBar:
    """Show how many words and characters, or units of another kind, are correct, substituted, inserted and deleted.

    Returns:
        Eight bars, the counts of words, then of characters; or the four of the units.
    """
    pair = to_ids(labels), greedy_labels(logits)
    counts = {vocabulary.units: count_words(*map(vocabulary.spell, pair))}
    if vocabulary.units == WORDS:
        counts["characters"] = count_characters(*map(vocabulary.spell_characters, pair))
    return LeapHorizontalBar(
        body=np.array([getattr(x, field) for x in counts.values() for field in COUNTS.values()], np.float32),
        labels=[f"{name} {unit}" for unit in counts for name in COUNTS],
    )
