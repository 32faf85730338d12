"""requirements.txt, which the platform installs, against what the entry file imports.

In: requirements.txt and the entry file. Out: findings: a distribution too few or too many, or one that the
platform's machine, Linux on x86-64 or aarch64, finds no wheel of.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from librispeech_clf.local.push.closure import compute_closure
from librispeech_clf.local.push.findings import Finding

REQUIREMENTS = "requirements.txt"
PLATFORM_PYTHON = "3.11"
"""leap.yaml's pythonVersion."""
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 26, 24, 17)) + (
    "manylinux2014_aarch64",
)
SOURCE_ONLY = {"psutil>=5.9.5,<6.0.0": "code-loader needs it"}
"""What requirements ask for that is known to have no wheel there; pip builds it, which takes a C compiler."""


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
        for name in sorted(listed - set(imported))
    ]
    return findings or [Finding(REQUIREMENTS, None, f"{len(listed)} distributions, all of them needed")]


def check_wheels(root: Path, python: Path) -> list[Finding]:
    """Ask pip whether every line of requirements.txt has a wheel for Linux on aarch64; needs a package index.

    Args:
        root: The project's folder.
        python: A Python with pip.

    Returns:
        A finding for every line without, else one that passed and tells what is built from source.
    """
    lines = read_requirements(root / REQUIREMENTS)
    if find_no_wheels(python, lines):
        failed = {line: find_no_wheels(python, [line]) for line in lines}
        remedy = "the platform may be Linux on aarch64: ask for a release that has a wheel for it."
        return [Finding(line, f"{reason}; {remedy}") for line, reason in failed.items() if reason]
    sources = [f"{name} ({why})" for name, why in SOURCE_ONLY.items() if find_no_wheels(python, [name])]
    note = f"all {len(lines)} lines"
    return [Finding("aarch64 wheels", None, "; built from source: ".join([note, *sources]))]


def find_no_wheels(python: Path, requirements: Sequence[str]) -> str | None:
    """Ask pip for wheels for Linux on aarch64 of all of these, their own requirements left aside.

    Args:
        python: A Python with pip.
        requirements: Lines of a requirements file.

    Returns:
        None when all have one, else pip's last words.
    """
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    command = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
    command += ["--target", "unused", "--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--python-version", PLATFORM_PYTHON, *platforms, *requirements]
    with tempfile.TemporaryDirectory(prefix="check-push-wheels-") as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["pip failed"])[-1] if done.returncode else None
