"""Simulations: additional utterances, made from a split by changing its audio.

A `SimulatedSplit` is read like any other: same transcripts and speakers, ids such as "1089-134686-0000+tempo-0.9-s3",
and as audio the changed waveform in FLAC bytes, made when an utterance is read. Equal arguments give equal audio.
"""

# ruff: noqa: N803 (N is code-loader's name)

import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np

from librispeech_clf.audio import acoustics
from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import Split, Utterance

NOISE_KINDS = ("white", "pink", "babble")
BABBLE_VOICES = 6
SMALLEST_POWER = 1e-12
RECENT_UTTERANCES = 8

SIMULATION_PARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    "additive_noise": {
        "kind": {"type": "string", "bounds": {"values": list(NOISE_KINDS)}},
        "ratio_db": {"type": "float", "bounds": {"min": 0.0, "max": 30.0}},
    },
    "reverberation": {"decay_time_s": {"type": "float", "bounds": {"min": 0.2, "max": 1.4}}},
    "telephone": {"highest_hz": {"type": "float", "bounds": {"min": 1500.0, "max": 3400.0}}},
    "tempo": {"rate": {"type": "float", "bounds": {"min": 0.7, "max": 1.5}}},
    "clipping": {"share": {"type": "float", "bounds": {"min": 0.02, "max": 0.4}}},
    "packet_loss": {"share": {"type": "float", "bounds": {"min": 0.02, "max": 0.3}}},
}
"""Simulation -> parameter -> type and bounds, declared as `tensorleap_simulation` requires."""
LABELS = {
    "additive_noise": "additive_noise-{kind}-{ratio_db:g}dB",
    "reverberation": "reverberation-{decay_time_s:g}s",
    "telephone": "telephone-{highest_hz:g}Hz",
    "tempo": "tempo-{rate:g}",
    "clipping": "clipping-{share:g}",
    "packet_loss": "packet_loss-{share:g}",
}


