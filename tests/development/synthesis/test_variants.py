"""Drawn espeak-ng variants."""

import re
import shutil

import numpy as np
import pytest

from librispeech_clf.development.synthesis import engines, variants
from librispeech_clf.development.synthesis.voices import Voice, load_readers


def test_a_variant_follows_from_its_number_alone():
    texts = [variants.write_variant(number) for number in range(len(variants.DRAWN_VARIANTS))]
    assert texts == [variants.write_variant(number) for number in range(len(texts))]
    assert len(set(texts)) == len(texts)


def test_women_speak_higher_than_men():
    pitches = [
        float(re.search(r"pitch (\d+)", variants.write_variant(number))[1])
        for number in range(len(variants.DRAWN_VARIANTS))
    ]
    assert min(pitches[0::2]) > max(pitches[1::2])


def test_no_reader_has_a_drawn_variant():
    assert not {reader.voice.name.split("+")[-1] for reader in load_readers()} & set(variants.DRAWN_VARIANTS)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_drawn_variants_sound_different_and_own_ones_as_before(tmp_path):
    data = variants.install_variants(tmp_path)
    assert variants.install_variants(tmp_path) == data

    def speak(variant, **options):
        return engines.synthesize(
            ["good morning"], Voice(engine="espeak-ng", name=f"en-us+{variant}"), **options
        )[0]

    drawn = [speak(name, espeak_data=data) for name in variants.DRAWN_VARIANTS[:4]]
    assert all(np.abs(waveform).max() > 0.05 for waveform in drawn)
    assert len({waveform.tobytes() for waveform in drawn}) == len(drawn)
    np.testing.assert_array_equal(speak("f2", espeak_data=data), speak("f2"))
