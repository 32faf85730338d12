"""Render the report as one HTML file which opens from disk without a network.

In: the results table, its analysis and a callable which gives an utterance's audio file. Out: `index.html`,
and a folder `audio/` beside it when the audio is too large for the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.report import payload as payloads
from librispeech_clf.report.playback import is_mp3, make_playable
from librispeech_clf.whole_file import explain_disk, write_whole

if TYPE_CHECKING:
    import pandas as pd

AudioProvider = Callable[[str], bytes | None]

SCRIPTS = (
    "statistics.js",
    "data.js",
    "state.js",
    "elements.js",
    "charts.js",
    "filters.js",
    "map.js",
    "table.js",
    "utterance.js",
    "overview.js",
    "clusters.js",
    "dashboards.js",
    "confusions.js",
    "comparison.js",
    "robustness.js",
    "main.js",
)
TEMPLATE = Path(__file__).parent / "template"
AUDIO_LIMIT_BYTES = 30_000_000
AUDIO_TYPES = {b"RIFF": ("wav", "audio/wav"), b"fLaC": ("flac", "audio/flac"), b"OggS": ("ogg", "audio/ogg")}


def write_page(
    path: Path | str,
    results: pd.DataFrame,
    *,
    analysis: Mapping[str, Any] | None = None,
    audio: AudioProvider | None = None,
    other: pd.DataFrame | None = None,
    title: str = "Speech recognition report",
    description: Mapping[str, str] | None = None,
    audio_limit_bytes: int = AUDIO_LIMIT_BYTES,
) -> Path:
    """Write the report page, and its audio folder when the audio exceeds the limit.

    Args:
        path: the HTML file to write; its folder is made when missing, the file appears whole or not at all.
        results: one row per utterance, as in results.parquet.
        analysis: optional sections, see `payload.build_payload`.
        audio: gives the audio file of an utterance id as bytes, or None where there is none. Only what
            decodes as audio gets into the page, as FLAC where browsers do not play its container.
        other: results of a second run, for the comparison.
        title: heading of the page.
        description: what the run was, as name and value.
        audio_limit_bytes: largest sum of audio files kept inside the page.

    Returns:
        The path written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    payload = payloads.build_payload(
        results, analysis=analysis, other=other, title=title, description=description
    )
    ids = payloads.list_ids(results)
    blocks = collect_audio(ids, audio, audio_limit_bytes=audio_limit_bytes)
    if blocks is None and audio is not None:
        payload["audio"] = {
            "mode": "folder",
            "scripts": write_audio_folder(path.parent, ids, audio),
        }
    else:
        payload["audio"] = {"mode": "page" if blocks else "none"}
    write_whole(path, render_page(payload, blocks or []).encode())
    remove_old_audio(path.parent / "audio", payload["audio"].get("scripts", ()))
    return path


def render_page(payload: Mapping[str, Any], audio_blocks: Sequence[Mapping[str, Any]] = ()) -> str:
    """Render the page as one string.

    Args:
        payload: see `payload.build_payload`, with its `audio` entry.
        audio_blocks: one record per utterance whose audio lies inside the page.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    script = join_scripts()
    return environment.get_template("index.html.jinja").render(
        title=payload["title"],
        style=_mark_safe((TEMPLATE / "page.css").read_text(encoding="utf-8")),
        script=_mark_safe(script),
        script_hash=hash_script(script),
        data=_mark_safe(escape_json(payload)),
        audio_blocks=[_mark_safe(escape_json(block)) for block in audio_blocks],
    )


def join_scripts() -> str:
    """Join the page's scripts, in their order, inside one strict function scope."""
    sources = [(TEMPLATE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(sources) + "\n})();\n"


def hash_script(script: str) -> str:
    """Give the content security policy's name of an inline script: the base64 SHA-256 of its text."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def escape_json(value: Any) -> str:
    r"""Write JSON which is safe inside a `<script>` element.

    `<`, `>` and `&` become `\u003c`, `\u003e` and `\u0026`, so that no text can close the element (HTML
    standard, section "Restrictions for contents of script elements").

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def collect_audio(
    ids: Sequence[str], audio: AudioProvider | None, *, audio_limit_bytes: int
) -> list[dict[str, Any]] | None:
    """Read the audio of all utterances for the inside of the page.

    Returns:
        One record per utterance with audio; None as soon as the sum exceeds `audio_limit_bytes`.
    """
    blocks: list[dict[str, Any]] = []
    total = 0
    for row, utterance_id in enumerate(ids):
        content = audio(utterance_id) if audio else None
        if not content:
            continue
        playable = make_playable(content)
        held = playable.pop("content", None)
        if held is None:
            blocks.append({"row": row, **playable})
            continue
        total += len(held)
        if total > audio_limit_bytes:
            return None
        data = base64.b64encode(held).decode("ascii")
        blocks.append({"row": row, "type": guess_audio_type(held)[1], "data": data, **playable})
    return blocks


def write_audio_folder(folder: Path, ids: Sequence[str], audio: AudioProvider) -> list[str]:
    """Write each utterance's audio and a script with its picture into `audio/`.

    A page opened from disk may play a file beside it but not read it, so the picture comes as a script.

    Returns:
        The scripts' addresses relative to the page, in the order of `ids`; empty where there is no audio.
    """
    (folder / "audio").mkdir(exist_ok=True)
    scripts = []
    for row, utterance_id in enumerate(ids):
        content = audio(utterance_id)
        if not content:
            scripts.append("")
            continue
        name = f"audio/{name_file(row, utterance_id)}"
        block = {"row": row, **make_playable(content)}
        held = block.pop("content", None)
        if held is not None:
            suffix, kind = guess_audio_type(held)
            _write(folder / f"{name}.{suffix}", held)
            block |= {"type": kind, "address": f"{name}.{suffix}"}
        _write(folder / f"{name}.js", f"receiveAudio({escape_json(block)});\n".encode())
        scripts.append(f"{name}.js")
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


def _mark_safe(text: str) -> Any:
    import markupsafe

    return markupsafe.Markup(text)
