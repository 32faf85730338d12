"""The speech synthesizers as functions: text and voice in, waveform out.

In: text and voices. Out: waveforms float32 (N,) at 16 kHz in [-1, 1], and the tools' versions.
"""

import io
import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from librispeech_clf.development.synthesis.voices import Voice

SAMPLING_RATE = 16_000
NORMAL_RATE = 170.0
PACKAGES = {
    "espeak-ng": "espeak-ng",
    "flite": "flite",
    "festival": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
}
"""Debian packages by program."""


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
    """Speak texts with one voice.

    Args:
        texts: Sentences in lower case or prose, with or without punctuation.
        voice: The voice.
        espeak_data: As `variants.install_variants` returns it; needed by voices with a drawn variant.

    Returns:
        One waveform float32 (N,) at 16 kHz in [-1, 1] for each text.

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
    return _read_wave(spoken.stdout)


def _flite(text: str, voice: Voice) -> tuple[np.ndarray, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        stretch = NORMAL_RATE / voice.words_per_minute
        command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch:.3f}"]
        subprocess.run([*command, "-t", text, "-o", str(path)], check=True, capture_output=True)
        return _read_wave(path.read_bytes())


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
        return [_read_wave(path.read_bytes()) for path in paths]


def _read_wave(content: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(content)) as reader:
        rate = reader.getframerate()
    # espeak-ng writes to a pipe with a made-up length in the header, so the length is taken from the bytes.
    samples = np.frombuffer(content[44 : len(content) - len(content) % 2], dtype="<i2")
    return samples.astype(np.float32) / 32768, rate


def _resample(samples: np.ndarray, rate: float) -> np.ndarray:
    from scipy.signal import resample_poly

    ratio = Fraction(SAMPLING_RATE / rate).limit_denominator(500)
    if ratio == 1:
        return samples
    resampled = resample_poly(samples.astype(np.float64), ratio.numerator, ratio.denominator)
    return np.clip(resampled, -1, 1).astype(np.float32)
