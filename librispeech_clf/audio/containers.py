"""Check that an audio file is whole: libsndfile and libmpg123 read a truncated one as a shorter recording.

libsndfile's log says where a header declares more bytes than exist; Ogg and MP3 need checks of their own. Headers
that were written before the length was known (by a pipe or a recorder) are completed.

Sources: RFC 3533 (Ogg pages), ISO 11172-3 and LAME's Xing header (MP3).
"""

from __future__ import annotations

import math
import re
import struct
import zlib

from librispeech_clf.atomic_write import LFS_POINTER

UNKNOWN_SIZE = 0x7FFF_0000
"""Declared sizes from here on are placeholders: writers that cannot seek use 2**31 - 1, 2**32 - 1 or a little less."""
SIZES = re.compile(r"^ *(RIFF|data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""A line of libsndfile's log for WAV, AIFF, AU, W64 (which logs RIFF sizes in lower case) or RF64."""
CUT = "the audio is cut off: its header declares {declared} bytes, {actual} exist; restore the file."
FIRST_PAGE, LAST_PAGE = 2, 4
HEADER_BYTES = range(8, 45)
BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
MPEG1_RATES = (44100, 48000, 32000)
MOST_FRAMES = 2**31 - 1


def complete(content: bytes) -> bytes:
    """Return an audio file that libsndfile reads to its end: the same bytes, or with an open length filled in.

    Raises:
        ValueError: a page of an Ogg file is damaged or missing, or the file is a Git LFS pointer; the message lacks
            the utterance's name.
    """
    if content.startswith(LFS_POINTER):
        raise ValueError("the audio is only a Git LFS pointer; get the file with `git lfs pull`.")
    if content[:4] == b"RIFF" and (place := content.find(b"data\0\0\0\0", 0, 4096) + 8) > 8:
        # A recorder that was stopped leaves 0. What follows is samples, unless it is a chunk.
        next_size = int.from_bytes(content[place + 4 : place + 8], "little")
        is_chunk = re.match(rb"[ -~]{4}", content[place:]) and place + 8 + next_size <= len(content)
        return content if is_chunk else content[: place - 4] + b"\xff" * 4 + content[place:]
    if content.startswith(b"NIST_1A\n"):
        return _trim_nist(content)
    if content[:4] == b"OggS":
        _check_pages(content)
    return _complete_mp3(content)


def find_cut(content: bytes, log: str) -> str | None:
    """Say why a file is not whole, from what libsndfile logged when opening it; None: it is whole."""
    for name, declared, actual in ((name, int(a), int(b)) for name, a, b in SIZES.findall(log)):
        if name == "RIFF" or declared >= UNKNOWN_SIZE:
            continue
        # Recorders count the header, or parts of it, as samples. In a whole file, the RIFF size is right.
        (riff,) = struct.unpack_from("<I", content, 4)
        counts_header = declared - actual in HEADER_BYTES and riff == len(content) - 8
        if name == "data" and (counts_header or declared in (len(content), len(content) - 8)):
            continue
        if declared > actual or name == "riff":
            return CUT.format(declared=declared, actual=actual)
    return None


def _trim_nist(content: bytes) -> bytes:
    """Return a NIST file without what follows its samples; raise if any samples are missing."""
    header = dict(re.findall(rb"^(\w+) -i (\d+)", content[:1024], re.MULTILINE))
    numbers = [header.get(key) for key in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    if None in numbers or not content[8:16].strip().isdigit():
        return content
    declared = math.prod(int(number or 0) for number in numbers)
    end = int(content[8:16]) + declared
    if end > len(content):
        raise ValueError(CUT.format(declared=declared, actual=max(0, len(content) - end + declared)))
    return content[:end]


def _check_pages(content: bytes) -> None:
    """Raise if a page is damaged or missing, or a second stream follows: libogg skips what it cannot use."""
    offset, ended = 0, False
    following: dict[bytes, int] = {}
    while content[offset : offset + 4] == b"OggS":
        table = (
            content[offset + 27 : offset + 27 + content[offset + 26]] if len(content) > offset + 26 else b""
        )
        page = content[offset : offset + 27 + len(table) + sum(table)]
        if len(page) < 27 or len(table) < page[26] or len(page) < 27 + len(table) + sum(table):
            raise ValueError("the audio is cut off within its last Ogg page; restore the file.")
        stream, number, checksum = struct.unpack_from("<4sII", page, 14)
        # RFC 3533's CRC takes the most significant bit first, from 0; zlib's the least, and inverts start and end.
        blank = (page[:22] + bytes(4) + page[26:]).translate(BITS_REVERSED)
        if int(f"{zlib.crc32(blank, 0xFFFF_FFFF) ^ 0xFFFF_FFFF:032b}"[::-1], 2) != checksum:
            raise ValueError(
                f"the audio cannot be decoded (damaged Ogg page at byte {offset}); restore the file."
            )
        if ended and page[5] & FIRST_PAGE:
            raise ValueError(
                "the audio cannot be decoded (several Ogg streams in a row); encode it again as one."
            )
        if number != following.get(stream, number):
            raise ValueError(
                f"the audio is cut off: Ogg pages before byte {offset} are missing; restore the file."
            )
        following[stream], ended = number + 1, bool(page[5] & LAST_PAGE)
        offset += len(page)
    if not ended or b"OggS" in content[offset:]:
        raise ValueError(f"the audio is cut off: no Ogg page at byte {offset}; restore the file.")


def _complete_mp3(content: bytes) -> bytes:
    """Return an MP3 that is read to its end: of unknown length if its Info header is missing or covers only a part.

    libsndfile stops at the length that libmpg123 estimates from the first frame's bit rate.
    """
    start = 0
    while content[start : start + 3] == b"ID3" and len(content) >= start + 10:
        tag_size = zip(content[start + 6 : start + 10], (21, 14, 7, 0), strict=True)
        start += 10 + sum(byte << shift for byte, shift in tag_size)
    head = content[start : start + 4]
    version, rate = (head[1] >> 3 & 3, head[2] >> 2 & 3) if len(head) == 4 else (1, 3)
    if version == 1 or rate == 3 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[2] >> 4 in (0, 15):
        return content
    mono = head[3] >> 6 == 3
    place = 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))
    info = content[start + place : start + place + 16]
    if info[:4] in (b"Xing", b"Info") and len(info) == 16:
        flags, _, size = struct.unpack(">III", info[4:])
        if flags & 3 != 3 or len(content) - start < 1.5 * size:
            return content
        return content[: start + place + 8] + struct.pack(">I", MOST_FRAMES) + content[start + place + 12 :]
    # A frame of 64 kbit/s, large enough for the header, without a checksum.
    head = bytes([0xFF, head[1] | 1, (5 if version == 3 else 8) << 4 | head[2] & 0x0C, head[3]])
    per_second = 144 * 64000 if version == 3 else 72 * 64000
    size = per_second // (MPEG1_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version])
    frame = head + bytes(place - 4) + struct.pack(">4sII", b"Xing", 1, MOST_FRAMES)
    return frame + bytes(size - len(frame)) + content[start:]
