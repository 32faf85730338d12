"""Bad recordings by name, made of one second of sound by mutations of ten file formats, and what must come of them.

The part of a name before the first "-" is the format. An outcome is `SAME`, a number of seconds, or a pattern of the
reason for which the recording fails.
"""

import struct
from pathlib import Path

import numpy as np

from tests.helpers import sounds
from tests.helpers.sounds import RATE

SAME = "same"
"""Evaluated like the intact recording of the same format, to the last digit."""
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "float": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
}
UNREADABLE = "cut off|cannot be decoded"
CHECKSUMMED = ("flac", "ogg", "opus")
HEADER_COUNTS = ("wav", "float", "aiff", "au", "w64", "caf")
"""Formats whose header declares the number of bytes."""


def make_sound(seconds: float = 1.0) -> np.ndarray:
    """A tone that swells and falls four times a second, in noise."""
    times = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(22).normal(0, 0.02, len(times))
    return 0.4 * np.sin(2 * np.pi * 330 * times) * np.abs(np.sin(2 * np.pi * 2 * times)) + noise


def encode(samples: np.ndarray, kind: str, *, rate: int = RATE) -> bytes:
    """Encode samples in one of `FORMATS`."""
    return sounds.encode(samples, rate, *FORMATS[kind])


def flip(content: bytes, place: float, count: int = 1) -> bytes:
    """Invert bytes at a place in [0, 1)."""
    start = int(len(content) * place)
    end = start + count
    return content[:start] + bytes(byte ^ 0xFF for byte in content[start:end]) + content[end:]


def put(content: bytes, offset: int, form: str, *values: float) -> bytes:
    """Put numbers over the bytes at an offset."""
    packed = struct.pack(form, *values)
    return content[:offset] + packed + content[offset + len(packed) :]


