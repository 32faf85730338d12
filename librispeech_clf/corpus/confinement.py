"""Keep a table's recordings inside the folders that it may name files of.

A table comes from anybody, and what it names is read, evaluated and embedded in a page that people send
around. So a path that is absolute, climbs by `..` or leads out through a link is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SHOWN_NAMES = 3


def refuse_outside(recordings: Iterable[dict[str, Any]], *, folders: Sequence[Path], place: str) -> None:
    """Refuses a table with recordings outside some folders.

    Args:
        recordings: The column `audio` of a corpus table: `bytes` and `path`. Where there are bytes, the path is
            not read and may be anything.
        folders: Where recordings may lie; links of these folders themselves are followed.
        place: The table, for the message.

    Raises:
        ValueError: A path leads elsewhere, links followed.
    """
    roots = [os.path.realpath(folder) for folder in folders]
    read = [recording["path"] for recording in recordings if recording["bytes"] is None]
    outside = [path for path in read if path and not _lies_in(os.path.realpath(path), roots)]
    if outside:
        shown = ", ".join(repr(path) for path in outside[:SHOWN_NAMES])
        raise ValueError(
            f"{place}: {len(outside)} of {len(read)} recordings lie outside {folders[0]}: {shown}"
            f"{', ...' if len(outside) > SHOWN_NAMES else ''}; move them there, or name their folder under "
            "corpus.audio_folders in config.yaml."
        )


def _lies_in(path: str, roots: Sequence[str]) -> bool:
    return any(path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
