"""requirements.txt, which the platform installs, against what the entry file imports.

In: requirements.txt and the entry file. Out: findings: a distribution too few or too many.
"""

import re
from pathlib import Path

from librispeech_clf.push.closure import compute_closure
from librispeech_clf.push.findings import Finding

REQUIREMENTS = "requirements.txt"
MODEL_LIBRARIES = {"keras", "tensorflow"}
"""Bearable as long as the custom layers are registered: `keras` is imported, and imports the other."""


def read_requirements(path: Path) -> list[str]:
    """Read the lines of a requirements file, comments left out.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: does not exist; the platform installs what it lists.")
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement's distribution: lower case, hyphens (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def check_requirements(root: Path, entry_file: str) -> list[Finding]:
    """Compare requirements.txt with what the entry file imports.

    Args:
        root: The project's folder.
        entry_file: The file that registers the integration, relative to `root`.

    Returns:
        A finding for every distribution too few or too many, else one that passed.

    Raises:
        FileNotFoundError: requirements.txt does not exist.
        ValueError: A module is not valid Python.
    """
    imported = compute_closure(root, entry_file).distributions
    listed = {name_of(line) for line in read_requirements(root / REQUIREMENTS)}
    findings = [
        Finding(REQUIREMENTS, f"lacks {name}, which {file} imports; add its line of pyproject.toml.")
        for name, file in imported.items()
        if name not in listed
    ]
    findings += [
        Finding(REQUIREMENTS, f"lists {name}, which nothing the platform runs imports; take its line out.")
        for name in sorted(listed - set(imported) - MODEL_LIBRARIES)
    ]
    return findings or [Finding(REQUIREMENTS, None, f"{len(listed)} distributions, all of them needed")]
