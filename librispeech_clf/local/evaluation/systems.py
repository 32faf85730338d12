"""The systems of a run: what each recognizer says of the same utterances, in tables of one form.

A run has a list of named systems. The first is the main one: its rows are results.parquet, and what the page tells of
confusions, kinds of errors and findings is told of it. It is the Keras model where one is evaluated. Each further
one is a table `systems/<name>.parquet` with a row per utterance and these columns:

    utterance_id, record_speaker_id       of the recording
    reference, hypothesis                 texts, normalized alike for all systems; hypothesis null: not recognized
    word_..., character_...               the rates and counts of results.parquet
    words                                 {text, start_s, end_s, confidence} where the system knows times

A system is a name and texts by utterance id, whoever made them: a file of hypotheses (`read_system`), an older run
(`open_older_run`), a decoder with a language model:

    System("wav2vec + LM", texts={"61-70968-0000": "he began", ...}, words={...}, source="4-gram of ...")

`open_systems` makes the run's list from the command line, before anything is recognized; what becomes known later is
added by `Systems.add`. `Systems.make_tables` scores all of them. `outputs.write_outputs` takes the tables by name, main
system first, and hands them to analysis (`analysis.systems`) and page.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
import pyarrow.parquet

from librispeech_clf.corpus.hypotheses import Word, match_hypotheses, read_hypotheses
from librispeech_clf.metrics import count_words, measure_characters, measure_words
from librispeech_clf.text.normalization import NORMALIZATIONS
from librispeech_clf.text.vocabulary import WORDS, Vocabulary

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split

WHISPER, WHISPER_BASIC = "whisper", "whisper-basic"
SCORING = (*NORMALIZATIONS, WHISPER, WHISPER_BASIC)
"""How reference and hypotheses are normalized before they are compared."""
TIMED = pyarrow.list_(
    pyarrow.struct(
        {"text": pyarrow.string(), **dict.fromkeys(("start_s", "end_s", "confidence"), pyarrow.float64())}
    )
)
SPEAKER = "record_speaker_id"
MOST_SOURCES = 5
"""Of systems which the page's head names; of more it says how many there are."""
Normalize = Callable[[str], str]


@dataclass(frozen=True)
class System:
    """A recognizer's texts.

    Attributes:
        name: as the page shows it, and of its table's file.
        texts: as the recognizer wrote them, by utterance id.
        words: with times, of the utterances that have them.
        source: what it is: a file and its format, a decoder.
        notes: what was counted as empty, what was left over, in sentences.
        is_older: whether it is an older run, with which this one is compared.
        speed: seconds of audio a second, where it is known.
    """

    name: str
    texts: Mapping[str, str]
    words: Mapping[str, Sequence[Word]] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()
    is_older: bool = False
    speed: float | None = None


