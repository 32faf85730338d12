"""The synthesizers; what needs one is skipped where it is not installed."""

import shutil
import struct

import numpy as np
import pytest

from librispeech_clf.development.synthesis import engines
from librispeech_clf.development.synthesis.voices import Voice

VOICES = {
    "espeak-ng": Voice(engine="espeak-ng", name="en+f2"),
    "flite": Voice(engine="flite", name="kal16"),
    "festival": Voice(engine="festival", name="kal_diphone"),
}


def test_missing_tools_are_named_with_their_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install espeak-ng flite festival festvox-kallpc16k"):
        engines.require_tools()


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="'say'"):
        engines.synthesize(["hello"], Voice(engine="say", name="x"))


def test_pipe_header_with_a_made_up_length():
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        2**31,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        22050,
        44100,
        2,
        16,
        b"data",
        2**31 - 36,
    )
    samples, rate = engines._read_wave(header + struct.pack("<3h", 0, 16384, -32768))
    assert rate == 22050
    np.testing.assert_array_equal(samples, np.array([0, 0.5, -1], np.float32))


def test_resampling_keeps_the_pitch():
    tone = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050).astype(np.float32)
    resampled = engines._resample(tone, 22050)
    assert resampled.size == pytest.approx(16_000, abs=40)
    peak = np.abs(np.fft.rfft(resampled)).argmax() * 16_000 / resampled.size
    assert peak == pytest.approx(1000, abs=3)


@pytest.mark.parametrize("engine", VOICES)
def test_speech_is_the_same_each_time(engine, monkeypatch, tmp_path):
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    first, other = engines.synthesize(["good morning", "good night, my old friend"], VOICES[engine])
    (again,) = engines.synthesize(["good morning"], VOICES[engine])
    assert 0.4 < first.size / 16_000 < 2 and other.size > first.size
    assert first.dtype == np.float32 and 0.05 < np.abs(first).max() <= 1
    np.testing.assert_array_equal(first, again)


def test_variants_and_accents_are_heard():
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    names = ["en+f2", "en+m4", "en-us+f2", "en-gb-scotland+f2"]
    spoken = [
        engines.synthesize(["hello my old friend"], Voice(engine="espeak-ng", name=n))[0] for n in names
    ]
    assert len({waveform.tobytes() for waveform in spoken}) == len(names)
