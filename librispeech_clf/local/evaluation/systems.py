"""The systems of a run: what each recognizer says for the same utterances, in tables of one form.

The first system is the main one: its rows are results.parquet, and what the page shows of confusions, kinds of errors
and findings is about it. It is the Keras model if one is evaluated. Each additional system is a table
`systems/<name>.parquet` with a row per utterance and these columns:

    utterance_id, record_speaker_id       of the recording
    reference, hypothesis                 texts, normalized alike for all systems; null hypothesis: not recognized
    word_..., character_...               the rates and counts of results.parquet
    words                                 {text, start_s, end_s, confidence} where the system knows times

`open_systems` makes the run's list from the command line, before anything is recognized; a system that becomes known
later is added with `Systems.add`, whoever made it:

    System("wav2vec + LM", texts={"61-70968-0000": "he began", ...}, source="4-gram of ...")
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
import pyarrow.parquet

from librispeech_clf.corpus.hypotheses import System, Word, read_system
from librispeech_clf.metrics import find_nearest, measure_characters, measure_words
from librispeech_clf.text.normalization import APOSTROPHES, NORMALIZATIONS, WHISPER, drop_annotations
from librispeech_clf.text.vocabulary import WORDS, Vocabulary

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split

OF_RECORDING = ("utterance_id", "record_speaker_id")
MOST_SOURCES = 5
"""The most systems that the page's header names; of more, it gives the number."""


@dataclass
class Systems:
    """The systems of a run, the main one first.

    Attributes:
        systems: the systems in order; without texts if these are in the evaluation's rows.
        references: normalized references of the evaluated utterances, by id; of several, the one nearest to a system's
            text counts for it; an utterance without a transcript has none.
        normalization: how every hypothesis is normalized, one of `normalization.SCORING`.
        vocabulary: the model's, which says what is counted, and spells what `normalization` leaves to it.
    """

    systems: list[System]
    references: dict[str, tuple[str, ...]]
    normalization: str
    vocabulary: Vocabulary

    def add(self, system: System) -> None:
        """Add a system.

        Raises:
            ValueError: another one has its name.
        """
        if system.name in [other.name for other in self.systems]:
            raise ValueError(f"{system.name}: two systems have this name; name them NAME=FILE.")
        self.systems.append(system)

    def describe(self) -> dict[str, str]:
        """Describe the systems; nothing where the model alone is evaluated."""
        if len(self.systems) == 1 and not self.systems[0].texts:
            # An older run's texts are not normalized again: Whisper's, twice, takes "05" for "5".
            return {} if self.normalization in NORMALIZATIONS else {"normalization": self.normalization}
        sources = [f"{system.name} ({system.source})" for system in self.systems]
        shown = "; ".join(sources) if len(sources) <= MOST_SOURCES else str(len(sources))
        older = [("compared with", system.name) for system in self.systems if system.is_older]
        return {"systems": shown, "normalization": self.normalization, **dict(older)}

    def make_tables(self, rows: pyarrow.Table) -> dict[str, pyarrow.Table]:
        """Make each system's table, the main one's from the evaluation's rows."""
        main, *others = self.systems
        timing = rows.schema.field("words").type
        kept = [name for name in OF_RECORDING if name in rows.column_names]
        identified = rows.select(kept).filter(rows["simulation"].is_null())
        if main.texts or self.normalization not in NORMALIZATIONS:  # else the model's rows are already scored
            failed = rows["error"].is_valid().to_pylist()
            ids, texts, words = (rows[name].to_pylist() for name in ("utterance_id", "hypothesis", "words"))
            if main.texts:
                texts, words = map(main.texts.get, ids), map(main.words.get, ids)
            texts = [None if broken else text for text, broken in zip(texts, failed, strict=True)]
            scored = self._score(ids, texts, words, timing)
            scored["hypothesis"] = scored["hypothesis"].fill_null("")
            for at, column in enumerate(rows.schema):
                if column.name in scored:
                    rows = rows.set_column(at, column, scored[column.name].cast(column.type))
        tables = {main.name: rows}
        ids = identified["utterance_id"].to_pylist()
        for system in others:
            is_done = system.normalization == self.normalization
            texts, words = map(system.texts.get, ids), map(system.words.get, ids)
            scored = self._score(ids, texts, words, timing, is_normalized=is_done)
            tables[system.name] = pyarrow.table(dict(zip(kept, identified, strict=True)) | scored)
        return tables

    def _score(
        self,
        ids: Sequence[str],
        texts: Iterable[str | None],
        words: Iterable[Sequence[Word] | None],
        timing: pyarrow.DataType,
        *,
        is_normalized: bool = False,
    ) -> dict[str, pyarrow.Array]:
        normalize = str if is_normalized else make_normalizer(self.vocabulary, self.normalization)
        hypotheses = [None if text is None else normalize(text) for text in texts]
        said = [text or "" for text in hypotheses]
        chosen = [find_nearest(self.references[name], text) for name, text in zip(ids, said, strict=True)]
        unlabeled = np.array([not self.references[name] for name in ids], bool)
        absent = np.array([text is None for text in hypotheses], bool) | unlabeled
        pairs = letters = list(zip(chosen, said, strict=True))
        if self.vocabulary.units != WORDS:  # the spaces separate units, and none is spoken
            letters = [(left.replace(" ", ""), right.replace(" ", "")) for left, right in pairs]
        measured = measure_words(pairs) | measure_characters(letters)
        timed = [time_tokens(text.split(), of or (), normalize) for text, of in zip(said, words, strict=True)]
        return {
            "reference": pyarrow.array(chosen, pyarrow.string(), mask=unlabeled),
            "hypothesis": pyarrow.array(hypotheses, pyarrow.string()),
            **{name: pyarrow.array(values, mask=absent) for name, values in measured.items()},
            "words": pyarrow.array([found or None for found in timed], timing),
        }


