"""Audio: every form of file, the shared decode, normalization and padding."""

import numpy as np
import pytest

from librispeech_clf.audio import reading as audio
from tests.helpers.sounds import RATE, encode, make_utterance, read, tone

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
"""FLAC cannot shrink it to nothing."""
WHOLE = encode(NOISE)


@pytest.fixture(autouse=True)
def empty_cache():
    """Forget the waveforms of other tests."""
    audio.read_waveform.cache_clear()


def test_flac_is_read_exactly_from_bytes_and_path(tmp_path):
    waveform = read(encode(tone()))
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, np.round(tone() * 32768).astype(np.float32) / 32768)
    (tmp_path / "a.flac").write_bytes(encode(tone()))
    from_path = audio.read_waveform(make_utterance(path=tmp_path / "a.flac"), sampling_rate=RATE)
    np.testing.assert_array_equal(from_path, waveform)
    np.testing.assert_allclose(read(encode(tone(), subtype="PCM_24")), tone(), atol=2.0**-23)


@pytest.mark.parametrize(
    ("form", "subtype"), [("MP3", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", None)]
)
def test_other_forms_are_read(form, subtype):
    waveform = read(encode(tone(), form=form, subtype=subtype))
    assert len(waveform) == pytest.approx(RATE // 2, abs=1)
    assert np.corrcoef(waveform[: RATE // 2 - 1], tone()[: len(waveform)][: RATE // 2 - 1])[0, 1] > 0.99


def test_channels_are_averaged():
    left, right = tone(frequency=300), tone(frequency=700)
    waveform = read(encode(np.stack([left, right], axis=1), form="WAV", subtype="FLOAT"))
    np.testing.assert_allclose(waveform, (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_rates_are_resampled(rate):
    waveform = read(encode(tone(1.0, rate=rate), rate))
    assert len(waveform) == pytest.approx(RATE, abs=1)
    middle = slice(RATE // 4, 3 * RATE // 4)
    np.testing.assert_allclose(waveform[middle], tone(1.0)[middle], atol=2e-3)
    if rate == 48000:  # what the new rate cannot hold is removed
        assert np.abs(read(encode(tone(1.0, 12000, rate), rate))[middle]).max() < 1e-3


@pytest.mark.parametrize("scale", [4.0, 2.0**15, 2.0**31])
def test_peaks_above_one_and_integers_as_floats_are_scaled_not_clipped(scale):
    waveform = read(encode(tone() * scale, form="WAV", subtype="FLOAT"))
    assert np.abs(waveform).max() == 1
    np.testing.assert_allclose(waveform, tone() / np.abs(tone()).max(), atol=1e-6)


def test_one_decode_serves_all_readers(monkeypatch):
    decodes, decode = [], audio.decode
    monkeypatch.setattr(audio, "decode", lambda content, name: decodes.append(name) or decode(content, name))
    content = encode(tone())
    for _ in range(3):
        read(bytes(content))
    assert decodes == ["u7"]
    assert len(read(encode(tone(0.25)))) == RATE // 4  # another recording of the same id


def test_cache_is_bounded_and_cannot_be_changed():
    for number in range(audio.CACHED_WAVEFORMS + 5):
        utterance = make_utterance(encode(tone(0.01)), name=str(number))
        waveform = audio.read_waveform(utterance, sampling_rate=RATE)
    assert audio.read_waveform.cache_info().currsize == audio.CACHED_WAVEFORMS
    with pytest.raises(ValueError, match="read-only"):
        waveform[0] = 1


def spoil(value, channels=1, subtype="FLOAT"):
    """A WAV file with a sample that is none."""
    samples = np.stack([tone()] * channels, axis=1)
    samples[7] = value
    return encode(samples, form="WAV", subtype=subtype)


def put(content, place, changed):
    """Content with other bytes at a place."""
    return content[:place] + changed + content[place + len(changed) :]


UNKNOWN_LENGTH = put(WHOLE, 21, bytes([WHOLE[21] & 0xF0, 0, 0, 0, 0]))
UNREADABLE = "the audio (is cut off|cannot be decoded)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((content, "the audio cannot be decoded") for content in (b"", b"no audio at all", b"fLaC")),
        *((WHOLE[: int(len(WHOLE) * share)], UNREADABLE) for share in (0.02, 0.3, 0.6, 0.9, 0.999)),
        (put(WHOLE, len(WHOLE) // 2, bytes(3000)), UNREADABLE),
        (UNKNOWN_LENGTH[: len(WHOLE) // 2], UNREADABLE),
        *(
            (encode(NOISE[:0], form=form), "the audio (has no samples|cannot be decoded)")
            for form in ("FLAC", "WAV")
        ),
        *((spoil(x, subtype="DOUBLE"), "the audio holds NaN or infinity") for x in (np.nan, np.inf, -np.inf)),
        *(
            (spoil(value, channels), r"the audio holds samples of \S+, but full scale is 1; convert")
            for value in (1e10, 1e30, 1e38, -3.4e38)
            for channels in (1, 2)
        ),
        *(
            (
                encode(tone()[:20], rate, "WAV"),
                f"the audio's header declares {rate} Hz, but speech needs 1000",
            )
            for rate in (1, 8, 999)
        ),
        (encode(np.array([0.1]), 192000, "WAV"), "the audio is too short for 16000 Hz"),
        (None, "has neither audio bytes nor an audio path"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_recording_is_refused_by_name(content, message):
    with pytest.raises(ValueError, match=f"u7: {message}"):
        read(content)


def test_flac_of_unknown_length_is_read_to_its_end():
    np.testing.assert_array_equal(read(UNKNOWN_LENGTH), read(WHOLE))


@pytest.mark.parametrize("samples", [[0.0, 0.001, -0.002, 0.003], 0.1 * NOISE + 0.3])
def test_normalization_is_the_published_formula(samples):
    x = np.array(samples, np.float32)
    normalized = audio.normalize(x)
    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized, (x - x.mean()) / np.sqrt(x.var() + 1e-7), rtol=1e-5, atol=1e-5)
    assert normalized.mean() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
def test_constant_audio_becomes_zeros(value):
    normalized = audio.normalize(np.full(100, value, np.float32))
    assert not normalized.any()
    assert audio.count_samples(audio.pad(normalized, max_samples=200, utterance_id="a")) == 0


@pytest.mark.parametrize("ending", [0.0, 1e-9, -1e-9])
def test_zeros_at_the_end_are_not_padding(ending):
    waveform = np.array([0.5, -0.5, 0.25, -0.25, 0, 0, ending], np.float32)
    normalized = audio.normalize(waveform - waveform.mean())
    stored = audio.pad(normalized, max_samples=20, utterance_id="a").astype(np.float16).astype(np.float32)
    assert audio.count_samples(stored) == 7
    assert 0 < abs(normalized[-1]) < 1e-4


@pytest.mark.parametrize(("samples", "padded"), [([1, 2], [1, 2, 0, 0]), ([1, 1, 1, 1], [1, 1, 1, 1])])
def test_padding(samples, padded):
    found = audio.pad(np.array(samples, np.float32), max_samples=4, utterance_id="a")
    assert (found.dtype, found.tolist()) == (np.float32, padded)


def test_audio_longer_than_the_limit_is_named():
    message = "a: audio has 5 samples, the limit is 4; raise audio.max_samples in config.yaml."
    with pytest.raises(ValueError, match=message):
        audio.pad(np.ones(5, np.float32), max_samples=4, utterance_id="a")


@pytest.mark.parametrize(
    ("padded", "count"), [([], 0), ([0, 0], 0), ([0, 1, 0, 2, 0], 4), ([1], 1), ([1] * 4, 4)]
)
def test_count_samples(padded, count):
    assert audio.count_samples(np.array(padded, np.float32)) == count
