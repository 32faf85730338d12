"""Containers: cut files are named, headers without a length are completed, other files stay as they are."""

import re
import struct

import numpy as np
import pytest
import soundfile

from librispeech_clf.audio import containers
from librispeech_clf.audio.reading import measure_length
from tests.helpers.sounds import RATE, encode, make_utterance, read

SAMPLES = np.random.default_rng(0).uniform(-0.3, 0.3, RATE)
WAV, MP3 = encode(SAMPLES, form="WAV"), encode(SAMPLES, form="MP3")
UNCOMPRESSED = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "MS_ADPCM"), ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"), ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("AU", "PCM_16"), ("AU", "ALAW"), ("W64", "PCM_16"),
    ("NIST", "PCM_16"),
]  # fmt: skip


def measure(content):
    return measure_length(make_utterance(content))


def put(content, place, form, *values):
    changed = bytearray(content)
    struct.pack_into(form, changed, place, *values)
    return bytes(changed)


def assert_refused(content, reason, *, by=read):
    with pytest.raises(ValueError, match=f"u7: .*{reason}") as caught:
        by(content)
    assert "0x" not in str(caught.value)


@pytest.mark.parametrize(("form", "subtype"), UNCOMPRESSED)
@pytest.mark.parametrize("endian", ["FILE", "BIG"])
def test_cut_file_is_named_and_whole_file_stays(form, subtype, endian):
    if endian == "BIG" and not soundfile.check_format(form, subtype, endian):
        endian = "FILE"
    content = encode(SAMPLES, form=form, subtype=subtype, endian=endian)
    assert containers.complete(content) == content
    assert len(read(content)) == pytest.approx(RATE, abs=200)
    for share in (0.4, 0.98):
        assert_refused(content[: int(len(content) * share)], "the audio is cut off", by=measure)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("riff", [0xFFFFFFFF, 0, None])
@pytest.mark.parametrize("data", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0, "file", "riff"])
def test_sizes_of_pipes_and_recorders_are_read_to_the_end(data, riff, channels):
    content = encode(np.stack([SAMPLES] * channels, axis=1), form="WAV")
    size = {"file": len(content), "riff": len(content) - 8}.get(data, data)
    recorded = put(content, content.index(b"data") + 4, "<I", size)
    recorded = recorded if riff is None else put(recorded, 4, "<I", riff)
    np.testing.assert_array_equal(read(recorded), read(content))
    assert measure(recorded) == 1.0


@pytest.mark.parametrize(
    ("form", "behind"),
    [
        ("WAV", b"LIST\4\0\0\0INFO"),
        ("NIST", b"junk" * 300),
        *(
            (form, tag + bytes(count))
            for form in ("FLAC", "OGG")
            for tag, count in ((b"TAG", 125), (b"", 1000))
        ),
        *((form, b"APETAGEX" + bytes(300)) for form in ("FLAC", "OGG")),
    ],
)
def test_what_stands_behind_the_samples_is_no_sample(form, behind):
    content = encode(SAMPLES, form=form)
    longer = content + behind
    longer = put(longer, 4, "<I", len(longer) - 8) if form == "WAV" else longer
    np.testing.assert_array_equal(read(longer), read(content))


@pytest.mark.parametrize("rate", [44100, 32000, 22050, 16000, 8000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_without_info_header_is_read_to_its_end(rate, channels, mode):
    noise = np.random.default_rng(0).normal(size=(4 * rate, channels)) * 0.1
    noise[: 2 * rate] *= 0.001
    content = encode(noise, rate, "MP3", bitrate_mode=mode, compression_level=0.5)
    bare = content[content.index(content[:2], 4) :]
    for tagged in (bare, b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + bare, bare + b"TAG" + bytes(125)):
        assert measure(tagged) == pytest.approx(4, abs=0.2)
        assert len(read(tagged)) / RATE == pytest.approx(4, abs=0.2)


def test_mp3_with_info_header_stays_and_is_cut_by_it():
    assert containers.complete(MP3) == MP3
    assert len(read(MP3)) == RATE
    for end in (len(MP3) // 3, len(MP3) - 300, len(MP3) - 7):
        assert_refused(MP3[:end], "the audio is cut off")
    # The header declares one part of two
    assert len(read(MP3 + MP3)) / RATE == pytest.approx(2, abs=0.25)


def test_length_of_an_mp3_is_told_without_noise(capfd):
    noise = np.random.default_rng(0).normal(size=5 * RATE) * 0.1
    assert measure(encode(noise, form="MP3", bitrate_mode="CONSTANT", compression_level=0.5)) == 5.0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16")])
def test_length_of_a_cut_file_is_not_told(form, subtype, share):
    content = encode(SAMPLES, form=form, subtype=subtype)
    assert measure(content) == 1.0
    cut = content[: int(len(content) * share)]
    assert_refused(cut, "the audio (is cut off|cannot be decoded)", by=measure)


STUMPS = (
    b"RIFF",
    b"RIFF\0\0\0\0WAVEdata",
    b"RF64" + b"\xff" * 40,
    b"FORM",
    b".snd",
    b"NIST_1A\n   x",
    b"OggS",
)
STUMPS += (b"caff", b"ID3", b"ID3" + b"\x7f" * 20, b"\xff\xfb", b"riff.\x91\xcf\x11" + bytes(50))
NOTHING = encode(SAMPLES[:0], form="WAV")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        *((content, "the audio (is cut off|cannot be decoded|has no samples)") for content in STUMPS),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "`git lfs pull`"),
        (NOTHING, "the audio has no samples"),
        (NOTHING + b"LIST\4\0\0\0INFO", "the audio has no samples"),
        (encode([*SAMPLES[:9], np.nan], form="WAV", subtype="FLOAT"), "NaN or infinity"),
        (encode([*SAMPLES[:9], 1e30], form="WAV", subtype="FLOAT"), "full scale is 1"),
    ],
)
def test_stumps_and_what_is_no_sound_are_named(content, reason):
    assert_refused(content, reason)
    assert_refused(content, reason, by=measure)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_damaged_ogg_is_named_instead_of_read_in_part(subtype):
    content = encode(np.tile(SAMPLES, 12), form="OGG", subtype=subtype)
    starts = [match.start() for match in re.finditer(b"OggS", content)] + [len(content)]
    pages = [content[start:end] for start, end in zip(starts, starts[1:], strict=False)]
    assert len(pages) > 4 and containers.complete(content) == content
    flipped = put(content, starts[3] + len(pages[3]) // 2, "<I", 12345)
    hole = b"".join(pages[:3]) + pages[3][100:] + b"".join(pages[4:])
    for damaged, reason in ((flipped, "damaged"), (hole, "cut off"), (content * 2, "several Ogg streams")):
        assert_refused(damaged, reason)
    for number in range(2, len(pages)):
        assert_refused(b"".join(pages[:number] + pages[number + 1 :]), "cut off")


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_whose_samples_are_not_those_of_its_checksum_is_named(subtype, channels):
    content = encode(np.stack([SAMPLES] * channels, axis=1), subtype=subtype)
    assert len(read(content)) == RATE
    fewer = put(content, 22, ">I", RATE // 2)
    assert_refused(fewer, "checksum")
    assert len(read(fewer[:26] + bytes(16) + fewer[42:])) == RATE // 2
