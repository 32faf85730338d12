"""The data card of the bundled corpus, CARD.md, and the tool versions it records.

In: recordings, readers, versions. Out: Markdown.
"""

import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import resources

import soundfile

from librispeech_clf.development.synthesis.chapters import Recording
from librispeech_clf.development.synthesis.engines import PACKAGES

PYTHON_PACKAGES = ("numpy", "scipy", "soundfile", "pyarrow")


def find_versions() -> dict[str, str]:
    """Versions of all that decides the bytes: synthesizers and voices (Debian packages), Python packages."""
    names = [name for packages in PACKAGES.values() for name in packages.split()]
    versions = {name: _debian_version(name) for name in (*names, "festlex-cmu", "festlex-poslex")}
    versions |= {name: importlib.metadata.version(name) for name in PYTHON_PACKAGES}
    return versions | {"libsndfile": soundfile.__libsndfile_version__}


def _debian_version(package: str) -> str:
    if shutil.which("dpkg-query") is None:
        return "unknown"
    command = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(command, capture_output=True, text=True).stdout or "not installed"


def read_versions(card: str) -> dict[str, str]:
    """The versions a card records."""
    rows = card.partition("## Tool versions")[2].partition("| --- | --- |\n")[2]
    return dict(re.findall(r"^\| ([\w-]+) \| (\S.*?) \|$", rows, re.MULTILINE))


def describe_differences(recorded: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """One line for each tool whose version is not the recorded one."""
    return [
        f"{name}: the corpus was made with {recorded[name]}, here is {present.get(name, 'none')}"
        for name in recorded
        if recorded[name] != present.get(name)
    ]


def write_card(recordings: Sequence[Recording], versions: Mapping[str, str]) -> str:
    """Fill card_template.md."""
    template = resources.files(__package__).joinpath("card_template.md").read_text(encoding="utf-8")
    rows = [f"| {name} | {version} |" for name, version in versions.items()]
    return template.format(statistics="\n".join(_statistics_rows(recordings)), versions="\n".join(rows))


def _statistics_rows(recordings: Sequence[Recording]) -> list[str]:
    rows = []
    for split in ("training", "validation", "test", "unlabeled"):
        own = [recording for recording in recordings if recording.chapter.split == split]
        readers = {recording.chapter.reader for recording in own}
        women = sum(reader.gender == "F" for reader in readers)
        counts = [len(recording.transcript.split()) for recording in own]
        lengths = [recording.minutes * 60 for recording in own]
        disturbed = sum(r.conditions.noise != "none" or r.conditions.decay_time_s > 0 for r in own)
        cells = [split, len(own), f"{sum(lengths) / 60:.1f}", f"{min(lengths):.1f} to {max(lengths):.1f}"]
        cells += [
            f"{women} / {len(readers) - women}",
            sum(counts),
            f"{min(counts)} to {max(counts)}",
            disturbed,
        ]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return rows
