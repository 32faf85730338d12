"""Bad input through the registered functions: a defined value, or an error naming the utterance."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
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
    utterance = Utterance("7-8-0001", text, 7, 8, encode(make_tone()) if audio is None else audio, "7.flac")
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


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (encode(np.zeros(0), form="WAV"), "no samples; remove"),
        (b"", "cannot be read|no audio|decoded"),
        (encode(np.full(800, np.nan), subtype="FLOAT", form="WAV"), "NaN or infinity; convert"),
        (encode(make_tone())[:4000], "cut|truncated|decoded|ends"),
        (encode(make_tone(seconds=36.0)), "576000 samples, the limit is 562480; raise audio.max_samples"),
    ],
    ids=["empty", "no bytes", "NaN", "truncated", "too long"],
)
def test_recording_that_cannot_be_used_is_named(audio, message):
    with pytest.raises(ValueError, match=f"7-8-0001.*({message})"):
        leap_binder.encode_audio(*make_call(audio))


def test_silence_has_values_and_unknowns():
    encoded, metadata = measure(make_call(encode(np.zeros(RATE))))
    assert not encoded.any()
    assert metadata["duration_s"] == 1.0
    assert metadata["silence_share"] in (None, 1.0)
    assert metadata["fundamental_frequency_median_hz"] is None
    assert all(value is None or np.isfinite(value) for value in metadata.values())


@pytest.mark.parametrize(
    "audio",
    [
        encode(np.stack([make_tone()] * 2, axis=1)),
        encode(make_tone(), subtype="PCM_24"),
        encode(make_tone(rate=8_000), rate=8_000),
        encode(make_tone(rate=48_000), rate=48_000),
    ],
    ids=["stereo", "24 bit", "8 kHz", "48 kHz"],
)
def test_other_recordings_give_what_16_khz_mono_gives(audio):
    expected, expected_metadata = measure(make_call())
    encoded, metadata = measure(make_call(audio))
    assert abs(np.flatnonzero(encoded)[-1] - np.flatnonzero(expected)[-1]) < 16
    middle = slice(RATE // 4, 3 * RATE // 4)
    assert np.corrcoef(encoded[middle], expected[middle])[0, 1] > 0.99
    assert metadata["duration_s"] == pytest.approx(expected_metadata["duration_s"], abs=0.001)
    assert metadata["spectral_centroid_mean_hz"] == pytest.approx(
        expected_metadata["spectral_centroid_mean_hz"], rel=0.2
    )


@pytest.mark.parametrize("text", ["A 2ND TONE", "A TONE."])
def test_transcript_with_other_signs_is_named(text):
    with pytest.raises(ValueError, match="7-8-0001: .*Spell numbers out"):
        leap_binder.encode_transcript(*make_call(text=text))


def test_transcript_longer_than_the_limit_is_named():
    with pytest.raises(
        ValueError, match="7-8-0001: the transcript has 641 letters, the limit is 640; raise text"
    ):
        leap_binder.encode_transcript(*make_call(text="A" * 641))


@pytest.mark.parametrize("text", ["a tone", "À TÖNE", "A  TONE "])
def test_case_accents_and_white_space_do_not_matter(text):
    np.testing.assert_array_equal(
        leap_binder.encode_transcript(*make_call(text=text)), leap_binder.encode_transcript(*make_call())
    )


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
