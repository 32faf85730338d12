"""Drawn espeak-ng variants: vocal tracts and glottises at random, so that the material has more voices than espeak-ng.

In: a folder. Out: a copy of espeak-ng's English data there that holds the drawn variants as well.
Format of a variant: docs/voices.md of espeak-ng.
"""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

DRAWN_VARIANTS = tuple(f"drawn{number:03d}" for number in range(200))
"""Names of the variants; even numbers are female, odd ones male. espeak-ng knows 349 voices at most."""


def install_variants(folder: Path) -> Path:
    """Make a data folder for espeak-ng that knows the drawn variants.

    Args:
        folder: receives `espeak-ng-data`, unless it is there.

    Returns:
        The folder, which `engines.synthesize` takes as `espeak_data`.

    Raises:
        FileNotFoundError: espeak-ng does not tell where its data are.
    """
    own = folder / "espeak-ng-data"
    if not own.exists():
        version = subprocess.run(
            ["espeak-ng", "--version"], check=True, capture_output=True, text=True
        ).stdout
        found = re.search(r"Data at: (.+)", version)
        if found is None:
            raise FileNotFoundError(
                f"espeak-ng --version names no data folder, it says {version!r}; reinstall it."
            )
        copied = folder / "espeak-ng-data.tmp"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(found[1].strip(), copied, ignore=_other_languages)
        for number, name in enumerate(DRAWN_VARIANTS):
            (copied / "voices" / "!v" / name).write_text(write_variant(number), encoding="ascii")
        copied.rename(own)
    return folder


def write_variant(number: int) -> str:
    """Draw variant `number`: the same number gives the same text.

    Returns:
        The content of a variant file: pitch in Hz; for each formant frequency, height and width in percent of the
        accent's own; voicing and consonants in percent.
    """
    generator = np.random.default_rng(number)
    female = number % 2 == 0
    lowest = generator.uniform(140, 200) if female else generator.uniform(62, 105)
    tract = generator.uniform(1.0, 1.22) if female else generator.uniform(0.85, 1.1)
    lines = [
        "language variant",
        f"name {DRAWN_VARIANTS[number]}",
        f"gender {'female' if female else 'male'}",
        f"pitch {lowest:.0f} {lowest * generator.uniform(1.15, 1.7):.0f}",
        f"flutter {generator.integers(6)}",
        f"roughness {generator.integers(4)}",
        f"voicing {generator.uniform(35, 150):.0f}",
        f"consonants {generator.uniform(60, 125):.0f} {generator.uniform(60, 125):.0f}",
    ]
    for formant in range(9):
        frequency = 100 * tract * generator.uniform(0.92, 1.08)
        height = generator.uniform(60, 140) if formant < 4 else generator.uniform(10, 130)
        lines.append(f"formant {formant} {frequency:.0f} {height:.0f} {generator.uniform(60, 160):.0f}")
    if generator.random() < 0.25:
        lines.append("breath 0 2 3 3 3 3 3 2")
    if generator.random() < 0.15:
        lines.append(f"klatt {generator.integers(1, 6)}")
    return "\n".join(lines) + "\n"


def _other_languages(folder: str, names: list[str]) -> list[str]:
    """Return what English does without: other languages than the West Germanic ones, MBROLA voices."""
    if Path(folder).name == "lang":
        return [name for name in names if name != "gmw"]
    return [name for name in names if name == "mb" or (name.endswith("_dict") and name != "en_dict")]
