"""The bundled corpus, made from its sentences, its table of readers and a seed.

In: this package's texts and tables, the installed synthesizers. Out: the files of corpus/bundled.
"""

import argparse
import filecmp
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.development.synthesis import chapters
from librispeech_clf.development.synthesis.chapters import ReadChapter, Recording
from librispeech_clf.development.synthesis.recording import draw_conditions, record
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.voices import (
    PACKAGES,
    SAMPLING_RATE,
    load_readers,
    require_tools,
    synthesize,
)
from librispeech_clf.local.cli import make_parser, run

BUNDLED = Path(__file__).parents[2] / "corpus" / "bundled"
UNLABELED = "unlabeled"
SPLITS = ("training", "validation", "test", UNLABELED)
ACCENTS = {"de": "German", "en-us": "American", "en": "British", "en-gb-scotland": "Scottish"}
SEED = 24
MAX_BYTES = 25_000_000
PYTHON_PACKAGES = ("numpy", "scipy", "soundfile", "pyarrow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 when `--check` finds a difference."""
    parser = make_parser(
        "make_corpus",
        "Make the bundled corpus again: its sentences, spoken by speech synthesizers and recorded.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=BUNDLED, help="folder of the files")
    add("--seed", type=int, default=SEED, help="deals the chapters and draws the conditions")
    add("--check", action="store_true", help="make it elsewhere and compare with the folder's files")
    return run(parser, _make_or_check, arguments)


def _make_or_check(options: argparse.Namespace) -> int:
    require_tools()
    path = BUNDLED / "CARD.md"
    recorded = read_versions(path.read_text(encoding="utf-8")) if path.exists() else {}
    for line in describe_differences(recorded, find_versions()):
        print(f"Warning: {line}; the files may differ from the bundled ones.")
    if options.check:
        return check_corpus(options.out, seed=options.seed)
    make_corpus(options.out, seed=options.seed)
    return 0


def check_corpus(folder: Path, *, seed: int) -> int:
    """Make the corpus in a temporary folder and compare byte by byte.

    Returns:
        0 when all files are the same, 1 otherwise.
    """
    with tempfile.TemporaryDirectory() as temporary:
        make_corpus(Path(temporary), seed=seed)
        names = sorted(path.name for path in Path(temporary).iterdir())
        same, _, _ = filecmp.cmpfiles(folder, temporary, names, shallow=False)
    for name in names:
        print(f"{name}: {'same bytes' if name in same else 'differs'}")
    return int(same != names)


def make_corpus(folder: Path, *, seed: int) -> None:
    """Make all files of the bundled corpus; each is replaced whole.

    Args:
        folder: Where they go; made when missing.
        seed: Deals the chapters and draws the recording conditions.

    Raises:
        ValueError: The files are too large for the package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    readers = load_readers()
    recordings: list[Recording] = []
    for number, split in enumerate(SPLITS):
        generator = np.random.default_rng([seed, number])
        dealt = chapters.deal_chapters(split, load_sentences(split), readers, generator)
        made = [recording for chapter in dealt for recording in record_chapter(chapter, seed=seed)]
        atomic_write(folder / f"{split}.parquet", to_parquet(made))
        print(f"{split}: {len(made)} utterances, {sum(r.minutes for r in made):.1f} min", flush=True)
        recordings += made
    tables = {
        "SPEAKERS.TXT": chapters.speakers_table(recordings, readers),
        "CHAPTERS.TXT": chapters.chapters_table(recordings),
        "BOOKS.TXT": chapters.books_table(recordings),
        "CONDITIONS.TXT": chapters.conditions_table(recordings),
        "CARD.md": write_card(recordings, find_versions()),
    }
    for name, text in tables.items():
        atomic_write(folder / name, text.encode())
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    print(f"{folder}: {size / 1e6:.1f} MB")
    if size > MAX_BYTES:
        raise ValueError(f"{folder}: {size} bytes, the limit is {MAX_BYTES}; shorten the texts.")


def record_chapter(chapter: ReadChapter, *, seed: int) -> list[Recording]:
    """Speak and record a chapter's sentences; depends on the chapter and the seed alone."""
    recordings = []
    spoken = synthesize([sentence.text for sentence in chapter.sentences], chapter.reader.voice)
    for number, (sentence, speech) in enumerate(zip(chapter.sentences, spoken, strict=True)):
        generator = np.random.default_rng([seed, chapter.id, number])
        conditions = draw_conditions(chapter.split, generator, hums=chapter.reader.group.endswith("hum"))
        waveform = record(speech, conditions, generator)
        name, minutes = f"{chapter.reader.id}-{chapter.id}-{number:04d}", waveform.size / SAMPLING_RATE / 60
        flac = encode_flac(waveform, sampling_rate=SAMPLING_RATE, compression_level=1.0)
        transcript = to_transcript(sentence.text)
        recordings.append(Recording(name, chapter, transcript, conditions, minutes, flac))
    return recordings


def to_parquet(recordings: Sequence[Recording]) -> bytes:
    """A parquet file in the schema of openslr/librispeech_asr, as bytes; the unlabeled has accents for transcripts."""
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    numbers = {name: pa.int64() for name in ("speaker_id", "chapter_id")}
    told = "accent" if recordings[0].chapter.split == UNLABELED else "text"
    fields = {"file": pa.string(), "audio": audio, told: pa.string(), **numbers, "id": pa.string()}
    rows = [
        {
            "file": f"{recording.id}.flac",
            "audio": {"bytes": recording.flac, "path": f"{recording.id}.flac"},
            "text": recording.transcript,
            "accent": ACCENTS.get(recording.chapter.reader.voice.name.partition("+")[0]),
            "speaker_id": recording.chapter.reader.id,
            "chapter_id": recording.chapter.id,
            "id": recording.id,
        }
        for recording in recordings
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def find_versions() -> dict[str, str]:
    """Versions of all that decides the bytes: synthesizers and voices (Debian packages), Python packages."""
    names = [name for packages in PACKAGES.values() for name in packages.split()]
    versions = dict.fromkeys((*names, "festlex-cmu", "festlex-poslex"), "unknown")
    if shutil.which("dpkg-query"):
        for name in versions:
            command = ["dpkg-query", "--show", "--showformat=${Version}", name]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            versions[name] = said or "not installed"
    versions |= {name: importlib.metadata.version(name) for name in PYTHON_PACKAGES}
    return versions | {"libsndfile": soundfile.__libsndfile_version__}


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
    rows = []
    for split in SPLITS:
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
        rows.append(f"| {' | '.join(map(str, cells))} |")
    told = [f"| {name} | {version} |" for name, version in versions.items()]
    template = Path(__file__).with_name("card_template.md").read_text(encoding="utf-8")
    return template.format(statistics="\n".join(rows), versions="\n".join(told))


if __name__ == "__main__":
    sys.exit(main())
