"""A split whose utterances sound otherwise: read like any other, changed when an utterance is read."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import Split, Utterance

RECENT_UTTERANCES = 8

Transform = Callable[[np.ndarray, Utterance, np.random.Generator], np.ndarray]
"""Waveform float32 (N,), its utterance and a generator to the changed waveform, float32 (M,)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedSplit(Split):
    """A split whose utterances are those of another with changed audio and new ids.

    Attributes:
        source: the split the utterances come from; `dataset` holds its chosen rows, unchanged.
        originals: ids in `source`, one per utterance; an id may come again.
        label: simulation, parameters and seed; the end of every new id.
        transform: what happens to a waveform.
        seed: with an utterance's position, seeds its generator.
        sampling_rate: Hz, of the changed audio.
        skipped: why the simulation does not fit the corpus and nothing is changed; None where it fits.
    """

    source: Split
    originals: tuple[str, ...]
    label: str
    transform: Transform
    seed: int
    sampling_rate: int
    skipped: str | None = None

    @cached_property
    def ids(self) -> list[str]:
        """The original ids with the label; an utterance that comes again also gets a number."""
        seen: Counter[str] = Counter()
        ids = []
        for original in self.originals:
            seen[original] += 1
            again = f"-{seen[original]}" if seen[original] > 1 else ""
            ids.append(f"{original}+{self.label}{again}")
        return ids

    def utterance(self, utterance_id: str | int) -> Utterance:
        """The utterance with that id, or at that position: code-loader checks every simulation with sample 0.

        Raises:
            ValueError: there is no such utterance.
        """
        if isinstance(utterance_id, int):
            utterance_id = self.ids[utterance_id] if 0 <= utterance_id < len(self) else str(utterance_id)
        return self._recent(self._row(utterance_id))

    @cached_property
    def _recent(self) -> Callable[[int], Utterance]:
        return lru_cache(maxsize=RECENT_UTTERANCES)(self._change)

    def _change(self, row: int) -> Utterance:
        original = self.source.utterance(self.originals[row])
        waveform = read_waveform(original, sampling_rate=self.sampling_rate)
        changed = self.transform(waveform, original, np.random.default_rng((self.seed, row)))
        return replace(
            original,
            id=self.ids[row],
            audio_bytes=encode_flac(changed, sampling_rate=self.sampling_rate),
            audio_path=f"{self.ids[row]}.flac",
            start_s=None,
            end_s=None,
            channel=None,
        )