@dataclass
class Systems:
    """The systems of a run, the main one first.

    Attributes:
        systems: in order; without texts where they are in the evaluation's rows.
        references: normalized, of the utterances evaluated, by their ids; of several, the nearest to a system's text
            counts for it; none of one without a transcript.
        normalization: of every hypothesis, one of `SCORING`.
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
            return {}
        sources = [f"{system.name} ({system.source})" for system in self.systems]
        shown = "; ".join(sources) if len(sources) <= MOST_SOURCES else str(len(sources))
        described = {"systems": shown, "normalization": self.normalization}
        if older := [system.name for system in self.systems if system.is_older]:
            described["compared with"] = older[0]
        return described

    def make_tables(self, rows: pyarrow.Table) -> dict[str, pyarrow.Table]:
        """Make the table of each system, the main one's from the evaluation's rows."""
        main, *others = self.systems
        if main.texts or self.normalization not in NORMALIZATIONS:  # else the model's rows are scored already
            rows = self._score_rows(rows, main if main.texts else None)
        tables = {main.name: rows}
        ids = pyarrow.array(self.references.keys(), pyarrow.string())
        identified = {"utterance_id": ids}
        if SPEAKER in rows.column_names:  # whose utterances depend on each other: intervals are by speaker
            speakers = dict(zip(rows["utterance_id"].to_pylist(), rows[SPEAKER].to_pylist(), strict=True))
            of_rows = [speakers.get(name) for name in self.references]
            identified[SPEAKER] = pyarrow.array(of_rows, rows[SPEAKER].type)
        for system in others:
            texts = [system.texts.get(name) for name in self.references]
            words = [system.words.get(name, ()) for name in self.references]
            scored = self._score_texts(list(self.references.values()), texts, words)
            tables[system.name] = pyarrow.table({**identified, **scored})
        return tables

    def _score_rows(self, table: pyarrow.Table, system: System | None) -> pyarrow.Table:
        """Put a system's texts into the main system's rows, simulated ones too; None: normalize those they hold."""
        ids, failed = table["utterance_id"].to_pylist(), table["error"].is_valid().to_pylist()
        texts, words = table["hypothesis"].to_pylist(), table["words"].to_pylist()
        if system is not None:
            texts = [system.texts.get(name) for name in ids]
            words = [system.words.get(name, ()) for name in ids]
        texts = [None if broken else text for text, broken in zip(texts, failed, strict=True)]
        scored = self._score_texts([self.references[name] for name in ids], texts, words)
        scored["hypothesis"] = scored["hypothesis"].fill_null("")
        for name, column in scored.items():
            at = table.schema.get_field_index(name)
            table = table.set_column(at, table.schema.field(at), column.cast(table.schema.field(at).type))
        return table

    def _score_texts(
        self,
        references: Sequence[tuple[str, ...]],
        texts: Sequence[str | None],
        words: Sequence[Sequence[Word]],
    ) -> dict[str, pyarrow.Array]:
        normalize = make_normalizer(self.vocabulary, self.normalization)
        hypotheses = [None if text is None else normalize(text) for text in texts]
        said = [text or "" for text in hypotheses]
        chosen = list(map(find_nearest, references, said))
        pairs = list(zip(chosen, said, strict=True))
        letters = pairs
        if self.vocabulary.units != WORDS:  # the spaces are between units, and none is said
            letters = [(left.replace(" ", ""), right.replace(" ", "")) for left, right in pairs]
        measured = measure_words(pairs) | measure_characters(letters)
        unlabeled = np.array([not of_row for of_row in references], bool)
        absent = np.array([text is None for text in hypotheses], bool) | unlabeled
        timed = [
            time_tokens((text or "").split(), known or (), normalize)
            for text, known in zip(hypotheses, words, strict=True)
        ]
        return {
            "reference": pyarrow.array(chosen, pyarrow.string(), mask=unlabeled),
            "hypothesis": pyarrow.array(hypotheses, pyarrow.string()),
            **{name: pyarrow.array(values, mask=absent) for name, values in measured.items()},
            "words": pyarrow.array([found or None for found in timed], TIMED),
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

    Args:
        asked: files of hypotheses, as `name_system` reads them.
        split: the corpus.
        evaluated: ids of the utterances to evaluate.
        vocabulary: the model's.
        model: the model's name; None where none is evaluated.
        compare: folder of an older run.
        normalization: one of `SCORING`.
        columns: names of the columns "id" and "text" of the files.
        missing: see `corpus.hypotheses.match_hypotheses`.

    Raises:
        OSError: a file does not exist or cannot be read.
        ValueError: a file is none of hypotheses, or not of these utterances; two systems have one name.
    """
    normalize = make_normalizer(vocabulary, normalization)
    chosen = set(evaluated)
    more, texts = split.more_texts, zip(split.ids, split.texts, strict=True)
    references = {
        name: () if text is None else tuple(map(normalize, (text, *more.get(name, ()))))
        for name, text in texts
        if name in chosen
    }
    systems = Systems([], references, normalization, vocabulary)
    if model is not None:
        systems.add(System(model, {}, source="model"))
    for each in asked:
        systems.add(read_system(each, split.ids, evaluated=chosen, columns=columns, missing=missing))
    if compare is not None:
        taken = [system.name for system in systems.systems]
        systems.add(open_older_run(compare, systems.references, taken))
    return systems


def name_system(asked: str) -> tuple[str, Path]:
    """Read what `--hypotheses` names: NAME=FILE, or a file, whose name without its ending is the system's.

    Raises:
        ValueError: the name cannot be a file's.
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
    """Whether a file is a NeMo manifest with recordings, references and hypotheses, and so a corpus by itself."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline())
        except ValueError:
            return False
    return isinstance(first, dict) and {"audio_filepath", "text", "pred_text"} <= first.keys()


