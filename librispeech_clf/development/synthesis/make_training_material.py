"""Training speech, synthesized for a compact acoustic model, as parquet shards.

In: voices, grammar and, if given, prose. Out: training-NNNNN.parquet with id, text, speaker_id, samples.
"""

import argparse
import dataclasses
import functools
import multiprocessing
import os
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from librispeech_clf.atomic_write import write_table
from librispeech_clf.development.synthesis.grammar import make_sentence
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.variants import DRAWN_VARIANTS, install_variants
from librispeech_clf.development.synthesis.voices import (
    ACCENTS,
    FEMALE_VARIANTS,
    MALE_VARIANTS,
    SAMPLING_RATE,
    Voice,
    load_readers,
    require_tools,
    synthesize,
)
from librispeech_clf.local.cli import count, make_parser, run

UTTERANCES_PER_SHARD = 500
PROSE_SHARE = 0.45
"""Share of the texts that are clauses of prose, where there is prose."""
SALAD_SHARE = 0.34
"""Share of the other texts that are words in any order, everyday ones first. Salads teach the spelling of each word,
which sentences repeat too rarely."""
KINDS = {"short": 0.3, "sentence": 0.52, "long": 0.18}
"""Shares of the sentences of the grammar, which the rest of the texts are."""
READER_SHARE = 0.21
"""Share of the utterances spoken by the bundled corpus's known readers, close to their own rate and pitch."""
ENGINES = {"espeak-ng": 0.5, "flite": 0.3, "festival": 0.2}
FLITE_VOICES = ("slt", "awb", "kal16")
FESTIVAL_VOICES = ("kal_diphone", "cmu_us_slt_arctic_hts")
DRAWN_SHARE = 0.5
"""Share of espeak-ng's utterances spoken by drawn variants, the rest by its own."""
READER_RATES = (0.9, 0.95, 1.0, 1.05, 1.1)
READER_PITCHES = (-4, 0, 4)
"""What a known reader's rate is multiplied by, and what is added to the pitch (espeak-ng's unit)."""
SPEEDS = (0.82, 1.22)
"""Slowest and fastest playback of flite's and festival's voices, at an unchanged speaking rate: few persons, many
throats."""
MAX_WORDS = 34
PROSE_WORDS = (2, 20)
"""Fewest and most words of a clause of prose."""
LENGTHS_S = (0.4, 14.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "make_training_material",
        "Synthesize training speech, as parquet shards; shards that are there are kept.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the shards")
    add("--hours", type=float, default=16.0, help="hours of speech")
    add("--seed", type=int, default=0, help="what every shard is drawn with")
    add("--processes", type=count, default=2, help="speech synthesizers at a time")
    add("--prose", type=Path, help="folder of plain English text files (default: none)")
    return run(parser, _make, arguments, when_stopped="stopped; the same command goes on where it stopped.")


def _make(options: argparse.Namespace) -> None:
    """Write shards until they hold the wanted hours; shards that are there are kept."""
    require_tools()
    prose = read_prose(options.prose) if options.prose else ()
    options.out.mkdir(parents=True, exist_ok=True)
    total, espeak_data = 0.0, install_variants(options.out / "voices")
    work = functools.partial(
        make_shard, folder=options.out, seed=options.seed, prose=prose, espeak_data=espeak_data
    )
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(options.processes, initializer=os.nice, initargs=(5,)) as pool:
        for index, seconds in enumerate(pool.imap(work, range(100_000))):
            total += seconds
            print(f"shard {index}: {seconds / 60:.1f} min, {total / 3600:.2f} h in all", flush=True)
            if total >= options.hours * 3600:
                pool.terminate()
                return


def make_shard(
    index: int,
    *,
    folder: Path,
    seed: int,
    count: int = UTTERANCES_PER_SHARD,
    prose: Sequence[str] = (),
    espeak_data: Path | None = None,
) -> float:
    """Write one shard, unless it is there; return its speech in s.

    Args:
        index: Number of the shard.
        folder: Where it goes.
        seed: With the index and the prose, decides all of its content.
        count: Utterances.
        prose: Clauses, as `read_prose` returns them.
        espeak_data: As `install_variants` returns it.
    """
    path = folder / f"training-{index:05d}.parquet"
    if not path.exists():
        rows = make_utterances(index, seed=seed, count=count, prose=prose, espeak_data=espeak_data)
        write_table(path, pa.Table.from_pylist(rows))
    lengths = pq.read_table(path, columns=["sample_count"])["sample_count"].to_numpy()
    return float(lengths.sum()) / SAMPLING_RATE


def make_utterances(
    index: int, *, seed: int, count: int, prose: Sequence[str] = (), espeak_data: Path | None = None
) -> list[dict[str, Any]]:
    """Draw texts and voices, and speak them; the rows of one shard, in random order."""
    generator = np.random.default_rng([seed, index])
    plan = [(draw_text(generator, prose), draw_voice(generator)) for _ in range(count)]
    places = defaultdict(list)
    for place, (_, voice) in enumerate(plan):
        places[voice].append(place)
    waveforms: dict[int, np.ndarray] = {}
    for voice, members in places.items():
        spoken = synthesize([plan[place][0] for place in members], voice, espeak_data=espeak_data)
        waveforms.update(zip(members, spoken, strict=True))
    rows = []
    for place, (text, voice) in enumerate(plan):
        if LENGTHS_S[0] <= len(waveforms[place]) / SAMPLING_RATE <= LENGTHS_S[1]:
            samples, name = _to_recording(waveforms[place], generator), f"{voice.engine}:{voice.name}"
            rows.append(
                {
                    "id": f"{index}-{place:04d}",
                    "text": to_transcript(text),
                    "speaker_id": material_voices().index(name),
                    "samples": samples.tobytes(),
                    "sample_count": len(samples),
                    "voice": name,
                }
            )
    return rows


