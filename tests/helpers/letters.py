"""The bundled model's letters, for tests that spell labels and logits."""

from librispeech_clf.configuration import load_configuration

VOCABULARY = load_configuration(environment={}).read_vocabulary()
LETTERS = VOCABULARY.tokens


def encode(text: str, *, utterance_id: str = "test"):
    """Return the label ids of a text."""
    return VOCABULARY.encode(text, utterance_id=utterance_id)
