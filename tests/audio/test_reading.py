"""Audio: every form of file, the shared decode, normalization and padding."""

import io

import numpy as np
import pytest
import soundfile

from librispeech_clf.audio import reading as audio
from librispeech_clf.corpus.schema import Utterance

RATE = 16000


def tone(seconds=0.5, frequency=440.0, rate=RATE, amplitude=0.5):
    """A sine, float64 (N,)."""
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def encode(samples, rate=RATE, form="FLAC", subtype=None):
    """An audio file's bytes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def make_utterance(content=None, path=None, name="1-2-0000"):
    """An utterance with that audio."""
    return Utterance(name, "A", 1, 2, content, path)


def read(content, rate=RATE):
    """The waveform of an audio file's bytes."""
    return audio.read_waveform(make_utterance(content), sampling_rate=rate)


@pytest.fixture(autouse=True)
def empty_cache():
    """Forgets the waveforms of other tests."""
    audio.read_waveform.cache_clear()


def test_flac_is_read_exactly():
    waveform = read(encode(tone()))
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, np.round(tone() * 32768).astype(np.float32) / 32768)


def test_bytes_and_path_give_the_same(tmp_path):
    content = encode(tone())
    (tmp_path / "a.flac").write_bytes(content)
    from_path = audio.read_waveform(make_utterance(path=str(tmp_path / "a.flac")), sampling_rate=RATE)
    np.testing.assert_array_equal(from_path, read(content))


