"""Readers and voices: who may speak where; and the synthesizers, skipped where they are not installed."""

import re
import shutil
import struct
from collections import Counter

import numpy as np
import pytest

from librispeech_clf.development.synthesis import variants, voices
from librispeech_clf.development.synthesis.make_training_material import material_voices
from librispeech_clf.development.synthesis.voices import Voice, load_readers, synthesize

PERSONS = {
    **{"kal": "kal", "kal16": "kal", "kal_diphone": "kal", "awb": "awb", "rms": "rms", "ked_diphone": "ked"},
    **{"slt": "slt", "cmu_us_slt_arctic_hts": "slt"},
}
"""The recorded person behind each flite and festival voice; a person belongs to one split."""
NAMES = {"espeak-ng": "en+f2", "flite": "kal16", "festival": "kal_diphone"}
VOICES = {engine: Voice(engine=engine, name=name) for engine, name in NAMES.items()}
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


def person(engine: str, name: str) -> str:
    """What makes a voice a person: espeak-ng's variant, or the recorded person."""
    return name.split("+")[1] if engine == "espeak-ng" else PERSONS[name]


def bases(group: str) -> set[str]:
    own = [reader.voice for reader in load_readers() if reader.group == group]
    return {person(voice.engine, voice.name) for voice in own}


def speak(name: str, text: str = "hello my old friend", **options) -> bytes:
    return synthesize([text], Voice(engine="espeak-ng", name=name), **options)[0].tobytes()


def test_readers_are_enough_and_balanced():
    readers = load_readers()
    assert len({reader.id for reader in readers}) == len({reader.name for reader in readers}) == len(readers)
    counts = {"known": (9, 9), "test": (6, 6), "unlabeled": (5, 9), "unlabeled hum": (2, 4)}
    assert Counter((reader.group, reader.gender) for reader in readers) == {
        (group, gender): count
        for group, own in counts.items()
        for gender, count in zip("FM", own, strict=True)
    }
    assert {reader.voice.engine for reader in readers} == set(VOICES)


def test_no_person_of_the_test_split_is_known_or_in_the_training_material():
    test, known = bases("test"), bases("known")
    assert len(test) == 12 and len(known) == 18 and not test & known
    named = {name for name in bases("unlabeled") if not re.fullmatch("[fm][0-9]", name)}
    strangers = bases("unlabeled hum") | named
    assert len(strangers) == 12 and not strangers & (test | known)
    heard = {person(*name.split(":")) for name in material_voices()}
    assert len(heard) >= 40 and not heard & test
    assert not {reader.voice.name.split("+")[-1] for reader in load_readers()} & set(variants.DRAWN_VARIANTS)


def test_accents_take_variants_and_are_shared():
    """espeak-ng ignores a variant after "en-gb" without a word; "en" is the same accent and takes it."""
    readers = [reader for reader in load_readers() if reader.voice.engine == "espeak-ng"]
    foreign = [reader for reader in readers if reader.voice.name.startswith("de+")]
    assert len(foreign) == 8 and {reader.group for reader in foreign} == {"unlabeled"}
    accents = {reader.voice.name.split("+")[0] for reader in readers if reader not in foreign}
    assert accents <= set(voices.ACCENTS) and "en-gb" not in voices.ACCENTS


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="'say'"):
        synthesize(["hello"], Voice(engine="say", name="x"))


def test_a_pipe_header_with_a_made_up_length_is_resampled_at_its_pitch(monkeypatch):
    tone = (16384 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)).astype("<i2")
    form = (b"fmt ", 16, 1, 1, 22050, 44100, 2, 16, b"data", 2**31 - 36)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 2**31, b"WAVE", *form)
    spoken = type("Done", (), {"stdout": header + tone.tobytes()})
    monkeypatch.setattr(voices.subprocess, "run", lambda *_, **__: spoken)
    (heard,) = synthesize(["x"], VOICES["espeak-ng"])
    assert heard.size == pytest.approx(16_000, abs=40) and heard.max() == pytest.approx(0.5, abs=0.01)
    peak = np.abs(np.fft.rfft(heard)).argmax() * 16_000 / heard.size
    assert peak == pytest.approx(1000, abs=3)


@pytest.mark.parametrize("engine", VOICES)
def test_speech_is_the_same_each_time(engine, monkeypatch, tmp_path):
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    first, other = synthesize(["good morning", "good night, my old friend"], VOICES[engine])
    (again,) = synthesize(["good morning"], VOICES[engine])
    assert 0.4 < first.size / 16_000 < 2 and other.size > first.size
    assert first.dtype == np.float32 and 0.05 < np.abs(first).max() <= 1
    np.testing.assert_array_equal(first, again)


@needs_espeak
def test_variants_and_accents_are_heard():
    names = ["en+f2", "en+m4", "en-us+f2", "en-gb-scotland+f2"]
    assert len({speak(name) for name in names}) == len(names)


def test_a_drawn_variant_follows_from_its_number_alone_and_women_speak_higher():
    numbers = range(len(variants.DRAWN_VARIANTS))
    texts = [variants.write_variant(number) for number in numbers]
    assert texts == [variants.write_variant(number) for number in numbers]
    assert len(set(texts)) == len(texts)
    pitches = [float(re.search(r"pitch (\d+)", text)[1]) for text in texts]
    assert min(pitches[0::2]) > max(pitches[1::2])


@needs_espeak
def test_drawn_variants_sound_different_and_own_ones_as_before(tmp_path):
    data = variants.install_variants(tmp_path)
    assert variants.install_variants(tmp_path) == data
    drawn = [speak(f"en-us+{name}", espeak_data=data) for name in variants.DRAWN_VARIANTS[:4]]
    assert all(np.abs(np.frombuffer(waveform, np.float32)).max() > 0.05 for waveform in drawn)
    assert len(set(drawn)) == len(drawn)
    assert speak("en-us+f2", espeak_data=data) == speak("en-us+f2")
