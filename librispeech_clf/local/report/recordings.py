"""The recordings of the page: inside it, or in a folder `audio/` beside it when they are too large.

In: a callable which gives an utterance's audio file. Out: records which the page's script reads, and files.
Each recording is read, decoded and drawn once, on all cores, and no more of them are held than fit the page.
"""

from __future__ import annotations

import base64
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from librispeech_clf.atomic_write import explain_disk
from librispeech_clf.local.report.playback import is_mp3, make_playable
from librispeech_clf.local.report.script_data import escape_json

AudioProvider = Callable[[str], bytes | None]
Playable = tuple[int, dict[str, Any]]
"""Row of an utterance and what `make_playable` gives."""
Advance = Callable[[int], None]
"""Told how many utterances more are finished."""

DRAWN_TOGETHER = 32
AUDIO_TYPES = {b"RIFF": ("wav", "audio/wav"), b"fLaC": ("flac", "audio/flac"), b"OggS": ("ogg", "audio/ogg")}


@dataclass(frozen=True)
class Placed:
    """Where the recordings are.

    Attributes:
        entry: `audio` of the payload: `mode` ("page", "folder" or "none") and, of a folder, its scripts.
        blocks: one record per recording inside the page.
    """

    entry: dict[str, Any]
    blocks: list[dict[str, Any]]


def place_recordings(
    folder: Path,
    ids: Sequence[str],
    audio: AudioProvider | None,
    *,
    limit_bytes: int,
    advance: Advance | None = None,
) -> Placed:
    """Prepare the recordings for the inside of the page, or write them beside it.

    Args:
        folder: of the page.
        ids: utterance ids in the order of the rows.
        audio: gives the audio file of an utterance id as bytes, or None where there is none.
        limit_bytes: largest sum of audio files kept inside the page.
        advance: see `Advance`.
    """
    if audio is None:
        return Placed({"mode": "none"}, [])
    drawn = draw_recordings(ids, audio, advance=advance)
    held, total = [], 0
    for row, playable in drawn:
        held.append((row, playable))
        total += len(playable.get("content", b""))
        if total > limit_bytes:
            scripts = write_audio_folder(folder, ids, itertools.chain(held, drawn))
            return Placed({"mode": "folder", "scripts": scripts}, [])
    return Placed({"mode": "page" if held else "none"}, [embed(*pair) for pair in held])


def draw_recordings(
    ids: Sequence[str], audio: AudioProvider, *, advance: Advance | None = None
) -> Iterator[Playable]:
    """Decode and draw the recordings on all cores, a few ahead of the reader.

    Yields:
        In the order of the rows; nothing for utterances without audio.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(ids), DRAWN_TOGETHER):
            rows = range(start, min(start + DRAWN_TOGETHER, len(ids)))
            contents = {row: content for row in rows if (content := audio(ids[row]))}
            yield from zip(contents, pool.map(make_playable, contents.values()), strict=True)
            if advance is not None:
                advance(len(rows))


def embed(row: int, playable: dict[str, Any]) -> dict[str, Any]:
    """Make the record of a recording inside the page, its file as base64."""
    block = {"row": row, **playable}
    content = block.pop("content", None)
    if content is None:
        return block
    return block | {"type": guess_audio_type(content)[1], "data": base64.b64encode(content).decode("ascii")}


def write_audio_folder(folder: Path, ids: Sequence[str], drawn: Iterable[Playable]) -> list[str]:
    """Write each utterance's audio and a script with its picture into `audio/`.

    A page opened from disk may play a file beside it but not read it, so the picture comes as a script.

    Returns:
        The scripts' addresses relative to the page, in the order of `ids`; empty where there is no audio.
    """
    (folder / "audio").mkdir(exist_ok=True)
    scripts = [""] * len(ids)
    for row, playable in drawn:
        name = f"audio/{name_file(row, ids[row])}"
        block = {"row": row, **playable}
        content = block.pop("content", None)
        if content is not None:
            suffix, kind = guess_audio_type(content)
            _write(folder / f"{name}.{suffix}", content)
            block |= {"type": kind, "address": f"{name}.{suffix}"}
        _write(folder / f"{name}.js", f"receiveAudio({escape_json(block)});\n".encode())
        scripts[row] = f"{name}.js"
    return scripts


def _write(path: Path, content: bytes) -> None:
    with explain_disk(path, size=len(content)):
        path.write_bytes(content)


def remove_old_audio(folder: Path, scripts: Sequence[str]) -> None:
    """Remove from `audio/` what an earlier report left there and this one does not name; other files stay."""
    kept = {Path(script).stem for script in scripts}
    for path in folder.glob("*"):
        if (
            re.fullmatch(r"\d{6}-[\w-]*\.(wav|flac|ogg|mp3|js)", path.name, re.ASCII)
            and path.stem not in kept
        ):
            path.unlink()


def guess_audio_type(content: bytes) -> tuple[str, str]:
    """Name file suffix and media type from the first bytes; WAV when unknown."""
    if is_mp3(content):
        return "mp3", "audio/mpeg"
    return AUDIO_TYPES.get(content[:4], ("wav", "audio/wav"))


def name_file(row: int, utterance_id: str) -> str:
    """Make a file name without suffix which is safe on every file system and unique by its row number."""
    return f"{row:06d}-{re.sub(r'[^A-Za-z0-9_-]+', '_', utterance_id)[:60]}"
