"""What the page holds of a recording: bytes that decoded as audio, in a container that browsers play."""

import io
import struct
import warnings

import numpy as np
import pytest
import soundfile

from librispeech_clf.local.report import page, playback, recordings

TONE = (0.1 * np.sin(np.arange(16000) / 10)).astype(np.float32)


def encode(samples=TONE, rate=16000, form="WAV", subtype=None) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=form, subtype=subtype)
    return target.getvalue()


def claim_length(samples: int) -> bytes:
    """A FLAC file of one second whose header claims another length (36 bits from bit 172 on)."""
    content = bytearray(encode(np.zeros(16000, np.float32), form="FLAC"))
    content[21] = (content[21] & 0xF0) | samples >> 32
    content[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(content)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAVEX", "PCM_24"),
        ("FLAC", None),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
    ],
)
def test_what_browsers_play_stays_as_it_is(form, subtype):
    content = encode(form=form, subtype=subtype)
    assert playback.make_playable(content)["content"] == content


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("AIFF", None),
        ("AU", None),
        ("W64", None),
        ("CAF", None),
        ("NIST", None),
        ("RF64", None),
        ("WAV", "DOUBLE"),
        ("WAV", "IMA_ADPCM"),
    ],
)
def test_other_containers_become_flac_of_the_same_samples(form, subtype):
    content = encode(form=form, subtype=subtype)
    held = playback.make_playable(content)["content"]
    assert recordings.guess_audio_type(held) == ("flac", "audio/flac")
    samples, rate = soundfile.read(io.BytesIO(held))
    expected = soundfile.read(io.BytesIO(content))[0]
    assert rate == 16000
    assert samples == pytest.approx(expected, abs=2**-15)


@pytest.mark.parametrize("claimed", [0, 2**36 - 1, 2**36 - 2**20, 2**31, 2**32 - 1, 16001])
def test_length_that_a_header_claims_does_not_count(claimed):
    playable = playback.make_playable(claim_length(claimed))
    assert playable["picture"]["duration_s"] == 1.0
    assert soundfile.info(io.BytesIO(playable["content"])).frames == 16000


@pytest.mark.parametrize("rate", [1, 2, 7, 999, 768001, 2**31 - 1])
def test_rate_of_no_recording_is_a_problem(rate):
    content = bytearray(encode(TONE[:200]))
    content[24:28] = struct.pack("<I", rate)
    assert f"{rate} Hz" in playback.make_playable(bytes(content))["problem"]


@pytest.mark.parametrize("rate", [1000, 1001, 8000, 11025, 44100, 192000, 768000])
def test_rates_of_recordings_are_drawn(rate):
    assert playback.make_playable(encode(rate=rate))["picture"]["highest_hz"] == min(8000, rate // 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_sample_that_is_no_number_is_a_problem(value):
    samples = TONE.copy()
    samples[5] = value
    assert playback.make_playable(encode(samples, subtype="FLOAT")) == {
        "problem": "The audio cannot be drawn: the file holds NaN or infinity"
    }


@pytest.mark.parametrize("value", [2.0, 1e10, 1e30, 1e38, -3.4e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_enormous_samples_are_drawn_without_a_warning(value, channels):
    samples = np.stack([TONE] * channels, axis=1)
    samples[7] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = playback.make_playable(encode(samples, subtype="FLOAT"))["picture"]
    assert picture["peak"] == pytest.approx(abs(value), rel=0.01)


@pytest.mark.parametrize(
    "content",
    [
        b"TOP-SECRET-KEY-0123456789" * 4,
        b"RIFF" + b"secret" * 100,
        b"fLaC" + b"secret" * 100,
        b"OggS" + b"secret" * 100,
        b"ID3" + b"secret" * 100,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(5000),
        encode(form="MAT5"),
        encode(form="VOC"),
        encode(np.zeros(0, np.float32)),
    ],
)
def test_nothing_of_a_file_that_is_no_audio(content):
    assert set(playback.make_playable(content)) == {"problem"}


def test_longer_than_the_limit_is_a_problem(monkeypatch):
    monkeypatch.setattr(playback, "MOST_SAMPLES", 15999)
    assert "more than 15999 samples" in playback.make_playable(encode())["problem"]


def test_many_channels_become_one():
    samples = np.stack([TONE] * 12, axis=1)
    held = playback.make_playable(encode(samples, form="AIFF"))["content"]
    assert soundfile.info(io.BytesIO(held)).channels == 1


@pytest.mark.parametrize(("prefix", "found"), [(b"", True), (b"ID3\x03\0\0\0\0\0\0", True), (b"\0", False)])
def test_mp3_is_known_by_its_first_bytes(prefix, found):
    content = prefix + encode(form="MP3")
    assert playback.is_mp3(content) == found
    assert (recordings.guess_audio_type(content) == ("mp3", "audio/mpeg")) == found


def test_large_mp3_lies_beside_the_page_under_its_own_ending(tmp_path, make_results):
    content = encode(form="MP3")
    page.write_page(tmp_path / "p.html", make_results(2), audio=lambda _: content, audio_limit_bytes=10)
    assert {path.suffix for path in (tmp_path / "audio").iterdir()} == {".mp3", ".js"}
    page.write_page(tmp_path / "p.html", make_results(2), audio=None)
    assert list((tmp_path / "audio").iterdir()) == []
