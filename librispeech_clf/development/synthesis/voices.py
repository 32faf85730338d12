"""The synthetic voices: which engine, which settings, and in which split each may appear.

In: nothing. Out: the readers of the bundled corpus and the voices of the training material.
"""

import csv
import dataclasses
from importlib import resources

ACCENTS = (
    "en-us",
    "en",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-029",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-us-nyc",
)
"""espeak-ng's English accents; "en" is British ("en-gb" silently ignores a variant)."""

FEMALE_VARIANTS = ("f1", "f2", "f3", "f4", "Andrea", "Alicia", "belinda", "linda", "grandma")
MALE_VARIANTS = (
    *("m1", "m2", "m4", "m5", "m6", "m7", "m8", "Andy", "Michael", "Mike", "Alex", "Denis", "Diogo", "Gene"),
    *("Gene2", "Henrique", "Hugo", "Lee", "Mario", "Nguyen", "Storm", "adam", "antonio", "ed", "edward"),
    *("gustave", "john", "klatt2", "klatt3", "max", "miguel", "norbert", "pablo", "paul", "quincy", "sandro"),
    *("victor", "marcelo", "Jacky"),
)
"""espeak-ng variants of the training material: no robots, whispers and jokes, and none of the test's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """One synthetic voice.

    Attributes:
        engine: "espeak-ng", "flite" or "festival".
        name: The engine's own name of the voice; for espeak-ng "accent+variant".
        words_per_minute: Speaking rate; the others than espeak-ng stretch their own, 170 leaves it.
        pitch: espeak-ng's pitch, 0 to 99, 50 is the variant's own; the others ignore it.
        pitch_range_percent: espeak-ng's intonation, 100 is the variant's own; the others ignore it.
        speed: Playback speed, which moves pitch, formants and rate together; 1 is the recorded voice.
    """

    engine: str
    name: str
    words_per_minute: float = 170.0
    pitch: int = 50
    pitch_range_percent: int = 100
    speed: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """One reader of the bundled corpus.

    Attributes:
        id: Speaker id.
        gender: "F" or "M".
        group: "known" (training and validation), "test", "unlabeled" or, where mains hum, "unlabeled hum".
        name: Made-up reader's name.
        voice: The voice.
    """

    id: int
    gender: str
    group: str
    name: str
    voice: Voice


def load_readers() -> tuple[Reader, ...]:
    """Read the table of the bundled corpus' readers."""
    text = resources.files(__package__).joinpath("readers.csv").read_text(encoding="utf-8")
    return tuple(_reader(row) for row in csv.DictReader(text.splitlines()))


def _reader(row: dict[str, str]) -> Reader:
    voice = Voice(
        engine=row["engine"],
        name=row["voice"],
        words_per_minute=float(row["words_per_minute"]),
        pitch=int(row["pitch"]),
        pitch_range_percent=int(row["pitch_range_percent"]),
        speed=float(row["speed"]),
    )
    return Reader(id=int(row["id"]), gender=row["gender"], group=row["group"], name=row["name"], voice=voice)
