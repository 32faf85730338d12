"""Simulations: additional utterances grown from a split by changing the sound of its own.

In: a `Split`, the parameters of one simulation, a number of utterances and a seed. Out: a `SimulatedSplit`,
which is read like any other: same transcripts and speakers, ids such as "1089-134686-0000+tempo-0.9-s3", and
as audio the changed waveform in FLAC bytes, made when an utterance is read. Equal arguments give equal audio.

The functions take the arguments that code-loader passes to a simulation: those declared in
`SIMULATION_PARAMETERS`, and N and seed.
"""

# ruff: noqa: N803 (N is code-loader's name)

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from librispeech_clf.audio import acoustics
from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.audio.simulated_split import SimulatedSplit, Transform
from librispeech_clf.corpus.schema import Split, Utterance

NOISE_KINDS = ("white", "pink", "babble")
BABBLE_VOICES = 6
SMALLEST_POWER = 1e-12

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
"""Simulation -> parameter -> type and bounds, as `tensorleap_simulation` wants them declared."""


class MisfitError(ValueError):
    """A simulation cannot be applied to a corpus; the message says why."""


def simulate_or_skip(
    name: str, split: Split, *, N: int, seed: int, sampling_rate: int, **arguments: Any
) -> SimulatedSplit:
    """Simulate; where the corpus does not fit, say why in one line and keep its utterances as they are.

    A corpus must not be refused for a simulation that nobody asked for: code-loader tries each one.

    Args:
        name: of one of this module's simulations.
        split: where utterances come from.
        N: number of utterances.
        seed: of the simulation.
        sampling_rate: Hz.
        arguments: of the simulation.
    """
    simulate = globals()[name]
    try:
        return simulate(split, **arguments, N=N, seed=seed, sampling_rate=sampling_rate)
    except MisfitError as error:
        print(f"{error} The simulation is skipped.", file=sys.stderr)
        kept = _simulate(split, f"{name}-skipped", _keep, N=N, seed=seed, sampling_rate=sampling_rate)
        return replace(kept, skipped=str(error))


def additive_noise(
    split: Split, *, kind: str, ratio_db: float, N: int, seed: int, sampling_rate: int
) -> SimulatedSplit:
    """Add noise at a ratio of speech to noise power.

    Args:
        split: where utterances (and the voices of babble) come from.
        kind: "white", "pink" (power falls as 1 / frequency) or "babble" (six other utterances of the split
            at once, of other speakers where there are any).
        ratio_db: speech over noise power in dB, as `acoustics.mix_at_signal_to_noise_ratio` defines it.
        N: number of utterances.
        seed: chooses utterances and noise.
        sampling_rate: Hz.

    Raises:
        MisfitError: babble is asked of a split of one utterance.
        ValueError: the kind is unknown.
    """
    if kind not in NOISE_KINDS:
        raise ValueError(f"additive_noise: kind must be one of {', '.join(NOISE_KINDS)}; received {kind!r}.")
    if kind == "babble" and len(split) < 2:
        raise MisfitError("additive_noise: babble needs other utterances; the split has only one, use more.")

    def add(waveform: np.ndarray, utterance: Utterance, generator: np.random.Generator) -> np.ndarray:
        if kind == "babble":
            noise = make_babble(split, utterance, waveform.size, generator, sampling_rate=sampling_rate)
        else:
            make = {"white": acoustics.white_noise, "pink": acoustics.pink_noise}[kind]
            noise = make(waveform.size, generator)
        return acoustics.mix_at_signal_to_noise_ratio(waveform, noise, ratio_db)

    label = f"additive_noise-{kind}-{ratio_db:g}dB"
    return _simulate(split, label, add, N=N, seed=seed, sampling_rate=sampling_rate)


