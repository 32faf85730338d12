"""What the page holds of a recording: audio that browsers play, and pictures known in advance."""

import base64
import io
import struct
import warnings

import numpy as np
import pytest
import soundfile
from PIL import Image

from librispeech_clf.local.report import recordings
from librispeech_clf.local.report.page import write_page


def sine(frequency_hz: float, *, amplitude: float = 0.5, count: int = 16000) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(count) / 16000)).astype(np.float32)


TONE = sine(250.0, amplitude=0.1)


def encode(samples=TONE, rate=16000, kind="WAV") -> bytes:
    """Encode samples in a container, and a kind of samples, of soundfile."""
    target = io.BytesIO()
    form, subtype = (*kind.split(), None)[:2]
    soundfile.write(target, samples, rate, format=form, subtype=subtype)
    return target.getvalue()


@pytest.mark.parametrize(
    "kind", ["WAV PCM_16", "WAV FLOAT", "WAVEX PCM_24", "FLAC", "OGG VORBIS", "OGG OPUS", "MP3"]
)
def test_what_browsers_play_stays_as_it_is(kind):
    content = encode(kind=kind)
    assert recordings.make_playable(content)["content"] == content


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        ("AIFF", 12),
        *((kind, 1) for kind in ("AIFF", "AU", "W64", "CAF", "NIST", "RF64", "WAV DOUBLE", "WAV IMA_ADPCM")),
    ],
)
def test_other_containers_become_flac_of_the_same_samples_in_one_channel(kind, channels):
    content = encode(np.stack([TONE] * channels, axis=1), kind=kind)
    held = recordings.make_playable(content)["content"]
    assert recordings.guess_audio_type(held) == ("flac", "audio/flac")
    samples, rate = soundfile.read(io.BytesIO(held))
    assert rate == 16000
    expected = soundfile.read(io.BytesIO(content), always_2d=True)[0].mean(axis=1)
    assert samples == pytest.approx(expected, abs=2**-15)


@pytest.mark.parametrize("claimed", [0, 2**36 - 1, 2**31, 2**32 - 1, 16001])
def test_length_that_a_header_claims_does_not_count(claimed):
    content = bytearray(encode(np.zeros(16000, np.float32), kind="FLAC"))
    content[21] = (content[21] & 0xF0) | claimed >> 32  # 36 bits from bit 172 on
    content[22:26] = struct.pack(">I", claimed & 0xFFFFFFFF)
    playable = recordings.make_playable(bytes(content))
    assert playable["picture"]["duration_s"] == 1.0
    assert soundfile.info(io.BytesIO(playable["content"])).frames == 16000


def claim_rate(rate: int) -> bytes:
    """A WAV file whose header claims a sampling rate."""
    content = bytearray(encode(TONE[:200]))
    content[24:28] = struct.pack("<I", rate)
    return bytes(content)


def append(value: float) -> bytes:
    return encode(np.append(TONE, np.float32(value)), kind="WAV FLOAT")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        *((claim_rate(rate), f"{rate} Hz") for rate in (1, 999, 768001, 2**31 - 1)),
        *((append(value), "NaN or infinity") for value in (np.nan, np.inf, -np.inf)),
        (encode(np.zeros(20001)), "more than 20000 samples"),
        (b"TOP-SECRET-KEY-0123456789" * 4, ""),
        *((start + b"secret" * 100, "") for start in (b"RIFF", b"fLaC", b"OggS", b"ID3")),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), ""),
        (bytes(5000), ""),
        *((encode(kind=kind), "") for kind in ("MAT5", "VOC")),
        (encode(np.zeros(0, np.float32)), ""),
    ],
)
def test_nothing_of_a_file_that_is_no_audio_but_what_is_wrong(monkeypatch, content, problem):
    monkeypatch.setattr(recordings, "MOST_SAMPLES", 20_000)
    playable = recordings.make_playable(content)
    assert set(playable) == {"problem"} and problem in playable["problem"]


