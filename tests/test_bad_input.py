"""Odd input through the registered functions has defined values."""

import io
from types import SimpleNamespace

import numpy as np
import soundfile
from code_loader.contract.datasetclasses import PreprocessResponse
from code_loader.contract.enums import DataStateType

import leap_binder
from librispeech_clf.corpus.schema import Utterance

RATE = 16_000
METADATA = ("signal_metadata", "text_metadata", "readability_metadata", "record_metadata")


def make_tone(*, seconds=1.0, rate=RATE):
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def encode(samples, *, rate=RATE, subtype="PCM_16", form="FLAC"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def make_call(audio=None, text="A TONE", *, speaker=None):
    """An utterance id and the split that holds that utterance alone."""
    utterance = Utterance(
        "7-8-0001", text, "7", "8", encode(make_tone()) if audio is None else audio, "7.flac"
    )
    nothing = lambda _: None  # noqa: E731
    split = SimpleNamespace(
        utterance=lambda _: utterance,
        speaker=lambda _: speaker,
        chapter=nothing,
        book=nothing,
        subset_of=lambda _: "test",
    )
    response = PreprocessResponse(
        data=split, sample_ids=["7-8-0001"], sample_id_type=str, state=DataStateType.test
    )
    return "7-8-0001", response


def measure(call):
    """Encode the audio and compute all metadata of the sound."""
    return leap_binder.encode_audio(*call), leap_binder.signal_metadata(*call)


def test_silence_has_values_and_unknowns():
    encoded, metadata = measure(make_call(encode(np.zeros(RATE))))
    assert not encoded.any()
    assert metadata["duration_s"] == 1.0
    assert metadata["silence_share"] in (None, 1.0)
    assert metadata["fundamental_frequency_median_hz"] is None
    assert all(value is None or np.isfinite(value) for value in metadata.values())


def test_empty_transcript_has_no_labels_and_unknown_measures():
    call = make_call(text="")
    assert not leap_binder.encode_transcript(*call).any()
    assert leap_binder.text_metadata(*call)["word_count"] == 0
    for name in METADATA:
        assert getattr(leap_binder, name)(*call).keys() == getattr(leap_binder, name)(*make_call()).keys()


def test_speaker_missing_from_the_table_is_unknown():
    metadata = leap_binder.record_metadata(*make_call(speaker=None))
    assert metadata["speaker_id"] == "7"
    assert metadata["gender"] is None
    assert metadata["speaker_total_minutes"] is None
    assert metadata["reader_name"] is None