def read_system(
    asked: str,
    ids: Sequence[str],
    *,
    evaluated: Collection[str] | None = None,
    columns: Mapping[str, str] | None = None,
    missing: str = "refuse",
) -> System:
    """Read a file of hypotheses as a system; the arguments are those of `corpus.hypotheses`.

    Raises:
        OSError: the file does not exist or cannot be read.
        ValueError: it is none of hypotheses, or not of these utterances.
    """
    name, path = name_system(asked)
    found = match_hypotheses(read_hypotheses(path, columns), ids, evaluated=evaluated, missing=missing)
    notes = []
    if found.missing:
        notes.append(f"{name}: {len(found.missing)} utterances have no hypothesis and count as empty.")
    if found.extra:
        shown = f"{len(found.extra)} names of {path} are no utterance's, such as {found.extra[0][:80]}"
        notes.append(f"{name}: {shown}.")
    return System(name, found.texts, found.words, f"{path.name}, {found.form}", tuple(notes))


def find_nearest(references: Sequence[str], hypothesis: str) -> str:
    """Return the reference with the lowest word error rate, the first of several; without any, nothing."""
    if len(references) < 2:
        return "".join(references)
    return min(references, key=lambda reference: count_words(reference, hypothesis).error_rate)


def open_older_run(folder: Path, references: Mapping[str, Sequence[str]], taken: Collection[str]) -> System:
    """Open an older run's results as a system.

    Args:
        folder: its output folder.
        references: of this run, normalized, by utterance id.
        taken: names of other systems.

    Raises:
        FileNotFoundError: the folder holds no results.
        ValueError: no utterance is shared, or a reference differs.
    """
    path = folder / "results.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found; --compare needs the folder of a finished evaluation.")
    names = ["utterance_id", "reference", "hypothesis", "simulation", "error", "words"]
    rows = [
        row
        for row in pyarrow.parquet.read_table(path, columns=names).to_pylist()
        if row["simulation"] is None and row["error"] is None and row["utterance_id"] in references
    ]
    if not rows:
        raise ValueError(f"{folder}: shares no utterance with this run. Evaluate the same split with both.")
    for row in rows:
        if row["reference"] is not None and row["reference"] not in references[row["utterance_id"]]:
            raise ValueError(
                f"{row['utterance_id']}: systems are compared over the same references; received "
                f"{references[row['utterance_id']][0]!r} and, in {folder}, {row['reference']!r}. "
                "Evaluate both on the same corpus with the same --normalize."
            )
    name, summary = folder.resolve().name, folder / "summary.json"
    described = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
    # Without a model, evaluating was reading what had been recognized.
    speed = (
        described["speed"]["evaluation"]["times_real_time"] if "model" in described.get("run", ()) else None
    )
    return System(
        f"{name} (older)" if name in taken else name,
        {row["utterance_id"]: row["hypothesis"] for row in rows},
        {row["utterance_id"]: row["words"] or [] for row in rows},
        f"older run {folder}",
        is_older=True,
        speed=speed,
    )


@functools.cache
def make_normalizer(vocabulary: Vocabulary, normalization: str) -> Normalize:
    """Return what is done to reference and hypothesis alike: see `--normalize`.

    What Whisper's normalizers leave is spelled in the vocabulary's case, as all texts of a run are.

    Raises:
        ImportError: the package whisper-normalizer is needed and not installed.
    """
    if normalization in NORMALIZATIONS:
        return functools.cache(lambda text: vocabulary.normalize(text, normalization))
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    basic = BasicTextNormalizer(split_letters=vocabulary.units != WORDS)
    normalize = EnglishTextNormalizer() if normalization == WHISPER else basic
    return functools.cache(lambda text: vocabulary.normalize(normalize(text)))


def time_tokens(tokens: Sequence[str], words: Sequence[Word], normalize: Normalize) -> list[dict[str, Any]]:
    """Lay the recognizer's words with their times on the normalized text.

    A word that normalizing made another (twenty dollars, $20) gets the time from the first to the last word in its
    place, and the least of their confidences; one without a counterpart gets none.
    """
    if not words:
        return []
    pieces = [(token, word) for word in words for token in normalize(word["text"]).split()]
    matcher = difflib.SequenceMatcher(None, [token for token, _ in pieces], list(tokens), autojunk=False)
    timed = []
    for tag, start, end, first, last in matcher.get_opcodes():
        for place in range(first, last) if tag in ("equal", "replace") else ():
            of = (
                [pieces[start + place - first][1]]
                if tag == "equal"
                else [word for _, word in pieces[start:end]]
            )
            sure = [word["confidence"] for word in of]
            times = {"start_s": of[0]["start_s"], "end_s": of[-1]["end_s"]}
            timed.append({"text": tokens[place], **times, "confidence": None if None in sure else min(sure)})
    return timed
