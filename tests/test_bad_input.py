"""Odd input through the registered functions has defined values."""

import io
from types import SimpleNamespace

import numpy as np
import soundfile
from code_loader.contract.datasetclasses import PreprocessResponse
from code_loader.contract.enums import DataStateType

import leap_binder
from librispeech_clf.corpus.schema import Utterance

TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
METADATA = ("signal_metadata", "text_metadata", "readability_metadata", "record_metadata")


def make_call(samples=TONE, text="A TONE"):
    """An utterance id and the split that holds that utterance alone, of a speaker missing from the table."""
    audio = io.BytesIO()
    soundfile.write(audio, samples, 16_000, format="FLAC")
    utterance = Utterance("7-8-0001", text, "7", "8", audio.getvalue(), "7.flac")
    tables = dict.fromkeys(("speaker", "chapter", "book"), lambda _: None)
    split = SimpleNamespace(utterance=lambda _: utterance, subset_of=lambda _: "test", **tables)
    response = PreprocessResponse(
        data=split, sample_ids=["7-8-0001"], sample_id_type=str, state=DataStateType.test
    )
    return "7-8-0001", response


def test_silence_has_values_and_unknowns():
    call = make_call(np.zeros(16_000))
    assert not leap_binder.encode_audio(*call).any()
    metadata = leap_binder.signal_metadata(*call)
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
    metadata = leap_binder.record_metadata(*make_call())
    shown = [metadata[name] for name in ("speaker_id", "gender", "speaker_total_minutes", "reader_name")]
    assert shown == ["7", None, None, None]