def open_systems(
    asked: Sequence[str],
    split: Split,
    evaluated: Collection[str],
    vocabulary: Vocabulary,
    *,
    model: str | None,
    compare: Path | None = None,
    normalization: str,
    columns: Mapping[str, str] | None = None,
    missing: str = "refuse",
) -> Systems:
    """Open what the command line names, before anything is recognized.

    `asked` are files of hypotheses as `name_system` reads them, for the split's utterances `evaluated`; `columns` and
    `missing` are those of `read_system`. `model` is the model's name, None if none is evaluated, and `compare` the
    folder of an older run.

    Raises:
        OSError: a file does not exist or cannot be read.
        ValueError: a file holds no hypotheses, or none of these utterances'; two systems have the same name.
    """
    normalize = make_normalizer(vocabulary, normalization)
    references = {
        name: () if text is None else tuple(map(normalize, (text, *split.more_texts.get(name, ()))))
        for name, text in zip(split.ids, split.texts, strict=True)
        if name in evaluated
    }
    systems = Systems([], references, normalization, vocabulary)
    if model is not None:
        systems.add(System(model, {}, source="model"))
    for each in asked:
        name, path = name_system(each)
        system = read_system(name, path, split.ids, evaluated=evaluated, columns=columns, missing=missing)
        if split.drops_annotations:  # as of the references
            texts = {utterance: drop_annotations(text) for utterance, text in system.texts.items()}
            system = dataclasses.replace(system, texts=texts)
        systems.add(system)
    if compare is not None:
        systems.add(open_older_run(compare, references, [system.name for system in systems.systems]))
    return systems


def name_system(asked: str) -> tuple[str, Path]:
    """Read what `--hypotheses` names: NAME=FILE, or a file, whose name without extension becomes the system's.

    Raises:
        ValueError: the name cannot be that of a file.
    """
    name, separator, place = asked.partition("=")
    path = Path(place if separator and not Path(asked).exists() else asked)
    name = name if path != Path(asked) else path.stem
    if not re.fullmatch(r"\w[\w .+,()@-]*", name):
        raise ValueError(
            f"--hypotheses: a system's name holds letters, digits, spaces and . + - _ ( ); received {name!r}."
        )
    return name, path


def is_corpus(path: Path) -> bool:
    """Return whether a file is a NeMo manifest with recordings, references and hypotheses, so a corpus by itself."""
    with suppress(OSError, ValueError), path.open("rb") as file:
        first = json.loads(file.readline())
        return isinstance(first, dict) and {"audio_filepath", "text", "pred_text"} <= first.keys()
    return False


