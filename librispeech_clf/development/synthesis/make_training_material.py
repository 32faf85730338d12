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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from librispeech_clf.development.synthesis.engines import SAMPLING_RATE, require_tools, synthesize
from librispeech_clf.development.synthesis.grammar import make_sentence
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.variants import DRAWN_VARIANTS, install_variants
from librispeech_clf.development.synthesis.voices import (
    ACCENTS,
    FEMALE_VARIANTS,
    MALE_VARIANTS,
    Voice,
    load_readers,
)
from librispeech_clf.local.cli import count, make_parser, run, share

UTTERANCES_PER_SHARD = 500
KINDS = {"short": 0.3, "sentence": 0.52, "long": 0.18}
"""Shares of the grammar's texts that are not salads."""
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


@dataclass(frozen=True)
class MaterialMix:
    """What the utterances are drawn from. Texts that are neither prose nor salad are the grammar's sentences.

    Attributes:
        prose: clauses, as `read_prose` returns them.
        prose_share: share of the texts that are clauses of prose, where there is prose.
        salad_share: share of the other texts that are words in any order, everyday ones first. Salads teach the
            spelling of each word, which sentences repeat too rarely.
        reader_share: share of the utterances spoken by the bundled corpus's known readers, close to their own rate and
            pitch.
    """

    prose: tuple[str, ...] = ()
    prose_share: float = 0.45
    salad_share: float = 0.34
    reader_share: float = 0.21


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
    add(
        "--reader-share", type=share, default=MaterialMix.reader_share,
        help="share of the utterances spoken by the known readers of the bundled corpus",
    )  # fmt: skip
    add("--prose", type=Path, help="folder of plain English text files (default: none)")
    add(
        "--prose-share", type=share, default=MaterialMix.prose_share,
        help="share of the texts that come from there",
    )  # fmt: skip
    add(
        "--salad-share", type=share, default=MaterialMix.salad_share,
        help="share of the other texts that are words in any order",
    )  # fmt: skip
    return run(parser, _make, arguments, when_stopped="stopped; the same command goes on where it stopped.")


