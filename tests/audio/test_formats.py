"""Formats beyond libsndfile's: decoded by PyAV where it is installed, else the extra is named."""

import io
import sys

import numpy as np
import pytest

from librispeech_clf.audio.decoding import find_format
from librispeech_clf.audio.reading import measure_length, read_waveform
from tests.helpers import sounds
from tests.helpers.sounds import RATE, make_utterance, read

TONE = (0.3 * np.sin(np.arange(2 * RATE) * 0.2)).astype(np.float32)
FILES = {
    "m4a": ("ipod", "aac", RATE, "m4a"),
    "webm": ("webm", "libopus", 48000, "webm"),
    "AMR": ("amr", "libopencore_amrnb", 8000, "AMR"),
    "FLAC in Ogg": ("ogg", "flac", RATE, "FLAC in Ogg"),
    "AAC": ("adts", "aac", RATE, "AAC"),
    "MP3 in WAV": ("wav", "libmp3lame", RATE, "MP3 or G.722 in WAV"),
    "G.722 in WAV": ("wav", "g722", RATE, "MP3 or G.722 in WAV"),
    "WMA": ("asf", "wmav2", RATE, "WMA"),
    "AMR in 3GP": ("3gp", "libopencore_amrnb", 8000, "m4a"),  # punchagan/earworm#10
    "Opus in MP4": ("mp4", "libopus", 48000, "m4a"),  # huggingface/datasets#3667
    "ALAC in m4a": ("ipod", "alac", RATE, "m4a"),  # bastibe/python-soundfile#431
    "AAC in Matroska": ("matroska", "aac", RATE, "webm"),
}


def encode(container, codec, rate):
    av = pytest.importorskip("av")
    if codec == "flac":
        return wrap_flac(container)
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=container) as out:
            stream = out.add_stream(codec, rate=rate, layout="mono")
            if codec == "wmav2":
                stream.bit_rate = 64_000
            frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or 1024)
            for made in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(made))
            out.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"this PyAV does not write {codec}: {error}")
    return buffer.getvalue()


def wrap_flac(container):
    """Put libsndfile's FLAC into another container: PyAV 18 opens its own encoder too late for its header."""
    import av

    flac, buffer = io.BytesIO(sounds.encode(TONE)), io.BytesIO()
    with av.open(flac) as source, av.open(buffer, "w", format=container) as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return buffer.getvalue()


def decode_by_av(content):
    import av

    with av.open(io.BytesIO(content)) as container:
        resampler = av.AudioResampler("fltp")
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]), frames[0].sample_rate


def encode_video():
    """A film whose first track is of pictures: MPEG-4 of 2 s, and the tone as AAC."""
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 16
        sound = out.add_stream("aac", rate=RATE, layout="mono")
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), number, np.uint8), format="rgb24")
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode(None))
        for place in range(0, len(TONE) - 1024, 1024):
            frame = av.AudioFrame.from_ndarray(TONE[None, place : place + 1024], format="fltp", layout="mono")
            frame.sample_rate = RATE
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return buffer.getvalue()


def assert_is_read_as_by_av(content):
    samples, rate = decode_by_av(content)
    found = read(content, rate)
    np.testing.assert_array_equal(found, samples / max(1.0, np.abs(samples).max()))
    assert len(found) / rate == pytest.approx(2, abs=0.15)
    assert measure_length(make_utterance(content)) == len(samples) / rate


@pytest.mark.parametrize("kind", FILES)
def test_samples_are_those_of_pyav(kind):
    container, codec, rate, name = FILES[kind]
    content = encode(container, codec, rate)
    assert find_format(content) == name
    assert_is_read_as_by_av(content)


def test_sound_of_a_film_is_read():
    """lhotse-speech/lhotse#1482"""
    assert_is_read_as_by_av(encode_video())


def test_ending_of_the_name_says_nothing(tmp_path):
    """openvpi/dataset-tools#4: AAC that is called .wav"""
    (tmp_path / "a.wav").write_bytes(encode("adts", "aac", RATE))
    found = read_waveform(make_utterance(path=tmp_path / "a.wav"), sampling_rate=RATE)
    assert len(found) / RATE == pytest.approx(2, abs=0.15)


def test_wide_band_amr_is_read():
    """BenzLeung/benz-amr-recorder#39; no free encoder: frames of mode 0 with bits of nothing"""
    pytest.importorskip("av")
    content = b"#!AMR-WB\n" + (b"\x04" + bytes(17)) * 50
    assert len(read(content)) / RATE == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", ["m4a", "webm", "FLAC in Ogg"])
def test_cut_file_is_named(kind):
    content = encode(*FILES[kind][:3])
    with pytest.raises(ValueError, match="u7: the audio (is cut off|cannot be decoded)"):
        read(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x20ftypM4A ", "m4a"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"#!AMR\n", "AMR"),
        (b"#!AMR-WB\n", "AMR"),
        (b"RIFF\0\1\0\0WAVEfmt \x12\0\0\0\x55\0", "MP3 or G.722 in WAV"),
    ],
)
def test_without_the_extra_it_is_named(monkeypatch, content, name):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=rf"u7: the audio is {name}, which needs .*\[formats\]") as caught:
        read(content + bytes(100))
    assert "\n" not in str(caught.value)
