"""Render the report as one HTML file which opens from disk without a network.

In: the results table, its analysis and a callable which gives an utterance's audio file. Out: `index.html`,
and a folder `audio/` beside it when the audio is too large for the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.payload import build_payload, escape_json, list_heard
from librispeech_clf.local.report.recordings import Advance, AudioProvider, place_recordings, remove_old_audio

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

SCRIPTS = [
    f"{name}.js"
    for name in """statistics data systems notes state whole elements picker charts player diff lists filters traits map
    table utterance neighbors alignment pictures playback findings kinds overview clusters dashboards confusions words
    beside robustness theme address units main""".split()
]
"""In the order in which they are joined; `main` starts the page."""
TEMPLATE = Path(__file__).parent / "template"
AUDIO_LIMIT_BYTES = 30_000_000


def write_page(
    path: Path | str,
    results: pd.DataFrame | pyarrow.Table | Path,
    *,
    audio: AudioProvider | None = None,
    audio_limit_bytes: float = AUDIO_LIMIT_BYTES,
    audio_folder: str = "audio",
    advance: Advance | None = None,
    **told: Any,
) -> Path:
    """Write the report page, whole or not at all, and a folder of its recordings where they exceed the limit.

    `audio` gives the file of an utterance id, or of what `payload.name_simulated` names, or None. Only what decodes as
    audio gets into the page, as FLAC where browsers do not play it. `advance` is told how many utterances more are
    finished; the other arguments are those of `payload.build_payload`.

    Returns:
        The path written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = Record(results)
    payload = build_payload(record, **told)
    payload["audio"], blocks = place_recordings(
        path.parent / audio_folder, list_heard(record), audio, limit_bytes=audio_limit_bytes, advance=advance
    )
    atomic_write(path, render_page(payload, blocks).encode())
    remove_old_audio(path.parent / audio_folder, payload["audio"].get("scripts", ()))
    return path


def render_page(payload: Mapping[str, Any], audio_blocks: Sequence[Mapping[str, Any]] = ()) -> str:
    """Render the page of a payload with its `audio` entry, and of the recordings that lie inside it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    sources = [(TEMPLATE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = '(() => {\n"use strict";\n' + "\n".join(sources) + "\n})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("index.html.jinja").render(
        title=payload["title"],
        style=Markup((TEMPLATE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=digest,  # by which the content security policy knows the inline script
        data=Markup(escape_json(payload)),
        audio_blocks=[Markup(escape_json(block)) for block in audio_blocks],
    )