@pytest.mark.parametrize("rate", [1000, 1001, 11025, 192000, 768000])
def test_rates_of_recordings_are_drawn(rate):
    assert recordings.make_playable(encode(rate=rate))["picture"]["highest_hz"] == min(8000, rate // 2)


@pytest.mark.parametrize("value", [2.0, 1e10, 1e38, -3.4e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_enormous_samples_are_drawn_without_a_warning(value, channels):
    samples = np.stack([TONE] * channels, axis=1)
    samples[7] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = recordings.make_playable(encode(samples, kind="WAV FLOAT"))["picture"]
    assert picture["peak"] == pytest.approx(abs(value), rel=0.01)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"RIFFrest", ("wav", "audio/wav")),
        (b"fLaCrest", ("flac", "audio/flac")),
        (b"OggSrest", ("ogg", "audio/ogg")),
        (b"????rest", ("wav", "audio/wav")),
        (encode(kind="MP3"), ("mp3", "audio/mpeg")),
        (b"ID3\x03\0\0\0\0\0\0" + encode(kind="MP3"), ("mp3", "audio/mpeg")),
        (b"\0" + encode(kind="MP3"), ("wav", "audio/wav")),
        (b"", ("wav", "audio/wav")),
    ],
)
def test_type_by_the_first_bytes(content, expected):
    assert recordings.guess_audio_type(content) == expected


def test_large_mp3_lies_beside_the_page_under_its_own_ending(tmp_path, make_results):
    content = encode(kind="MP3")
    write_page(tmp_path / "p.html", make_results(2), audio=lambda _: content, audio_limit_bytes=10)
    assert {path.suffix for path in (tmp_path / "audio" / "000").iterdir()} == {".mp3", ".js"}


@pytest.mark.parametrize("limit_bytes", [10, 10**9])
def test_every_recording_is_read_once_progress_told_and_broken_ones_explained(
    tmp_path, make_audio, limit_bytes
):
    audio, asked, finished = make_audio(), [], []

    def provide(utterance_id):
        asked.append(utterance_id)
        return {"40": None, "41": b"not audio"}.get(utterance_id, audio)

    ids = [str(number) for number in range(70)]
    entry, blocks = recordings.place_recordings(
        tmp_path / "audio", ids, provide, limit_bytes=limit_bytes, advance=finished.append
    )
    assert asked == ids and sum(finished) == 70
    if limit_bytes == 10:
        assert [row for row, name in enumerate(entry["scripts"]) if not name] == [40]
        assert entry["scripts"][69].startswith("audio/000/000069")
    else:
        assert [block["row"] for block in blocks] == [row for row in range(70) if row != 40]
        assert blocks[40]["problem"].startswith("The audio cannot be drawn")


def test_envelope_fills_the_height_by_quiet_speech_and_not_by_silence():
    for amplitude in (0.9, 0.001):
        envelope = recordings.compute_envelope(sine(440.0, amplitude=amplitude), columns=100)
        assert envelope.shape == (100, 2)
        assert envelope[:, 1].min() > 120 and envelope[:, 0].max() < -120
    assert not recordings.compute_envelope(np.zeros(10, np.float32)).any()
    assert recordings.compute_envelope(np.array([0.2], np.float32)).tolist() == [[127, 127]]


def test_spectrogram_has_its_energy_in_the_sines_row_and_any_length():
    levels, highest_hz = recordings.compute_spectrogram(sine(2000.0), sampling_rate=16000)
    assert highest_hz == 8000 and levels.shape == (128, 100)
    assert set(levels.argmax(axis=0)[5:-5]) <= {31, 32}
    for count in (1, 40, 16000 * 35):
        levels, _ = recordings.compute_spectrogram(sine(300.0, count=count), sampling_rate=16000)
        assert np.isfinite(levels).all() and 1 <= levels.shape[1] <= 800


def test_picture_of_a_file(make_audio):
    picture = recordings.make_playable(make_audio(duration_s=2.0, amplitude=0.25))["picture"]
    assert picture["duration_s"] == 2.0
    assert picture["peak"] == pytest.approx(0.25, abs=1e-3)
    assert len(base64.b64decode(picture["envelope"])) == 2 * picture["columns"]
    assert Image.open(io.BytesIO(base64.b64decode(picture["spectrogram"]))).size == (200, 128)
