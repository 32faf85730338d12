"""Folders of recordings with a table, and their split."""

from pathlib import Path

from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import Split


def write_folder(folder: Path, content: str | bytes, *, name="metadata.csv", recordings=("a.wav", "b.wav")):
    """Write a table and empty recordings."""
    for recording in recordings:
        (folder / recording).parent.mkdir(parents=True, exist_ok=True)
        (folder / recording).write_bytes(b"")
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def open_split(folder: Path) -> Split:
    """Open a subset by its folder, or its table's path without an ending."""
    dataset = files.open_subset(folder.parent, folder.name)
    return Split("test", dataset, {"own": len(dataset)}, {}, {}, {})
