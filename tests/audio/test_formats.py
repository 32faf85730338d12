"""Formats beyond libsndfile's: decoded by PyAV where it is installed, else the extra is named."""

import io
import sys

import numpy as np
import pytest
import soundfile

from librispeech_clf.audio import reading as audio
from librispeech_clf.audio.decoding import find_format
from librispeech_clf.corpus.schema import Utterance

RATE = 16000
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

    flac, buffer = io.BytesIO(), io.BytesIO()
    soundfile.write(flac, TONE, RATE, format="FLAC")
    with av.open(io.BytesIO(flac.getvalue())) as source, av.open(buffer, "w", format=container) as out:
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


def utterance(content):
    return Utterance("u7", "A", "1", "2", content, None)


@pytest.mark.parametrize("kind", FILES)
def test_samples_are_those_of_pyav(kind):
    container, codec, rate, name = FILES[kind]
    content = encode(container, codec, rate)
    assert find_format(content) == name
    samples, own_rate = decode_by_av(content)
    read = audio.read_waveform(utterance(content), sampling_rate=own_rate)
    np.testing.assert_array_equal(read, samples / max(1.0, np.abs(samples).max()))
    assert len(read) / own_rate == pytest.approx(2, abs=0.15)
    assert audio.measure_length(utterance(content)) == len(samples) / own_rate


def test_sound_of_a_film_is_read():
    """lhotse-speech/lhotse#1482"""
    content = encode_video()
    samples, _ = decode_by_av(content)
    read = audio.read_waveform(utterance(content), sampling_rate=RATE)
    np.testing.assert_array_equal(read, samples / max(1.0, np.abs(samples).max()))


def test_ending_of_the_name_says_nothing(tmp_path):
    """openvpi/dataset-tools#4: AAC that is called .wav"""
    (tmp_path / "a.wav").write_bytes(encode("adts", "aac", RATE))
    read = audio.read_waveform(
        Utterance("u7", "A", "1", "2", None, str(tmp_path / "a.wav")), sampling_rate=RATE
    )
    assert len(read) / RATE == pytest.approx(2, abs=0.15)


def test_wide_band_amr_is_read():
    """BenzLeung/benz-amr-recorder#39; no free encoder: frames of mode 0 with bits of nothing"""
    pytest.importorskip("av")
    content = b"#!AMR-WB\n" + (b"\x04" + bytes(17)) * 50
    read = audio.read_waveform(utterance(content), sampling_rate=RATE)
    assert len(read) / RATE == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", ["m4a", "webm", "FLAC in Ogg"])
def test_cut_file_is_named(kind):
    container, codec, rate, _ = FILES[kind]
    content = encode(container, codec, rate)
    with pytest.raises(ValueError, match="u7: the audio (is cut off|cannot be decoded)"):
        audio.read_waveform(utterance(content[: len(content) // 2]), sampling_rate=RATE)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x20ftypM4A " + bytes(100), "m4a"),
        (b"\x1aE\xdf\xa3" + bytes(100), "webm"),
        (b"#!AMR\n" + bytes(100), "AMR"),
        (b"#!AMR-WB\n" + bytes(100), "AMR"),
        (b"RIFF\0\1\0\0WAVEfmt \x12\0\0\0\x55\0" + bytes(100), "MP3 or G.722 in WAV"),
    ],
)
def test_without_the_extra_it_is_named(monkeypatch, content, name):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=rf"u7: the audio is {name}, which needs .*\[formats\]") as caught:
        audio.read_waveform(utterance(content), sampling_rate=RATE)
    assert "\n" not in str(caught.value)
