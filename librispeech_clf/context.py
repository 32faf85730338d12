"""The context of a run: its configuration, what that names (opened once), and what is read from an utterance under it.

A command makes the context from config.yaml, environment and command line, and sets it. Where none is set, as on the
platform, the first to ask makes it from config.yaml and environment.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from librispeech_clf.audio import reading
from librispeech_clf.configuration import PROJECT_ROOT, Configuration, load_configuration
from librispeech_clf.corpus.hypotheses import read_system
from librispeech_clf.corpus.index import cache_folder
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import Split, Utterance, merge_types
from librispeech_clf.metrics import count_words
from librispeech_clf.text.normalization import DROP, drop_annotations
from librispeech_clf.text.vocabulary import Vocabulary


class Context:
    """A configuration and what it names."""

    def __init__(self, configuration: Configuration) -> None:
        """Open nothing yet."""
        self.configuration = configuration
        self._splits: dict[str, Split] = {}

    def split(self, state: str) -> Split:
        """Open the split of a state, once; states of the same subsets share what is opened."""
        if state not in self._splits:
            corpus, annotations = self.configuration.corpus, self.configuration.text.annotations
            subsets = corpus.subsets_by_state.get(state, ())
            same = next((other for other in self._splits.values() if other.subsets == subsets), None)
            opened = replace(same, name=state) if same else load_split(corpus, state, annotations=annotations)
            self._splits[state] = opened
        return self._splits[state]

    def splits(self) -> list[Split]:
        """Open every configured split."""
        subsets_by_state = self.configuration.corpus.subsets_by_state
        return [self.split(state) for state, subsets in subsets_by_state.items() if subsets]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary."""
        return self.configuration.read_vocabulary()

    @cached_property
    def field_types(self) -> dict[str, str]:
        """The types of the corpus's additional columns over all splits."""
        return merge_types(split.field_types for split in self.splits())

    @cached_property
    def systems(self) -> dict[str, Mapping[str, str]]:
        """The other recognizers' texts, by system and utterance id; utterances that a file lacks are absent."""
        root = self.configuration.corpus.root or PROJECT_ROOT
        ids = list(dict.fromkeys(name for split in self.splits() for name in split.ids))
        files = (self.configuration.systems or {}).items()
        return {name: read_system(name, root / file, ids, evaluated=()).texts for name, file in files}

    def measure_systems(self, utterance: Utterance) -> dict[str, float | None]:
        """Return the word error rate of each system, None where it has no hypothesis."""
        measured: dict[str, float | None] = {}
        for name, texts in self.systems.items():
            said, reference = texts.get(utterance.id), self.read_transcript(utterance)
            rate = None
            if said is not None and reference is not None:
                said = drop_annotations(said) if self.configuration.text.annotations == DROP else said
                said = self.vocabulary.normalize(said, self.configuration.text.normalize)
                rate = count_words(reference, said).error_rate
            measured[f"{name}_word_error_rate"] = rate
        return measured

    def compare_systems(
        self, rates: np.ndarray, split: Split, ids: Sequence[str]
    ) -> dict[str, list[float | None]]:
        """Return each system's word error rate minus the model's, float (B,), None where it has no hypothesis."""
        known = set(split.ids)  # no other recognizer has heard simulated utterances
        measured = [self.measure_systems(split.utterance(name)) if name in known else {} for name in ids]
        found: dict[str, list[float | None]] = {}
        for name in self.configuration.systems or {}:
            pairs = zip((each.get(f"{name}_word_error_rate") for each in measured), rates, strict=True)
            found[f"{name}_minus_model"] = [None if of is None else of - float(own) for of, own in pairs]
        return found

    def read_waveform(self, utterance: Utterance) -> np.ndarray:
        """Return the raw waveform, float32 (N,) in [-1, 1]."""
        return reading.read_waveform(utterance, sampling_rate=self.configuration.audio.sampling_rate)

    def read_transcript(self, utterance: Utterance) -> str | None:
        """Return the transcript that labels, counts and readability are made from; None where there is none."""
        if utterance.text is None:
            return None
        return self.vocabulary.normalize(utterance.text, self.configuration.text.normalize)

    def encode_labels(self, utterance: Utterance) -> np.ndarray:
        """Return the transcript's label ids, int32 (L,)."""
        normalization = self.configuration.text.normalize
        return self.vocabulary.encode(utterance.text, utterance_id=utterance.id, normalization=normalization)


_current: Context | None = None


def set_context(configuration: Configuration) -> None:
    """Make the context of a configuration the one that `context` returns."""
    _find_numba_cache()
    global _current  # noqa: PLW0603 - code-loader gives registered functions nothing to hold it in
    _current = Context(configuration)


def context() -> Context:
    """Return the context that was set, or else that of config.yaml and the environment."""
    if _current is None:
        set_context(load_configuration())
    assert _current is not None
    return _current


def _find_numba_cache() -> None:
    """Let numba store what it compiles in our cache where it may find no place of its own: librosa insists on one.

    A read-only image whose user has no home directory is such a case. Where that directory's name is unknown too
    (neither HOME nor an account), our cache is used as HOME: librosa asks for it when it is imported.
    """
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = str(cache_folder() or tempfile.gettempdir())
    librosa = importlib.util.find_spec("librosa")
    kept = "NUMBA_CACHE_LOCATOR_CLASSES" not in os.environ
    kept = kept and librosa is not None and os.access(os.path.dirname(str(librosa.origin)), os.W_OK)
    if kept or "NUMBA_CACHE_DIR" in os.environ:
        return
    folder = cache_folder()
    name, value = ("CACHE_DIR", str(folder / "numba")) if folder else ("DISABLE_JIT", "1")
    os.environ[f"NUMBA_{name}"] = value
    if "numba" in sys.modules:  # it has read its environment
        setattr(sys.modules["numba"].config, name, value if folder else 1)