def read_prose(folder: Path) -> tuple[str, ...]:
    """Cut plain text files into clauses of `PROSE_WORDS` words; those with numbers or signs are left out.

    Args:
        folder: Holds *.txt in UTF-8.

    Raises:
        FileNotFoundError: There is no such file.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no *.txt; --prose needs a folder of plain text files.")
    text = " ".join(path.read_text(encoding="utf-8") for path in paths).replace("\u2019", "'").lower()
    clauses = (" ".join(part.split()).strip(" ,-'") for part in re.split(r"[^a-z0-9', \s-]+|--", text))
    lowest, highest = PROSE_WORDS
    return tuple(
        clause
        for clause in clauses
        if re.fullmatch("[a-z', -]+", clause) and lowest <= len(clause.split()) <= highest
    )


def draw_text(generator: np.random.Generator, prose: Sequence[str] = ()) -> str:
    """A sentence with commas where a reader might pause; never one of the held-out sentences."""
    if prose and generator.random() < PROSE_SHARE:
        text = prose[int(generator.integers(len(prose)))]
        return draw_text(generator, prose) if to_transcript(text) in held_out_transcripts() else text
    salad = generator.random() < SALAD_SHARE
    kind = "salad" if salad else str(generator.choice(list(KINDS), p=list(KINDS.values())))
    while True:
        text = make_sentence(kind, generator)
        if generator.random() < 0.4:
            for word in ("and", "but", "because"):
                text = text.replace(f" {word} ", f", {word} ")
        if len(text.split()) <= MAX_WORDS and to_transcript(text) not in held_out_transcripts():
            return text


@functools.lru_cache(maxsize=1)
def held_out_transcripts() -> frozenset[str]:
    """Transcripts of the bundled validation and test sentences."""
    sentences = [s for split in ("validation", "test", "unlabeled") for s in load_sentences(split)]
    return frozenset(to_transcript(sentence.text) for sentence in sentences)


@functools.lru_cache(maxsize=1)
def material_voices() -> tuple[str, ...]:
    """All voices of the material, "engine:name"; a voice's place is its speaker id."""
    variants = (*FEMALE_VARIANTS, *MALE_VARIANTS, *DRAWN_VARIANTS)
    return (
        *(f"espeak-ng:{accent}+{variant}" for accent in ACCENTS for variant in variants),
        *(f"flite:{name}" for name in FLITE_VOICES),
        *(f"festival:{name}" for name in FESTIVAL_VOICES),
    )


@functools.lru_cache(maxsize=1)
def _known_voices() -> tuple[Voice, ...]:
    return tuple(reader.voice for reader in load_readers() if reader.group == "known")


def draw_voice(generator: np.random.Generator) -> Voice:
    """A known reader's voice, or any of the material; pitch, rate and intonation of espeak-ng's and flite's vary.

    festival's voices come in few rates and speeds, so that one process speaks many sentences.
    """
    if generator.random() < READER_SHARE:
        voice = _known_voices()[int(generator.integers(len(_known_voices())))]
        return dataclasses.replace(
            voice,
            words_per_minute=round(voice.words_per_minute * float(generator.choice(READER_RATES))),
            pitch=voice.pitch + int(generator.choice(READER_PITCHES)),
        )
    engine = str(generator.choice(list(ENGINES), p=list(ENGINES.values())))
    if engine == "espeak-ng":
        return _draw_espeak_voice(generator)
    if engine == "flite":
        name = str(generator.choice(FLITE_VOICES, p=(0.4, 0.35, 0.25)))
        rate = float(np.clip(generator.normal(160, 22), 120, 220))
        speed = round(float(generator.uniform(*SPEEDS)), 2)
    else:
        name = str(generator.choice(FESTIVAL_VOICES))
        rate = float(generator.choice((145.0, 165.0, 190.0)))
        speed = round(float(generator.choice(np.linspace(*SPEEDS, 5))), 2)
    return Voice(engine=engine, name=name, words_per_minute=round(rate / speed), speed=speed)


def _draw_espeak_voice(generator: np.random.Generator) -> Voice:
    female = generator.random() < 0.5
    drawn = generator.random() < DRAWN_SHARE
    own = FEMALE_VARIANTS if female else MALE_VARIANTS
    variants = DRAWN_VARIANTS if drawn else own
    accents = generator.choice(ACCENTS, p=(0.4, 0.15, 0.08, 0.1, 0.06, 0.05, 0.05, 0.11))
    return Voice(
        engine="espeak-ng",
        name=f"{accents}+{generator.choice(variants)}",
        words_per_minute=round(float(np.clip(generator.normal(165, 22), 115, 225))),
        pitch=round(float(np.clip(generator.normal(46, 14), 8, 85))),
        pitch_range_percent=round(float(generator.uniform(60, 140))),
        speed=round(float(generator.uniform(0.95, 1.06)), 2),
    )


def _to_recording(waveform: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Level of -24 to -16 dBFS, short silences before and after, int16."""
    level = 10 ** (generator.uniform(-24, -16) / 20)
    scaled = waveform * (level / max(float(np.sqrt(np.mean(waveform**2))), 1e-4))
    scaled *= min(1.0, 0.99 / max(float(np.abs(scaled).max()), 1e-6))
    before, after = (generator.uniform(0.03, 0.35, size=2) * SAMPLING_RATE).astype(int)
    return np.pad(np.round(scaled * 32767), (before, after)).astype("<i2")


if __name__ == "__main__":
    sys.exit(main())