def _make(options: argparse.Namespace) -> None:
    require_tools()
    mix = MaterialMix(
        prose=read_prose(options.prose) if options.prose else (),
        prose_share=options.prose_share,
        salad_share=options.salad_share,
        reader_share=options.reader_share,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    make_material(options.out, hours=options.hours, seed=options.seed, processes=options.processes, mix=mix)


def make_material(
    folder: Path, *, hours: float, seed: int, processes: int, mix: MaterialMix = MaterialMix()
) -> None:
    """Write shards until they hold the wanted hours; shards that are there are kept.

    Args:
        folder: Where the shards go; exists.
        hours: Hours of speech.
        seed: Shard i depends on the seed, the mix and i alone.
        processes: Worker processes.
        mix: What its utterances are drawn from.
    """
    total = 0.0
    espeak_data = install_variants(folder / "voices")
    work = functools.partial(make_shard, folder=folder, seed=seed, mix=mix, espeak_data=espeak_data)
    with multiprocessing.get_context("spawn").Pool(processes, initializer=os.nice, initargs=(5,)) as pool:
        for index, seconds in enumerate(pool.imap(work, range(100_000))):
            total += seconds
            print(f"shard {index}: {seconds / 60:.1f} min, {total / 3600:.2f} h in all", flush=True)
            if total >= hours * 3600:
                pool.terminate()
                return


def make_shard(
    index: int,
    *,
    folder: Path,
    seed: int,
    count: int = UTTERANCES_PER_SHARD,
    mix: MaterialMix = MaterialMix(),
    espeak_data: Path | None = None,
) -> float:
    """Write one shard, unless it is there.

    Args:
        index: Number of the shard.
        folder: Where it goes.
        seed: With the index and the mix, decides all of its content.
        count: Utterances.
        mix: What its utterances are drawn from.
        espeak_data: As `install_variants` returns it.

    Returns:
        Its speech in seconds.
    """
    path = folder / f"training-{index:05d}.parquet"
    if not path.exists():
        columns = make_utterances(index, seed=seed, count=count, mix=mix, espeak_data=espeak_data)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        pq.write_table(pa.table(columns), temporary, compression="zstd", compression_level=1)
        temporary.replace(path)
    lengths = pq.read_table(path, columns=["sample_count"])["sample_count"].to_numpy()
    return float(lengths.sum()) / SAMPLING_RATE


def make_utterances(
    index: int, *, seed: int, count: int, mix: MaterialMix = MaterialMix(), espeak_data: Path | None = None
) -> dict[str, list]:
    """Draw texts and voices, and speak them; the columns of one shard, in random order."""
    generator = np.random.default_rng([seed, index])
    plan = [(draw_text(generator, mix), draw_voice(generator, mix.reader_share)) for _ in range(count)]
    columns: dict[str, list] = {
        name: [] for name in ("id", "text", "speaker_id", "samples", "sample_count", "voice")
    }
    for place, waveform in enumerate(_speak(plan, espeak_data)):
        text, voice = plan[place]
        if LENGTHS_S[0] <= len(waveform) / SAMPLING_RATE <= LENGTHS_S[1]:
            samples = _to_recording(waveform, generator)
            columns["id"].append(f"{index}-{place:04d}")
            columns["text"].append(to_transcript(text))
            columns["speaker_id"].append(material_voices().index(f"{voice.engine}:{voice.name}"))
            columns["samples"].append(samples.tobytes())
            columns["sample_count"].append(len(samples))
            columns["voice"].append(f"{voice.engine}:{voice.name}")
    return columns


def _speak(plan: list[tuple[str, Voice]], espeak_data: Path | None) -> list[np.ndarray]:
    places = defaultdict(list)
    for place, (_, voice) in enumerate(plan):
        places[voice].append(place)
    waveforms: dict[int, np.ndarray] = {}
    for voice, members in places.items():
        spoken = synthesize([plan[place][0] for place in members], voice, espeak_data=espeak_data)
        waveforms.update(zip(members, spoken, strict=True))
    return [waveforms[place] for place in range(len(plan))]


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


def draw_text(generator: np.random.Generator, mix: MaterialMix = MaterialMix()) -> str:
    """A sentence with commas where a reader might pause; never one of the held-out sentences."""
    if mix.prose and generator.random() < mix.prose_share:
        text = mix.prose[int(generator.integers(len(mix.prose)))]
        return draw_text(generator, mix) if to_transcript(text) in held_out_transcripts() else text
    salad = generator.random() < mix.salad_share
    kind = "salad" if salad else str(generator.choice(list(KINDS), p=list(KINDS.values())))
    while True:
        text = make_sentence(kind, generator)
        if generator.random() < 0.4:
            text = (
                text.replace(" and ", ", and ").replace(" but ", ", but ").replace(" because ", ", because ")
            )
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
    espeak = [f"espeak-ng:{accent}+{variant}" for accent in ACCENTS for variant in variants]
    return (
        *espeak,
        *(f"flite:{name}" for name in FLITE_VOICES),
        *(f"festival:{name}" for name in FESTIVAL_VOICES),
    )


def draw_voice(generator: np.random.Generator, reader_share: float = MaterialMix.reader_share) -> Voice:
    """A known reader's voice, or any of the material; pitch, rate and intonation of espeak-ng's and flite's vary.

    festival's voices come in few rates and speeds, so that one process speaks many sentences.

    Args:
        generator: Decides.
        reader_share: Share of the bundled corpus's known readers.
    """
    if generator.random() < reader_share:
        return _draw_reader_voice(generator)
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


def _draw_reader_voice(generator: np.random.Generator) -> Voice:
    voices = _known_voices()
    voice = voices[int(generator.integers(len(voices)))]
    return dataclasses.replace(
        voice,
        words_per_minute=round(voice.words_per_minute * float(generator.choice(READER_RATES))),
        pitch=voice.pitch + int(generator.choice(READER_PITCHES)),
    )


@functools.lru_cache(maxsize=1)
def _known_voices() -> tuple[Voice, ...]:
    return tuple(reader.voice for reader in load_readers() if reader.group == "known")


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