def mutate_formats() -> dict[str, tuple]:
    """Cut, broken and lengthened files of every format."""
    made = {}
    for kind in FORMATS:
        whole = encode(make_sound(), kind)
        made |= {
            f"{kind}-half": (whole[: len(whole) // 2], UNREADABLE),
            f"{kind}-start-only": (whole[:20], UNREADABLE),
            f"{kind}-without-its-start": (whole[16:], UNREADABLE),
            # libsndfile takes a CAF file without its last sample for a whole one.
            f"{kind}-last-byte-missing": (whole[:-1], 1 - 1 / RATE if kind == "caf" else UNREADABLE),
            f"{kind}-hole": (whole[: len(whole) // 3] + whole[len(whole) // 2 :], UNREADABLE),
        }
        if kind in HEADER_COUNTS:
            # libsndfile reads a W64 file on into what stands behind its samples.
            made[f"{kind}-junk-behind"] = whole + b"junk" * 300, UNREADABLE if kind == "w64" else SAME
        if kind in CHECKSUMMED:
            made[f"{kind}-flipped"] = flip(whole, 0.6, 40), UNREADABLE
    return made


def mutate_wav_headers() -> dict[str, tuple]:
    """Headers of RIFF that declare what is not so."""
    whole = encode(make_sound(), "wav")
    end = len(whole) - 44
    return {
        "wav-streamed": (put(put(whole, 4, "<I", 2**32 - 1), 40, "<I", 2**32 - 1), SAME),
        "wav-streamed-zero": (put(put(whole, 4, "<I", 0), 40, "<I", 0), SAME),
        "wav-riff-size-wrong": (put(whole, 4, "<I", 9), SAME),
        "wav-claims-the-file's-length": (put(whole, 40, "<I", len(whole)), SAME),
        "wav-claims-nothing": (put(whole, 40, "<I", 0), SAME),
        "wav-claims-more": (put(whole, 40, "<I", end + 2), UNREADABLE),
        "wav-claims-gigabytes": (put(whole, 40, "<I", 2**31 - 2**20), UNREADABLE),
        "wav-0-channels": (put(whole, 22, "<H", 0), UNREADABLE),
        "wav-60000-channels": (put(whole, 22, "<H", 60_000), UNREADABLE),
        "wav-0-hz": (put(whole, 24, "<I", 0), f"{UNREADABLE}|0 Hz"),
        "wav-1-hz": (put(whole, 24, "<I", 1), "1 Hz, but speech needs"),
        "wav-unknown-codec": (put(whole, 20, "<H", 0x1234), UNREADABLE),
        "wav-0-bits": (put(whole, 34, "<H", 0), UNREADABLE),
        "wav-header-only": (put(put(whole[:44], 4, "<I", 36), 40, "<I", 0), "no samples"),
    }


def mutate_flac_headers() -> dict[str, tuple]:
    """Stream descriptions of FLAC that declare what is not so; bytes 18 to 25 hold rate, channels, bits, samples."""
    whole = encode(make_sound(), "flac")
    packed = int.from_bytes(whole[18:26], "big")

    def change(rate: int | None = None, samples: int | None = None) -> bytes:
        value = packed if rate is None else packed & ((1 << 44) - 1) | rate << 44
        value = value if samples is None else value >> 36 << 36 | samples
        return whole[:18] + value.to_bytes(8, "big") + whole[26:]

    return {
        "flac-length-unknown": (change(samples=0), SAME),
        "flac-claims-2^36-1": (change(samples=2**36 - 1), UNREADABLE),
        "flac-claims-one-more": (change(samples=RATE + 1), UNREADABLE),
        "flac-claims-fewer": (change(samples=RATE // 2), UNREADABLE),
        "flac-0-hz": (change(rate=0), f"{UNREADABLE}|0 Hz"),
        "flac-id3v1-behind": (whole + b"TAG" + bytes(125), SAME),
        "flac-apev2-behind": (whole + b"APETAGEX" + bytes(200), SAME),
        "flac-no-frames": (whole[:42], UNREADABLE),
    }


def make_impossible_samples() -> dict[str, tuple]:
    """Samples that are no sound, and too few or too many of them."""
    sound, impossible = make_sound(), {}
    for name, value in (("nan", np.nan), ("inf", np.inf), ("-inf", -np.inf), ("1e30", 1e30), ("1e38", 1e38)):
        samples = np.where(np.arange(RATE) == 777, value, sound)
        impossible[f"float-{name}"] = encode(samples, "float"), "NaN or infinity|full scale is 1"
    return impossible | {
        "float-empty": (encode(sound[:0], "float"), "no samples"),
        "wav-one-sample": (encode(sound[:1], "wav"), 1 / RATE),
        "wav-100-samples": (encode(sound[:100], "wav"), 100 / RATE),
        "wav-silence": (encode(np.zeros(RATE), "wav"), 1.0),
        "wav-constant": (encode(np.full(RATE, 0.5), "wav"), 1.0),
        "wav-too-long": (encode(make_sound(36.0), "wav"), "audio.max_samples"),
        "wav-two-channels": (encode(np.stack([sound] * 2, axis=1), "wav"), SAME),
        "wav-255-channels": (encode(np.zeros((16, 255)), "wav"), 16 / RATE),
    }


def make_foreign_files() -> dict[str, tuple]:
    """Files of other kinds under a recording's name."""
    random = np.random.default_rng(5).bytes
    contents = {
        "nothing": b"",
        "one-byte": b"R",
        "text": b"THIS IS NO SOUND\n" * 50,
        "page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "json": b'{"audio": []}',
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "zeros": bytes(100_000),
        "random": random(100_000),
        "picture": b"\x89PNG\r\n\x1a\n" + random(500),
        "archive": b"PK\x03\x04" + random(500),
        "utf-16": "\ufeffNO SOUND".encode("utf-16"),
        "riff-of-video": b"RIFF" + struct.pack("<I", 500) + b"AVI LIST" + random(500),
        "id3-only": b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10),
        "ogg-page-only": b"OggS\x00\x02" + bytes(21) + b"\x01\x1e" + bytes(30),
    }
    return {f"file-{name}": (content, f"{UNREADABLE}|git lfs pull") for name, content in contents.items()}


BAD_RECORDINGS = (
    mutate_formats()
    | mutate_wav_headers()
    | mutate_flac_headers()
    | make_impossible_samples()
    | make_foreign_files()
)


def write_recordings(folder: Path) -> None:
    """Write bad and intact recordings with a table."""
    files = {name: content for name, (content, _) in BAD_RECORDINGS.items()}
    files |= {f"{kind}-intact": encode(make_sound(), kind) for kind in FORMATS}
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.audio").write_bytes(content)
    rows = [f"{name}.audio,{name},A TONE\n" for name in sorted(files)]
    (folder / "metadata.csv").write_text("file_name,id,text\n" + "".join(rows))
