"""One test for each defect that was found and fixed, here or in the reference integration."""

import numpy as np

from librispeech_clf import metrics
from librispeech_clf.local.commands.check_push import read_result
from librispeech_clf.text.vocabulary import BLANK, pad_labels
from tests.helpers.letters import LETTERS, VOCABULARY, encode


def logits_of(labels, frames_per_letter=2):
    """Logits that emit the labels with a blank before each: float32 (1, T, 32)."""
    path = [frame for label in labels for frame in (BLANK, *[label] * frames_per_letter)]
    logits = np.full((1, len(path) + 1, len(LETTERS)), -10, np.float32)
    logits[0, np.arange(len(path)), path] = 10
    logits[0, -1, BLANK] = 10
    return logits


def test_double_letters_of_the_transcript_stay():
    """The reference integration read transcripts as if they were frames: HELLO became HELO, 0.079 on average."""
    labels = encode("HELLO ALL", utterance_id="test")
    transcript = pad_labels(labels, max_letters=16, utterance_id="test")[None]
    assert VOCABULARY.decode(transcript[0]) == "HELLO ALL"
    assert metrics.word_errors(logits_of(labels), transcript, VOCABULARY)["word_error_rate"].tolist() == [0]
    assert metrics.character_errors(logits_of(labels), transcript, VOCABULARY)[
        "character_error_rate"
    ].tolist() == [0]


def test_every_utterance_of_a_batch_is_scored():
    """The reference integration scored the first utterance of a batch only."""
    labels = encode("ONE", utterance_id="test")
    transcript = np.stack([pad_labels(labels, max_letters=8, utterance_id="test")] * 2)
    silent = np.zeros_like(logits_of(labels))
    silent[..., BLANK] = 10
    rates = metrics.word_errors(np.concatenate([logits_of(labels), silent]), transcript, VOCABULARY)[
        "word_error_rate"
    ]
    assert rates.tolist() == [0, 1]


def test_metric_names_have_no_white_space():
    """The reference integration has a metric named 'word_information_preserved ', with a space."""
    labels = encode("ONE", utterance_id="test")
    transcript = pad_labels(labels, max_letters=8, utterance_id="test")[None]
    scores = metrics.word_errors(logits_of(labels), transcript, VOCABULARY)
    scores |= metrics.character_errors(logits_of(labels), transcript, VOCABULARY)
    assert [name for name in scores if name != name.strip()] == []


def test_result_is_found_among_what_code_loader_prints_at_exit():
    """code-loader prints notices when the process ends, after the rehearsal's result."""
    assert read_result('loading\nrehearsal: {"valid": true}\nSimulation(s) not called\n') == {"valid": True}