def reverberation(
    split: Split, *, decay_time_s: float, N: int, seed: int, sampling_rate: int
) -> SimulatedSplit:
    """Put utterances into a room.

    Args:
        split: where utterances come from.
        decay_time_s: time in which the echo falls by 60 dB, s; 0.3 is a living room, 1.2 a hall.
        N: number of utterances.
        seed: chooses utterances and rooms.
        sampling_rate: Hz.
    """

    def put_into_room(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
        return acoustics.reverberate(
            waveform, decay_time_s=decay_time_s, sampling_rate=sampling_rate, generator=generator
        )

    label = f"reverberation-{decay_time_s:g}s"
    return _simulate(split, label, put_into_room, N=N, seed=seed, sampling_rate=sampling_rate)


def telephone(split: Split, *, highest_hz: float, N: int, seed: int, sampling_rate: int) -> SimulatedSplit:
    """Send utterances through a telephone line.

    Args:
        split: where utterances come from.
        highest_hz: upper end of the band, Hz; at 3,400 the line alone (ITU-T G.712), below it a duller one.
        N: number of utterances.
        seed: chooses utterances.
        sampling_rate: Hz.
    """

    def send(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
        band = acoustics.telephone_band_pass(waveform, sampling_rate=sampling_rate)
        if highest_hz >= acoustics.TELEPHONE_BAND_HZ[1]:
            return band
        return _low_pass(band, highest_hz=highest_hz, sampling_rate=sampling_rate)

    label = f"telephone-{highest_hz:g}Hz"
    return _simulate(split, label, send, N=N, seed=seed, sampling_rate=sampling_rate)


def tempo(
    split: Split, *, rate: float, N: int, seed: int, sampling_rate: int, max_samples: int | None = None
) -> SimulatedSplit:
    """Speak faster or slower at the same pitch; only utterances are chosen that still fit the model's input.

    Args:
        split: where utterances come from.
        rate: above 1 is faster.
        N: number of utterances.
        seed: chooses utterances.
        sampling_rate: Hz.
        max_samples: width of the model's input in samples; without it every utterance fits.

    Raises:
        MisfitError: no utterance of the split fits at this tempo.
    """
    limit = np.inf if max_samples is None else max_samples + 0.5

    def stretch(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
        return acoustics.change_tempo(waveform, factor=rate)

    def fits(utterance: Utterance) -> bool:
        try:
            return read_waveform(utterance, sampling_rate=sampling_rate).size / rate < limit
        except (OSError, ValueError):  # it fails as the recording it is
            return False

    label = f"tempo-{rate:g}"
    return _simulate(split, label, stretch, N=N, seed=seed, sampling_rate=sampling_rate, fits=fits)


def clipping(split: Split, *, share: float, N: int, seed: int, sampling_rate: int) -> SimulatedSplit:
    """Overdrive the recorder.

    Args:
        split: where utterances come from.
        share: share of samples that are flattened, in [0, 1).
        N: number of utterances.
        seed: chooses utterances.
        sampling_rate: Hz.
    """

    def overdrive(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
        return acoustics.clip(waveform, share=share)

    label = f"clipping-{share:g}"
    return _simulate(split, label, overdrive, N=N, seed=seed, sampling_rate=sampling_rate)


def packet_loss(split: Split, *, share: float, N: int, seed: int, sampling_rate: int) -> SimulatedSplit:
    """Lose packets of 20 ms.

    Args:
        split: where utterances come from.
        share: probability that a packet is lost, in [0, 1].
        N: number of utterances.
        seed: chooses utterances and packets.
        sampling_rate: Hz.
    """

    def lose(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
        return acoustics.drop_packets(
            waveform, loss_rate=share, sampling_rate=sampling_rate, generator=generator
        )

    label = f"packet_loss-{share:g}"
    return _simulate(split, label, lose, N=N, seed=seed, sampling_rate=sampling_rate)


def make_babble(
    split: Split, utterance: Utterance, count: int, generator: np.random.Generator, *, sampling_rate: int
) -> np.ndarray:
    """Sum six other utterances of equal power, each repeated to length and started anywhere.

    Args:
        split: where the voices come from; fewer than six others are all taken.
        utterance: left out, and so is its speaker where the split has others.
        count: number of samples.
        generator: chooses voices and starts.
        sampling_rate: Hz.

    Returns:
        float32 (count,).

    Raises:
        MisfitError: no other utterance can be read.
    """
    others = np.flatnonzero(_speaker_ids(split) != str(utterance.speaker_id))
    if others.size == 0:
        others = np.array([row for row, other in enumerate(split.ids) if other != utterance.id])
    babble = np.zeros(count)
    for voice in _choose_voices(split, others, generator, sampling_rate=sampling_rate):
        started = np.roll(voice, -int(generator.integers(voice.size)))
        power = np.mean(np.square(voice, dtype=np.float64))
        babble += np.resize(started, count) / np.sqrt(np.maximum(power, SMALLEST_POWER))
    return babble.astype(np.float32)


def _choose_voices(
    split: Split, rows: np.ndarray, generator: np.random.Generator, *, sampling_rate: int
) -> list[np.ndarray]:
    """Waveforms of up to six of these utterances; those that cannot be read are replaced by others."""
    chosen = generator.choice(rows, min(BABBLE_VOICES, rows.size), replace=False)
    voices: list[np.ndarray] = []
    for row in [*chosen, *np.setdiff1d(rows, chosen)]:
        if len(voices) == len(chosen):
            break
        with contextlib.suppress(OSError, ValueError):
            voices.append(read_waveform(split.utterance(split.ids[row]), sampling_rate=sampling_rate))
    if not voices:
        raise MisfitError("additive_noise: babble needs other utterances; none can be read, restore them.")
    return voices


def _low_pass(waveform: np.ndarray, *, highest_hz: float, sampling_rate: int) -> np.ndarray:
    """Butterworth of order 8, run forwards and backwards: no delay, 6 dB down at `highest_hz`."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(8, highest_hz, fs=sampling_rate, output="sos")
    padding = min(waveform.size - 1, round(0.02 * sampling_rate))
    return sosfiltfilt(sections, waveform, padlen=padding).astype(np.float32)


def _simulate(
    split: Split,
    label: str,
    transform: Transform,
    *,
    N: int,
    seed: int,
    sampling_rate: int,
    fits: Callable[[Utterance], bool] | None = None,
) -> SimulatedSplit:
    """Choose N utterances that fit, none twice before all have come once."""
    if N < 1:
        raise ValueError(f"{label}: N must be at least 1; received {N}.")
    rows = _choose_rows(split, count=N, seed=seed, fits=fits)
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
        label=label,
        transform=transform,
        seed=seed,
        sampling_rate=sampling_rate,
    )


def _keep(waveform: np.ndarray, _: Utterance, generator: np.random.Generator) -> np.ndarray:
    return waveform


def _choose_rows(
    split: Split, *, count: int, seed: int, fits: Callable[[Utterance], bool] | None
) -> list[int]:
    """Up to `count` rows in random order; reads no more utterances than it has to."""
    shuffled = np.random.default_rng(seed).permutation(len(split)).tolist()
    fitting = (row for row in shuffled if fits is None or fits(split.utterance(split.ids[row])))
    return list(islice(fitting, count))


@lru_cache(maxsize=4)
def _speaker_ids(split: Split) -> np.ndarray:
    """The speaker of every row, str (rows,)."""
    column = split.dataset.select_columns(["speaker_id"]).with_format("arrow")[:].column("speaker_id")
    return np.array(column.to_pylist(), dtype=object)
