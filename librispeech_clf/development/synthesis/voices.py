"""The synthetic voices, who reads the bundled corpus with which, and the speech synthesizers that speak by them.

In: text and voices. Out: waveforms float32 (N,) at 16 kHz in [-1, 1].
"""

import csv
import dataclasses
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

SAMPLING_RATE = 16_000
NORMAL_RATE = 170.0
PACKAGES = {
    "espeak-ng": "espeak-ng",
    "flite": "flite",
    "festival": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
}
"""Debian packages by program."""
ACCENTS = (
    *(
        "en-us",
        "en",
        "en-gb-scotland",
        "en-gb-x-rp",
        "en-029",
        "en-gb-x-gbclan",
        "en-gb-x-gbcwmd",
        "en-us-nyc",
    ),
)
"""espeak-ng's English accents; "en" is British ("en-gb" silently ignores a variant)."""
FEMALE_VARIANTS = ("f1", "f2", "f3", "f4", "Andrea", "Alicia", "belinda", "linda", "grandma")
MALE_VARIANTS = (
    *("m1", "m2", "m4", "m5", "m6", "m7", "m8", "Andy", "Michael", "Mike", "Alex", "Denis", "Diogo", "Gene"),
    *("Gene2", "Henrique", "Hugo", "Lee", "Mario", "Nguyen", "Storm", "adam", "antonio", "ed", "edward"),
    *("gustave", "john", "klatt2", "klatt3", "max", "miguel", "norbert", "pablo", "paul", "quincy", "sandro"),
    *("victor", "marcelo", "Jacky"),
)
"""espeak-ng variants of the training material: no robots, whispers and jokes, and none of the test's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """One synthetic voice.

    Attributes:
        engine: "espeak-ng", "flite" or "festival".
        name: The engine's own name of the voice; for espeak-ng "accent+variant".
        words_per_minute: Speaking rate; the others than espeak-ng stretch their own, 170 leaves it.
        pitch: espeak-ng's pitch, 0 to 99, 50 is the variant's own; the others ignore it.
        pitch_range_percent: espeak-ng's intonation, 100 is the variant's own; the others ignore it.
        speed: Playback speed, which moves pitch, formants and rate together; 1 is the recorded voice.
    """

    engine: str
    name: str
    words_per_minute: float = 170.0
    pitch: int = 50
    pitch_range_percent: int = 100
    speed: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """One reader of the bundled corpus, of a made-up name.

    Attributes:
        gender: "F" or "M".
        group: "known" (training and validation), "test", "unlabeled" or, where mains hum, "unlabeled hum".
    """

    id: int
    gender: str
    group: str
    name: str
    voice: Voice


def load_readers() -> tuple[Reader, ...]:
    """Read the table of the bundled corpus' readers."""
    lines = Path(__file__).with_name("readers.csv").read_text(encoding="utf-8").splitlines()
    readers = []
    for row in csv.DictReader(lines):
        voice = Voice(
            engine=row["engine"],
            name=row["voice"],
            words_per_minute=float(row["words_per_minute"]),
            pitch=int(row["pitch"]),
            pitch_range_percent=int(row["pitch_range_percent"]),
            speed=float(row["speed"]),
        )
        own = {name: row[name] for name in ("gender", "group", "name")}
        readers.append(Reader(id=int(row["id"]), voice=voice, **own))
    return tuple(readers)


def require_tools(programs: Sequence[str] = tuple(PACKAGES)) -> None:
    """Check that the synthesizers are installed.

    Raises:
        FileNotFoundError: A program is missing; the message names the Debian packages.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        raise FileNotFoundError(
            f"Speech synthesizers not found: {', '.join(missing)}; install them: apt-get install {packages}"
        )


def synthesize(texts: Sequence[str], voice: Voice, *, espeak_data: Path | None = None) -> list[np.ndarray]:
    """Speak texts with one voice: float32 (N,) at 16 kHz in [-1, 1] for each.

    Args:
        texts: Sentences in lower case or prose, with or without punctuation.
        voice: The voice.
        espeak_data: As `variants.install_variants` returns it; needed by voices with a drawn variant.

    Raises:
        ValueError: The engine is unknown.
    """
    if voice.engine == "espeak-ng":
        spoken = [_espeak(text, voice, espeak_data) for text in texts]
    elif voice.engine == "flite":
        spoken = [_flite(text, voice) for text in texts]
    elif voice.engine == "festival":
        spoken = _festival(texts, voice)
    else:
        raise ValueError(f"Unknown speech engine {voice.engine!r}; use espeak-ng, flite or festival.")
    return [_resample(samples, rate * voice.speed) for samples, rate in spoken]


def _espeak(text: str, voice: Voice, data: Path | None) -> tuple[np.ndarray, int]:
    marked = f'<prosody range="{voice.pitch_range_percent}%">{text}</prosody>'
    command = ["espeak-ng", *([f"--path={data}"] if data else []), "-m", "-z", "--stdout", "-a", "60"]
    command += ["-v", voice.name, "-s", str(round(voice.words_per_minute)), "-p", str(voice.pitch), marked]
    with tempfile.TemporaryDirectory() as folder:
        # PulseAudio's client, which espeak-ng starts even for a pipe, else draws the name of its folder from the
        # generator that draws a voice's breath, where no earlier run has left such a folder in the home.
        environment = {**os.environ, "PULSE_RUNTIME_PATH": folder}
        spoken = subprocess.run(command, check=True, capture_output=True, env=environment)
    return soundfile.read(io.BytesIO(spoken.stdout), dtype="float32")


def _flite(text: str, voice: Voice) -> tuple[np.ndarray, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        stretch = NORMAL_RATE / voice.words_per_minute
        command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch:.3f}"]
        subprocess.run([*command, "-t", text, "-o", str(path)], check=True, capture_output=True)
        return soundfile.read(path, dtype="float32")


def _festival(texts: Sequence[str], voice: Voice) -> list[tuple[np.ndarray, int]]:
    stretch = NORMAL_RATE / voice.words_per_minute
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.wav" for index in range(len(texts))]
        lines = [f"(voice_{voice.name})", f"(Parameter.set 'Duration_Stretch {stretch:.3f})"]
        for text, path in zip(texts, paths, strict=True):
            quoted = text.replace("\\", " ").replace('"', " ")
            lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{quoted}")) "{path}" \'riff)')
        script = Path(folder) / "speak.scm"
        script.write_text("\n".join(lines), encoding="ascii")
        subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
        return [soundfile.read(path, dtype="float32") for path in paths]


def _resample(samples: np.ndarray, rate: float) -> np.ndarray:
    from scipy.signal import resample_poly

    ratio = Fraction(SAMPLING_RATE / rate).limit_denominator(500)
    if ratio == 1:
        return samples
    resampled = resample_poly(samples.astype(np.float64), ratio.numerator, ratio.denominator)
    return np.clip(resampled, -1, 1).astype(np.float32)
