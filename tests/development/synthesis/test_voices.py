"""Readers and voices: who may speak where."""

import re
from collections import Counter

import pytest

from librispeech_clf.development.synthesis import voices
from librispeech_clf.development.synthesis.make_training_material import draw_voice, material_voices
from librispeech_clf.development.synthesis.voices import load_readers

PERSONS = {
    **{"kal": "kal", "kal16": "kal", "kal_diphone": "kal", "awb": "awb", "rms": "rms", "ked_diphone": "ked"},
    **{"slt": "slt", "cmu_us_slt_arctic_hts": "slt"},
}
"""The recorded person behind each flite and festival voice; a person belongs to one split."""


def person(engine: str, name: str) -> str:
    """What makes a voice a person: espeak-ng's variant, or the recorded person."""
    return name.split("+")[1] if engine == "espeak-ng" else PERSONS[name]


def bases(group: str) -> set[str]:
    return {
        person(reader.voice.engine, reader.voice.name) for reader in load_readers() if reader.group == group
    }


def test_readers_are_enough_and_balanced():
    readers = load_readers()
    assert len({reader.id for reader in readers}) == len(readers) >= 24
    assert len({reader.name for reader in readers}) == len(readers)
    assert Counter((reader.group, reader.gender) for reader in readers) == {
        ("known", "F"): 9,
        ("known", "M"): 9,
        ("test", "F"): 6,
        ("test", "M"): 6,
        ("unlabeled", "F"): 5,
        ("unlabeled", "M"): 9,
        ("unlabeled hum", "F"): 2,
        ("unlabeled hum", "M"): 4,
    }
    assert {reader.voice.engine for reader in readers} == {"espeak-ng", "flite", "festival"}


def test_no_person_of_the_test_split_is_known():
    assert len(bases("test")) == 12 and len(bases("known")) == 18
    assert not bases("test") & bases("known")
    strangers = bases("unlabeled hum") | {
        name for name in bases("unlabeled") if not re.fullmatch("[fm][0-9]", name)
    }
    assert len(strangers) == 12 and not strangers & (bases("test") | bases("known"))


def test_no_voice_of_the_test_split_is_in_the_training_material():
    names = [name.split(":") for name in material_voices()]
    heard = {person(engine, name) for engine, name in names}
    assert len(heard) >= 40
    assert not heard & bases("test")


def test_drawn_voices_are_listed(rng):
    drawn = {draw_voice(rng) for _ in range(300)}
    assert {f"{voice.engine}:{voice.name}" for voice in drawn} <= set(material_voices())
    assert {voice.engine for voice in drawn} == {"espeak-ng", "flite", "festival"}


def test_known_readers_are_drawn_by_their_share(rng):
    """Close to their own rate and pitch, and never a reader of the test split."""
    known = {reader.voice.name: reader.voice for reader in load_readers() if reader.group == "known"}
    drawn = [draw_voice(rng, reader_share=1.0) for _ in range(500)]
    assert {voice.name for voice in drawn} == set(known)
    for voice in drawn:
        own = known[voice.name]
        assert voice.words_per_minute == pytest.approx(own.words_per_minute, rel=0.11)
        assert abs(voice.pitch - own.pitch) <= 4 and voice.speed == own.speed


def test_accents_take_variants_and_are_shared():
    """espeak-ng ignores a variant after "en-gb" without a word; "en" is the same accent and takes it."""
    readers = [r for r in load_readers() if r.voice.engine == "espeak-ng"]
    foreign = [r for r in readers if r.voice.name.startswith("de+")]
    assert len(foreign) == 8 and {r.group for r in foreign} == {"unlabeled"}
    accents = [r.voice.name.split("+")[0] for r in readers if r not in foreign]
    assert set(accents) <= set(voices.ACCENTS) and "en-gb" not in voices.ACCENTS
