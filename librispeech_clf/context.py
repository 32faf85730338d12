"""What the configuration names, opened once: splits, and what is read of an utterance under its settings."""

from functools import cache

import numpy as np

from librispeech_clf.audio import reading
from librispeech_clf.configuration import Configuration, load_configuration
from librispeech_clf.corpus.fields import unite_types
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import Split, Utterance
from librispeech_clf.text import vocabulary


@cache
def configuration() -> Configuration:
    """Read config.yaml and the environment, once."""
    return load_configuration()


@cache
def split_of(state: str) -> Split:
    """Open the split of a state, once."""
    return load_split(configuration().corpus, state)


def read_waveform(utterance: Utterance) -> np.ndarray:
    """Return the raw waveform, float32 (N,) in [-1, 1]."""
    return reading.read_waveform(utterance, sampling_rate=configuration().audio.sampling_rate)


def read_transcript(utterance: Utterance) -> str:
    """Return the transcript as labels, counts and readability have it."""
    return vocabulary.normalize_transcript(utterance.text, configuration().text.normalize)


def encode_labels(utterance: Utterance) -> np.ndarray:
    """Return the transcript's label ids, int32 (L,)."""
    return vocabulary.encode(
        utterance.text, utterance_id=utterance.id, normalization=configuration().text.normalize
    )


@cache
def corpus_field_types() -> dict[str, str]:
    """Find the types of the corpus' further columns over all splits, once."""
    return unite_types(split.field_types for split in configured_splits())


def configured_splits() -> list[Split]:
    """Return every configured split."""
    return [split_of(state) for state, subsets in configuration().corpus.subsets_by_state.items() if subsets]