class MisfitError(ValueError):
    """A simulation cannot be applied to a corpus; the message says why."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedSplit(Split):
    """A split whose utterances are those of another with changed audio and new ids.

    Attributes:
        source: the split the utterances come from; `dataset` holds its chosen rows, unchanged.
        originals: ids in `source`, one per utterance; an id may be repeated.
        simulation: a key of `SIMULATION_PARAMETERS`.
        arguments: the simulation's parameters.
        label: simulation, parameters and seed; the end of every new id.
        seed: together with an utterance's position, seeds its generator.
        sampling_rate: the rate of the changed audio, Hz.
        skipped: why the simulation does not fit the corpus, so that nothing is changed; None if it fits.
    """

    source: Split
    originals: tuple[str, ...]
    simulation: str
    arguments: dict[str, Any]
    label: str
    seed: int
    sampling_rate: int
    skipped: str | None

    @cached_property
    def ids(self) -> list[str]:
        """The original ids with the label; a repeated utterance also gets a number."""
        seen: Counter[str] = Counter()
        ids = []
        for original in self.originals:
            seen[original] += 1
            again = f"-{seen[original]}" if seen[original] > 1 else ""
            ids.append(f"{original}+{self.label}{again}")
        return ids

    def utterance(self, utterance_id: str | int) -> Utterance:
        """Return the utterance with that id or at that position: code-loader checks every simulation with sample 0.

        Raises:
            ValueError: there is no such utterance.
        """
        if isinstance(utterance_id, int):
            utterance_id = self.ids[utterance_id] if 0 <= utterance_id < len(self) else str(utterance_id)
        return self._recent(self._row(utterance_id))

    @cached_property
    def _recent(self) -> Callable[[int], Utterance]:
        return lru_cache(maxsize=RECENT_UTTERANCES)(self._make)

    def _make(self, row: int) -> Utterance:
        original = self.source.utterance(self.originals[row])
        waveform = read_waveform(original, sampling_rate=self.sampling_rate)
        if self.skipped is None:
            waveform = self._change(waveform, original, np.random.default_rng((self.seed, row)))
        return replace(
            original,
            id=self.ids[row],
            audio_bytes=encode_flac(waveform, sampling_rate=self.sampling_rate),
            audio_path=f"{self.ids[row]}.flac",
            start_s=None,
            end_s=None,
            channel=None,
        )

    def _change(
        self, waveform: np.ndarray, original: Utterance, generator: np.random.Generator
    ) -> np.ndarray:
        rate, values = self.sampling_rate, self.arguments
        match self.simulation:
            case "additive_noise":
                if values["kind"] == "babble":
                    noise = make_babble(self.source, original, waveform.size, generator, sampling_rate=rate)
                else:
                    make = {"white": acoustics.white_noise, "pink": acoustics.pink_noise}[values["kind"]]
                    noise = make(waveform.size, generator)
                return acoustics.mix_at_signal_to_noise_ratio(waveform, noise, values["ratio_db"])
            case "reverberation":
                return acoustics.reverberate(waveform, **values, sampling_rate=rate, generator=generator)
            case "telephone":
                # At its upper end, the telephone line alone; below it, a duller one.
                band = acoustics.telephone_band_pass(waveform, sampling_rate=rate)
                if values["highest_hz"] >= acoustics.TELEPHONE_BAND_HZ[1]:
                    return band
                return acoustics.low_pass(band, **values, sampling_rate=rate)
            case "tempo":
                return acoustics.change_tempo(waveform, factor=values["rate"])
            case "clipping":
                return acoustics.clip(waveform, **values)
            case _:
                loss_rate = values["share"]
                return acoustics.drop_packets(
                    waveform, loss_rate=loss_rate, sampling_rate=rate, generator=generator
                )


def simulate(
    name: str,
    split: Split,
    *,
    N: int,
    seed: int,
    sampling_rate: int,
    max_samples: int | None = None,
    skipped: str | None = None,
    **arguments: Any,
) -> SimulatedSplit:
    """Choose N utterances, none twice before all were chosen once, and change them when they are read.

    Args:
        name: a key of `SIMULATION_PARAMETERS`.
        split: where utterances (and the voices of babble) come from.
        N: number of utterances.
        seed: chooses utterances, noise, rooms and packets.
        sampling_rate: Hz.
        max_samples: for `tempo`, the width of the model's input, which utterances have to fit; None: all do.
        skipped: why nothing is changed.
        arguments: the simulation's parameters.

    Raises:
        MisfitError: babble is requested from a split of one utterance, or no utterance fits the model's input.
        ValueError: the kind of noise is unknown, or N is below 1.
    """
    label = f"{name}-skipped"
    if skipped is None:
        label = LABELS[name].format(**arguments)
        kind = arguments.get("kind", NOISE_KINDS[0])
        if kind not in NOISE_KINDS:
            raise ValueError(f"{name}: kind must be one of {', '.join(NOISE_KINDS)}; received {kind!r}.")
        if kind == "babble" and len(split) < 2:
            raise MisfitError(f"{name}: babble needs other utterances; the split has only one, use more.")
    if N < 1:
        raise ValueError(f"{label}: N must be at least 1; received {N}.")

    def fits(row: int) -> bool:
        if max_samples is None or skipped:
            return True
        try:
            samples = read_waveform(split.utterance(split.ids[row]), sampling_rate=sampling_rate).size
        except (OSError, ValueError):  # the recording itself fails, and says so
            return False
        return samples / arguments["rate"] < max_samples + 0.5

    shuffled = np.random.default_rng(seed).permutation(len(split)).tolist()
    rows = list(islice(filter(fits, shuffled), N))  # reads no more utterances than it has to
    if not rows:
        raise MisfitError(
            f"{label}: no utterance of the {split.name} split fits the model's input; change less."
        )
    rows = [rows[index % len(rows)] for index in range(N)]
    label = f"{label}-s{seed}"
    return SimulatedSplit(
        name="additional",
        dataset=split.dataset.select(rows),
        row_counts={label: N},
        speakers=split.speakers,
        chapters=split.chapters,
        books=split.books,
        drops_annotations=split.drops_annotations,
        source=split,
        originals=tuple(split.ids[row] for row in rows),
        simulation=name,
        arguments=arguments,
        label=label,
        seed=seed,
        sampling_rate=sampling_rate,
        skipped=skipped,
    )


def simulate_or_skip(name: str, split: Split, **options: Any) -> SimulatedSplit:
    """Simulate; if the corpus does not fit, say why in one line and leave its utterances unchanged.

    A corpus must not be refused because of a simulation that nobody asked for: code-loader tries each one.
    """
    try:
        return simulate(name, split, **options)
    except MisfitError as error:
        print(f"{error} The simulation is skipped.", file=sys.stderr)
        return simulate(name, split, **options, skipped=str(error))


def make_babble(
    split: Split, utterance: Utterance, count: int, generator: np.random.Generator, *, sampling_rate: int
) -> np.ndarray:
    """Sum six other utterances at equal power, each repeated to the required length from a random start.

    If there are fewer than six others, all are taken; unreadable ones are replaced; the utterance's own speaker is left
    out if the split has others.

    Returns:
        float32 (count,).

    Raises:
        MisfitError: no other utterance can be read.
    """
    others = np.flatnonzero(_speaker_ids(split) != str(utterance.speaker_id))
    if others.size == 0:
        others = np.array([row for row, other in enumerate(split.ids) if other != utterance.id])
    chosen = generator.choice(others, min(BABBLE_VOICES, others.size), replace=False)
    voices: list[np.ndarray] = []
    for row in [*chosen, *np.setdiff1d(others, chosen)]:
        if len(voices) == len(chosen):
            break
        with contextlib.suppress(OSError, ValueError):
            voices.append(read_waveform(split.utterance(split.ids[row]), sampling_rate=sampling_rate))
    if not voices:
        raise MisfitError("additive_noise: babble needs other utterances; none can be read, restore them.")
    babble = np.zeros(count)
    for voice in voices:
        started = np.roll(voice, -int(generator.integers(voice.size)))
        power = np.mean(np.square(voice, dtype=np.float64))
        babble += np.resize(started, count) / np.sqrt(np.maximum(power, SMALLEST_POWER))
    return babble.astype(np.float32)


@lru_cache(maxsize=4)
def _speaker_ids(split: Split) -> np.ndarray:
    """Return the speaker of every row, str (rows,)."""
    return np.array(split.column("speaker_id").to_pylist(), dtype=object)
