"""Audio containers: whether a file's bytes are those that its header declares, and where it really ends.

libsndfile reads a WAV, AIFF, AU, W64, NIST or CAF file that was cut off as a shorter one, and estimates the
length of an MP3 without an Info header. Here the header is compared with the bytes there are. A header that
was written before its length was known (a pipe, a recorder) is completed.

Sources: the chunk layouts of RIFF, RF64 (EBU Tech 3306), AIFF, W64, CAF; RFC 3533 for Ogg; ISO 11172-3 for MP3.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from librispeech_clf.atomic_write import LFS_POINTER

UNKNOWN_SIZE = 0x7FFF_0000
"""Sizes from here on are placeholders: writers that cannot go back use 2**31 - 1, 2**32 - 1 or a little less."""
W64_RIFF, W64_DATA = b"riff.\x91\xcf\x11", b"data\xf3\xac\xd3\x11"
FIRST_PAGE, LAST_PAGE = 2, 4
"""Flags of an Ogg page."""
BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
KBPS_OF_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBPS_OF_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def complete(content: bytes) -> bytes:
    """Return an audio file whose header tells its length, the same bytes where it does already.

    Args:
        content: the whole file, in any format.

    Returns:
        The file; with sizes filled in where the header left them open, an MP3 without (or with a wrong) Info
        header with a right one.

    Raises:
        ValueError: the file is cut off, a page of an Ogg file is damaged or missing, or a Git LFS pointer stands
            for the file; without the utterance's name.
    """
    if content.startswith(LFS_POINTER):
        raise ValueError("a Git LFS pointer stands for the audio; get the file with `git lfs pull`.")
    start = content[:4]
    if start in (b"RIFF", b"RIFX", b"RF64"):
        return _complete_riff(content)
    if start == b"FORM":
        return _complete_aiff(content)
    declared = _declared_bytes(content)
    if declared is not None:
        offset, size = declared
        _refuse_cut(size, len(content) - offset)
        if content[:8] == W64_RIFF:  # libsndfile reads on into whatever stands behind
            return content[: offset + -(-size // 8) * 8]
    if start == b"OggS":
        _check_pages(content)
    return _complete_mp3(content) if find_mp3(content) is not None else content


def find_mp3(content: bytes) -> int | None:
    """Where the first MP3 frame starts, behind ID3 tags; None when it is no MP3."""
    start = 0
    while content[start : start + 3] == b"ID3" and len(content) >= start + 10:
        start += 10 + sum(
            byte << shift for byte, shift in zip(content[start + 6 : start + 10], (21, 14, 7, 0), strict=True)
        )
    size = _mp3_frame_size(content, start)
    if size is None:
        return None
    following = start + size
    return start if following >= len(content) or _mp3_frame_size(content, following) else None


def _complete_riff(content: bytes) -> bytes:
    order = ">" if content[:4] == b"RIFX" else "<"
    for name, offset, size in _chunks(content, order):
        if name == b"ds64" and len(content) >= offset + 16:
            (sixty_four_bits,) = struct.unpack_from("<Q", content, offset + 8)
        if name != b"data":
            continue
        there = len(content) - offset
        if content[:4] == b"RF64" and size == 0xFFFF_FFFF:
            _refuse_cut(sixty_four_bits, there)
            return content
        if size >= UNKNOWN_SIZE or (size == 0 and there and content[4:8] in (bytes(4), b"\xff" * 4)):
            return _fill_in(content, order, offset, there, {})
        _refuse_cut(size, there)
        break
    return content


def _complete_aiff(content: bytes) -> bytes:
    frame_count: dict[int, int] = {}
    channels_and_bits, frames_at = (1, 16), 0
    for name, offset, size in _chunks(content, ">"):
        if name == b"COMM" and len(content) >= offset + 8:
            channels, _, bits = struct.unpack_from(">hIh", content, offset)
            channels_and_bits, frames_at = (max(1, channels), max(8, bits)), offset + 2
        if name == b"SSND":
            there = len(content) - offset
            if size < UNKNOWN_SIZE:
                _refuse_cut(size, there)
                break
            bytes_per_frame = channels_and_bits[0] * ((channels_and_bits[1] + 7) // 8)
            frame_count = {frames_at: (there - 8) // bytes_per_frame} if frames_at else {}
            return _fill_in(content, ">", offset, there, frame_count)
    return content


def _chunks(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset of the content and declared size of every chunk of a RIFF or IFF file."""
    offset = 12
    while offset + 8 <= len(content):
        (size,) = struct.unpack_from(f"{order}I", content, offset + 4)
        yield content[offset : offset + 4], offset + 8, size
        offset += 8 + size + size % 2