def test_channels_are_averaged():
    left, right = tone(frequency=300), tone(frequency=700)
    waveform = read(encode(np.stack([left, right], axis=1), form="WAV", subtype="FLOAT"))
    np.testing.assert_allclose(waveform, (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_rates_are_resampled(rate):
    waveform = read(encode(tone(1.0, rate=rate), rate=rate))
    assert len(waveform) == pytest.approx(RATE, abs=1)
    middle = slice(RATE // 4, 3 * RATE // 4)
    np.testing.assert_allclose(waveform[middle], tone(1.0)[: len(waveform)][middle], atol=2e-3)


def test_resampling_removes_what_the_new_rate_cannot_hold():
    waveform = read(encode(tone(1.0, frequency=12000, rate=48000), rate=48000))
    assert np.abs(waveform[RATE // 4 : 3 * RATE // 4]).max() < 1e-3


def test_24_bit_is_read():
    waveform = read(encode(tone(), subtype="PCM_24"))
    np.testing.assert_allclose(waveform, tone(), atol=2.0**-23)


def test_peaks_above_one_are_scaled_not_clipped():
    waveform = read(encode(4 * tone(), form="WAV", subtype="FLOAT"))
    assert np.abs(waveform).max() == 1
    np.testing.assert_allclose(waveform, 4 * tone() / np.abs(4 * tone()).max(), atol=1e-6)


def test_one_decode_serves_all_readers(monkeypatch):
    decodes = []
    decode = audio.decode
    monkeypatch.setattr(audio, "decode", lambda content, name: decodes.append(name) or decode(content, name))
    content = encode(tone())
    for _ in range(3):
        audio.read_waveform(make_utterance(bytes(content)), sampling_rate=RATE)
    assert decodes == ["1-2-0000"]


def test_same_id_with_other_audio_is_decoded_again():
    assert len(read(encode(tone(0.5)))) != len(read(encode(tone(0.25))))


def test_cache_is_bounded():
    for number in range(audio.CACHED_WAVEFORMS + 5):
        audio.read_waveform(make_utterance(encode(tone(0.01)), name=str(number)), sampling_rate=RATE)
    assert audio.read_waveform.cache_info().currsize == audio.CACHED_WAVEFORMS


def test_waveform_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        read(encode(tone()))[0] = 1


def test_silence_is_read():
    assert not read(encode(np.zeros(100))).any()


@pytest.mark.parametrize("form", ["FLAC", "WAV"])
def test_empty_audio_is_named(form):
    with pytest.raises(ValueError, match="1-2-0000: the audio (has no samples|cannot be decoded)"):
        read(encode(np.zeros(0), form=form))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_audio_is_named(value):
    samples = tone()
    samples[7] = value
    with pytest.raises(ValueError, match="1-2-0000: the audio holds NaN or infinity"):
        read(encode(samples, form="WAV", subtype="DOUBLE"))


@pytest.mark.parametrize("value", [1e10, 1e30, 1e38, -3.4e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_sound_are_named(value, channels):
    samples = np.stack([tone()] * channels, axis=1)
    samples[7] = value
    with pytest.raises(
        ValueError, match=r"1-2-0000: the audio holds samples of \S+, full scale is 1; convert"
    ):
        read(encode(samples, form="WAV", subtype="FLOAT"))


@pytest.mark.parametrize("scale", [2.0, 2.0**15, 2.0**31])
def test_integers_written_as_floats_are_scaled(scale):
    loud = read(encode(tone() * scale, form="WAV", subtype="FLOAT"))
    assert np.abs(loud).max() == 1
    assert np.corrcoef(loud, tone())[0, 1] > 0.999999


@pytest.mark.parametrize("rate", [1, 8, 999])
def test_rate_of_no_speech_is_named(rate):
    with pytest.raises(
        ValueError, match=f"1-2-0000: the audio's header declares {rate} Hz, speech needs 1000"
    ):
        read(encode(tone()[:20], form="WAV", rate=rate))


def test_truncated_flac_is_named(rng_samples):
    content = encode(rng_samples)
    for share in (0.02, 0.3, 0.6, 0.9, 0.999):
        with pytest.raises(ValueError, match="1-2-0000: the audio (is cut off|cannot be decoded)"):
            read(content[: int(len(content) * share)])


def test_damaged_flac_is_named(rng_samples):
    content = bytearray(encode(rng_samples))
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    with pytest.raises(ValueError, match="1-2-0000: the audio (is cut off|cannot be decoded)"):
        read(bytes(content))


def test_flac_of_unknown_length_is_read_to_its_end(rng_samples):
    whole = encode(rng_samples)
    content = bytearray(whole)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    np.testing.assert_array_equal(read(bytes(content)), read(whole))
    with pytest.raises(ValueError, match="1-2-0000: the audio (is cut off|cannot be decoded)"):
        read(bytes(content[: len(content) // 2]))


@pytest.mark.parametrize(
    ("form", "subtype"), [("MP3", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", None)]
)
def test_other_forms_are_read(form, subtype):
    waveform = read(encode(tone(), form=form, subtype=subtype))
    assert len(waveform) == pytest.approx(RATE // 2, abs=1)
    assert np.corrcoef(waveform[: RATE // 2 - 1], tone()[: len(waveform)][: RATE // 2 - 1])[0, 1] > 0.99


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"fLaC"])
def test_what_is_no_audio_is_named(content):
    with pytest.raises(ValueError, match="1-2-0000: the audio cannot be decoded"):
        read(content)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.flac: the audio of 1-2-0000 is not there"):
        audio.read_waveform(make_utterance(path=str(tmp_path / "none.flac")), sampling_rate=RATE)


def test_utterance_without_audio_is_named():
    with pytest.raises(ValueError, match="1-2-0000: has neither audio bytes nor an audio path"):
        audio.read_waveform(make_utterance(), sampling_rate=RATE)


def test_audio_shorter_than_one_resampled_sample():
    with pytest.raises(ValueError, match="1-2-0000: the audio is too short for 16000 Hz"):
        read(encode(np.array([0.1]), rate=192000, form="WAV"))


@pytest.fixture
def rng_samples():
    """Noise, which FLAC cannot shrink to nothing."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, RATE)


def test_normalized_audio_has_zero_mean_and_unit_variance(rng_samples):
    normalized = audio.normalize((0.1 * rng_samples + 0.3).astype(np.float32))
    assert normalized.dtype == np.float32
    assert normalized.mean() == pytest.approx(0, abs=1e-6)
    assert normalized.var() == pytest.approx(1, abs=2e-4)


def test_normalization_is_the_published_formula():
    x = np.array([0.0, 0.001, -0.002, 0.003], np.float32)
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
    np.testing.assert_allclose(audio.normalize(x), expected, rtol=1e-5)


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


def test_padding():
    padded = audio.pad(np.array([1, 2], np.float32), max_samples=4, utterance_id="a")
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded, [1, 2, 0, 0])


def test_audio_as_long_as_the_limit_is_not_padded():
    assert audio.count_samples(audio.pad(np.ones(4, np.float32), max_samples=4, utterance_id="a")) == 4


def test_audio_longer_than_the_limit_is_named():
    message = r"1-2-0000: audio has 5 samples, the limit is 4; raise audio.max_samples in config.yaml."
    with pytest.raises(ValueError, match=message):
        audio.pad(np.ones(5, np.float32), max_samples=4, utterance_id="1-2-0000")


@pytest.mark.parametrize(("padded", "count"), [([], 0), ([0, 0], 0), ([0, 1, 0, 2, 0], 4), ([1], 1)])
def test_count_samples(padded, count):
    assert audio.count_samples(np.array(padded, np.float32)) == count