def open_older_run(folder: Path, references: Mapping[str, Sequence[str]], taken: Collection[str]) -> System:
    """Open an older run's results as a system.

    `references` are this run's, normalized; `taken` are the names of other systems.

    Raises:
        FileNotFoundError: the folder holds no results.
        ValueError: no utterance is shared, or a reference differs.
    """
    path, summary = folder / "results.parquet", folder / "summary.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found; --compare needs the folder of a finished evaluation.")
    try:
        present = pyarrow.parquet.read_schema(path).names
    except pyarrow.ArrowInvalid as error:
        raise ValueError(
            f"{path}: cannot be read ({error}); --compare needs results of `evaluate`."
        ) from error
    if lacking := [name for name in ("utterance_id", "reference", "hypothesis") if name not in present]:
        raise ValueError(f"{path}: no column {', '.join(lacking)}; --compare needs results of `evaluate`.")
    names = ["utterance_id", "reference", "hypothesis", "simulation", "error", "words"]
    table = pyarrow.parquet.read_table(path, columns=[name for name in names if name in present])
    rows = {
        row["utterance_id"]: dict.fromkeys(names) | row
        for row in table.to_pylist()
        if row.get("simulation") is None and row.get("error") is None and row["utterance_id"] in references
    }
    if not rows:
        raise ValueError(f"{folder}: shares no utterance with this run. Evaluate the same split with both.")
    for utterance, row in rows.items():
        # Of what this run has no transcript, the older one's is of no use.
        if references[utterance] and row["reference"] not in (None, *references[utterance]):
            raise ValueError(
                f"{utterance}: systems are compared over the same references; received "
                f"{references[utterance][0]!r} and, in {folder}, {row['reference']!r}. "
                "Evaluate both on the same corpus with the same --normalize."
            )
    name, speed = folder.resolve().name, None
    try:
        described = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
        normalization = dict(described.get("run", ())).get("normalization")
        # Without a model, evaluating only read what had been recognized.
        if "model" in described.get("run", ()):
            speed = described["speed"]["evaluation"]["times_real_time"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{summary}: is no summary of a run ({error}); evaluate it again.") from error
    texts, words = ({key: row[column] for key, row in rows.items()} for column in ("hypothesis", "words"))
    name = f"{name} (older)" if name in taken else name
    source = f"older run {folder}"
    return System(name, texts, words, source, is_older=True, speed=speed, normalization=normalization)


@functools.cache
def make_normalizer(vocabulary: Vocabulary, normalization: str) -> Callable[[str], str]:
    """Return the function that normalizes reference and hypothesis alike: see `--normalize`.

    The output of Whisper's normalizers is spelled in the vocabulary's case, like all texts of a run.

    Raises:
        ImportError: the package whisper-normalizer is needed and not installed.
    """
    if normalization in NORMALIZATIONS:
        return functools.cache(lambda text: vocabulary.normalize(text, normalization))
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    basic = BasicTextNormalizer(split_letters=vocabulary.units != WORDS)
    normalize = EnglishTextNormalizer() if normalization == WHISPER else basic
    # Whisper's know the typewriter's apostrophe alone: don\u2019t would be two words.
    apostrophe = re.compile(rf"(?<=\w)[{re.escape(APOSTROPHES)}](?=\w)")
    return functools.cache(lambda text: vocabulary.normalize(normalize(apostrophe.sub("'", text))))


def time_tokens(
    tokens: Sequence[str], words: Sequence[Word], normalize: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Map the recognizer's words and their times onto the normalized text.

    A word that normalization rewrote (twenty dollars, $20) gets the time from the first to the last word in its
    place, and the lowest of their confidences; one without a counterpart gets none.
    """
    pieces = [(token, word) for word in words for token in normalize(word["text"]).split()]
    matcher = difflib.SequenceMatcher(None, [token for token, _ in pieces], list(tokens), autojunk=False)
    timed = []
    for tag, start, end, first, last in matcher.get_opcodes():
        for place in range(first, last) if tag in ("equal", "replace") else ():
            at = start + place - first
            of = [word for _, word in (pieces[at : at + 1] if tag == "equal" else pieces[start:end])]
            sure = [word["confidence"] for word in of]
            times = {"start_s": of[0]["start_s"], "end_s": of[-1]["end_s"]}
            timed.append({"text": tokens[place], **times, "confidence": None if None in sure else min(sure)})
    return timed