def _fill_in(content: bytes, order: str, offset: int, size: int, more: dict[int, int]) -> bytes:
    """Write the sizes of the file and of the chunk at `offset`, and other 32-bit numbers, into the header."""
    filled = bytearray(content)
    for place, value in {4: len(content) - 8, offset - 4: size, **more}.items():
        struct.pack_into(f"{order}I", filled, place, value)
    return bytes(filled)


def _declared_bytes(content: bytes) -> tuple[int, int] | None:
    """Where the samples start and how many bytes the header declares; None when it does not tell."""
    if content[:4] in (b".snd", b"dns.") and len(content) >= 12:
        offset, size = struct.unpack_from(">II" if content[:4] == b".snd" else "<II", content, 4)
        return None if size >= UNKNOWN_SIZE else (offset, size)
    if content[:8] == b"NIST_1A\n":
        return _nist_bytes(content)
    if content[:8] == W64_RIFF:
        return _find_chunk(content, 40, W64_DATA, 16, "<Q", -24, 8)
    if content[:4] == b"caff":
        found = _find_chunk(content, 8, b"data", 4, ">q", 0, 1)
        return None if found is None or found[1] < 0 else found
    return None


def _find_chunk(
    content: bytes, offset: int, name: bytes, size_at: int, form: str, surplus: int, alignment: int
) -> tuple[int, int] | None:
    """The content of the chunk of that name in a file of 64-bit chunks: where it starts, its declared size."""
    while offset + size_at + 8 <= len(content):
        (size,) = struct.unpack_from(form, content, offset + size_at)
        start, size = offset + size_at + 8, size + surplus
        if content[offset : offset + len(name)] == name:
            return start, size
        if size < 0:
            return None
        offset = start + -(-size // alignment) * alignment
    return None


def _nist_bytes(content: bytes) -> tuple[int, int] | None:
    header = content[:1024].decode("ascii", "replace")
    values = dict(re.findall(r"^(\w+) -i (\d+)", header, re.MULTILINE))
    wanted = [values.get(key) for key in ("sample_count", "channel_count", "sample_n_bytes")]
    length = header[8:16].strip()
    if None in wanted or not length.isdecimal() or "embedded-" in header:
        return None
    count, channels, width = (int(value or 0) for value in wanted)
    return int(length), count * channels * width


def _refuse_cut(declared: int, there: int) -> None:
    if declared > there:
        raise ValueError(
            f"the audio is cut off: its header tells {declared} bytes of samples, {max(0, there)} are there; "
            "restore the file."
        )


def _check_pages(content: bytes) -> None:
    """Raise when a page of an Ogg file is damaged or missing, or a second stream follows: libogg passes both by."""
    offset, ended = 0, True
    following: dict[bytes, int] = {}
    while content[offset : offset + 4] == b"OggS":
        page = _read_page(content, offset)
        stream, (number,) = page[14:18], struct.unpack_from("<I", page, 18)
        if ended and following and page[5] & FIRST_PAGE:
            raise ValueError(
                "the audio cannot be decoded (several Ogg streams follow one another); join them by encoding anew."
            )
        if number != following.get(stream, number):
            raise ValueError(
                f"the audio is cut off: Ogg pages before byte {offset} are missing; restore the file."
            )
        following[stream], ended = number + 1, bool(page[5] & LAST_PAGE)
        offset += len(page)
    if b"OggS" in content[offset:]:
        raise ValueError(
            f"the audio cannot be decoded (no Ogg page at byte {offset}, but behind it); restore the file."
        )
    if not ended:
        raise ValueError("the audio is cut off: its last Ogg page is missing; restore the file.")


def _read_page(content: bytes, offset: int) -> bytes:
    """The Ogg page at a place."""
    segments = content[offset + 26] if offset + 27 <= len(content) else 255
    table = content[offset + 27 : offset + 27 + segments]
    end = offset + 27 + segments + sum(table)
    if len(table) < segments or end > len(content):
        raise ValueError("the audio is cut off within its last Ogg page; restore the file.")
    page = content[offset:end]
    if struct.unpack_from("<I", page, 22)[0] != _page_checksum(page):
        raise ValueError(
            f"the audio cannot be decoded (the Ogg page at byte {offset} is damaged); restore the file."
        )
    return page


def _page_checksum(page: bytes) -> int:
    """RFC 3533's checksum: CRC-32 of the most significant bit first, from 0, its own field taken as zeros.

    zlib's takes the least significant bit first, and inverts start and end.
    """
    blank = (page[:22] + bytes(4) + page[26:]).translate(BITS_REVERSED)
    reversed_checksum = zlib.crc32(blank, 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reversed_checksum:032b}"[::-1], 2)


def _complete_mp3(content: bytes) -> bytes:
    """An MP3 whose Info header tells the number of frames there are."""
    start = find_mp3(content) or 0
    places = list(_mp3_frames(content, start))
    info = start + _info_offset(content, start)
    has_info = content[info : info + 4] in (b"Xing", b"Info") and bool(
        content[info + 7 : info + 8] and content[info + 7] & 1
    )
    if has_info:
        (declared,) = struct.unpack_from(">I", content, info + 8)
        counted = len(places) - 1
        if counted < declared - 1:
            raise ValueError(
                f"the audio is cut off: its header tells {declared} MP3 frames, {counted} are there; "
                "restore the file."
            )
        if counted <= declared + 1:
            return content
        places = places[1:]
    first = places[0]
    # A frame of its own at a bit rate that surely holds the header: 64 kbit/s; protection bit set, no checksum.
    version = (content[first + 1] >> 3) & 3
    kbps = KBPS_OF_MPEG1 if version == 3 else KBPS_OF_MPEG2
    head = bytes(
        [0xFF, content[first + 1] | 1, kbps.index(64) << 4 | content[first + 2] & 0x0C, content[first + 3]]
    )
    frame = bytearray(_mp3_frame_size(head, 0) or 0)
    frame[:4] = head
    tag = struct.pack(">4sII", b"Xing", 1, len(places))
    place = _info_offset(head, 0)
    frame[place : place + len(tag)] = tag
    return bytes(frame) + content[first:]


def _mp3_frames(content: bytes, offset: int) -> Iterator[int]:
    """Where each frame starts; skips what lies between frames.

    Raises:
        ValueError: the last frame is not whole.
    """
    family = content[offset + 1] & 0xFE, content[offset + 2] & 0x0C
    while offset + 4 <= len(content):
        size = _mp3_frame_size(content, offset)
        if size is None or (content[offset + 1] & 0xFE, content[offset + 2] & 0x0C) != family:
            offset = content.find(b"\xff", offset + 1)
            if offset < 0:
                return
            continue
        if offset + size > len(content):
            raise ValueError("the audio is cut off within its last MP3 frame; restore the file.")
        yield offset
        offset += size


def _mp3_frame_size(content: bytes, offset: int) -> int | None:
    """Bytes of the MPEG layer III frame whose header is there; None when none is."""
    head = content[offset : offset + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, rate, kbps = (head[1] >> 3) & 3, (head[2] >> 2) & 3, head[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return None
    per_second = (144 if version == 3 else 72) * 1000
    table = KBPS_OF_MPEG1 if version == 3 else KBPS_OF_MPEG2
    return per_second * table[kbps] // MPEG_RATES[version][rate] + ((head[2] >> 1) & 1)


def _info_offset(content: bytes, offset: int) -> int:
    """Where an Info header lies within a frame: behind the frame's header and side information."""
    mono = content[offset + 3] >> 6 == 3
    if (content[offset + 1] >> 3) & 3 == 3:
        return 4 + (17 if mono else 32)
    return 4 + (9 if mono else 17)
