"""Typed settings, read from config.yaml.

In: the YAML file and environment variables. Out: a frozen `Configuration`. A key that is unknown, missing
or of the wrong type is an error that names it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.text.normalization import ANNOTATIONS, NORMALIZATIONS, REFUSE, STRICT
from librispeech_clf.text.vocabulary import UNITS, Vocabulary, name_vocabulary_file, read_vocabulary

PACKAGE_FOLDER = Path(__file__).resolve().parent
PROJECT_ROOT = PACKAGE_FOLDER.parent
SOURCES = ("sample", "openslr", "huggingface", "files")
STATES = ("training", "validation", "test", "additional", "unlabeled")
SOURCE_VARIABLE = "LIBRISPEECH_SOURCE"
ROOT_VARIABLE = "LIBRISPEECH_ROOT"
SUBSETS_VARIABLE = "LIBRISPEECH_SUBSETS"
MODEL_VARIABLE = "LIBRISPEECH_MODEL"
COLUMN_KEYS = ("text", "audio", "id", "speaker_id", "chapter_id")
COLUMNS_VARIABLE = "LIBRISPEECH_COLUMNS"
NORMALIZE_VARIABLE = "LIBRISPEECH_NORMALIZE"
ANNOTATIONS_VARIABLE = "LIBRISPEECH_ANNOTATIONS"
GROUPS_VARIABLE = "LIBRISPEECH_GROUPS"
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".stm", "wav.scp")


@dataclasses.dataclass(frozen=True)
class CorpusConfiguration:
    """Which corpus is read.

    Attributes:
        source: One of `SOURCES`.
        root: Folder of the data; None when the source needs none.
        dataset: Name of a Hugging Face dataset, for the source huggingface.
        dataset_files: Where a subset's Parquet files are in that dataset's repository, with `{subset}`.
        splits: For each source, the subsets of each state.
        audio_folders: Folders outside the root whose recordings a table of the source files may name.
        columns: Names of the columns text, audio, id, speaker_id and chapter_id in custom tables; None: the usual ones.
    """

    source: str
    root: Path | None
    dataset: str
    dataset_files: str
    splits: dict[str, dict[str, tuple[str, ...]]]
    audio_folders: tuple[Path, ...] = ()
    columns: dict[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse sources, states and columns that do not exist."""
        _refuse_unknown("corpus.columns", self.columns or {}, COLUMN_KEYS)
        _refuse_unknown("corpus.source", [self.source], SOURCES)
        _refuse_unknown("corpus.splits", self.splits, SOURCES)
        for source, subsets_by_state in self.splits.items():
            _refuse_unknown(f"corpus.splits.{source}", subsets_by_state, STATES)
        if self.source not in self.splits:
            raise ValueError(f"corpus.splits: no entry for the source {self.source!r}; add one.")
        if "{subset}" not in self.dataset_files:
            raise ValueError(f"corpus.dataset_files: {self.dataset_files!r} lacks '{{subset}}'; add it.")

    @property
    def subsets_by_state(self) -> dict[str, tuple[str, ...]]:
        """The subsets of each state, for the chosen source."""
        return self.splits[self.source]


@dataclasses.dataclass(frozen=True)
class AudioConfiguration:
    """How audio is read.

    Attributes:
        sampling_rate: Hz; the one that wav2vec 2.0 was trained on, as at any other it would hear a wrong speed.
        max_samples: Width of the model's input in samples.
    """

    sampling_rate: int
    max_samples: int

    def __post_init__(self) -> None:
        """Refuse any rate but the model's, and numbers below one."""
        if self.sampling_rate != SAMPLING_RATE_HZ:
            raise ValueError(
                f"audio.sampling_rate: the model needs {SAMPLING_RATE_HZ} Hz, got {self.sampling_rate}; recordings at "
                f"other rates are resampled, so set {SAMPLING_RATE_HZ}."
            )
        _require_positive("audio.max_samples", self.max_samples)


@dataclasses.dataclass(frozen=True)
class TextConfiguration:
    """How transcripts are encoded.

    Attributes:
        max_letters: The longest transcript in letters, spaces included.
        normalize: "strict" refuses punctuation, "letters" removes it.
        annotations: "refuse" what is in brackets, or "drop" it.
        language: ISO 639 code; None: the vocabulary's.
        units: what the main error rate counts, "words", "characters" or "tokens"; None: what suits the vocabulary.
    """

    max_letters: int
    normalize: str = STRICT
    annotations: str = REFUSE
    language: str | None = None
    units: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers below one and normalizations that do not exist."""
        _require_positive("text.max_letters", self.max_letters)
        _refuse_unknown("text.normalize", [self.normalize], NORMALIZATIONS)
        _refuse_unknown("text.annotations", [self.annotations], ANNOTATIONS)
        _refuse_unknown("text.units", [self.units] if self.units else [], UNITS)


@dataclasses.dataclass(frozen=True)
class ModelFileConfiguration:
    """Where the model is.

    Attributes:
        path: The Keras .h5 file.
        vocabulary: The JSON file with its vocabulary; None: the one beside the model that is named after it.
    """

    path: Path
    vocabulary: Path | None = None


@dataclasses.dataclass(frozen=True)
class Configuration:
    """All settings.

    Attributes:
        systems: Files of other recognizers' hypotheses under the data root, by system name.
        groups: Where reports cut numbers, by column name.
    """

    corpus: CorpusConfiguration
    audio: AudioConfiguration
    text: TextConfiguration
    model: ModelFileConfiguration
    systems: dict[str, str] | None = None
    groups: dict[str, tuple[float, ...]] | None = None

    def __post_init__(self) -> None:
        """Refuse names that no metadata key can have, files outside the data root, and bounds that do not increase."""
        for name, bounds in (self.groups or {}).items():
            rising = all(low < high < math.inf for low, high in itertools.pairwise((-math.inf, *bounds)))
            if not bounds or not rising:
                raise ValueError(
                    f"groups: {name}: increasing numbers are needed, such as [5, 10]; received {bounds}."
                )
        for name, file in (self.systems or {}).items():
            if not re.fullmatch(r"\w+", name) or Path(file).is_absolute() or ".." in Path(file).parts:
                raise ValueError(
                    "systems: a name of letters and digits and a file under corpus.root are needed; "
                    f"received {name}: {file}."
                )

    def read_vocabulary(self) -> Vocabulary:
        """Read the model's vocabulary from the configured file, or the one beside the model."""
        path = self.model.vocabulary or name_vocabulary_file(self.model.path)
        return read_vocabulary(path, language=self.text.language, units=self.text.units)

    def with_corpus(
        self,
        *,
        source: str | None = None,
        root: str | Path | None = None,
        dataset: str | None = None,
        subsets_by_state: Mapping[str, Sequence[str]] | None = None,
    ) -> Configuration:
        """Return a copy that reads another corpus; arguments that are None change nothing.

        The root is relative to the working folder, and determines the source if none is given.
        """
        corpus = self.corpus
        folder = expand_home(root) if root is not None else corpus.root
        if not source and root and corpus.source == "sample":
            source = guess_source(expand_home(root))
        source, splits = source or corpus.source, corpus.splits
        if subsets_by_state is not None:
            chosen = {state: tuple(subsets) for state, subsets in subsets_by_state.items()}
            splits = {**splits, source: chosen}
        dataset = dataset or corpus.dataset
        corpus = dataclasses.replace(corpus, source=source, root=folder, dataset=dataset, splits=splits)
        return dataclasses.replace(self, corpus=corpus)


def load_configuration(
    path: str | Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    source: str | None = None,
    root: str | Path | None = None,
    model: str | Path | None = None,
) -> Configuration:
    """Read the settings: those of a YAML file, overridden by the environment, overridden by arguments.

    Args:
        path: A YAML file in the form of the package's config.yaml; None reads that one. Relative paths in it
            start at the project root.
        environment: The variables that the package's README lists. LIBRISPEECH_SUBSETS replaces the subsets of
            training, validation and test alike: code-loader asks for all three, so one subset can be
            evaluated even if no other is on the disk.
        source: One of `SOURCES`.
        root: Folder of the data; like `model`, relative to the working folder.
        model: The Keras .h5 file.
    """
    path = Path(path) if path is not None else PACKAGE_FOLDER / "config.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such configuration file.")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8; save it as UTF-8.") from error
    configuration = build_record(Configuration, _parse_yaml(content, str(path)), place=path.name)
    get = environment.get
    subsets = [name for name in get(SUBSETS_VARIABLE, "").split(",") if name]
    configuration = configuration.with_corpus(
        source=source or get(SOURCE_VARIABLE),
        root=root or get(ROOT_VARIABLE) or None,
        subsets_by_state={state: subsets for state in STATES[:3]} if subsets else None,
    )
    corpus, text = configuration.corpus, configuration.text
    groups, file = configuration.groups, configuration.model
    if columns := get(COLUMNS_VARIABLE):
        pairs = [pair.partition("=") for pair in columns.split(",")]
        corpus = dataclasses.replace(corpus, columns={key.strip(): name.strip() for key, _, name in pairs})
    normalize = get(NORMALIZE_VARIABLE) or text.normalize
    annotations = get(ANNOTATIONS_VARIABLE) or text.annotations
    text = dataclasses.replace(text, normalize=normalize, annotations=annotations)
    if bounds := get(GROUPS_VARIABLE):
        groups = _convert(dict[str, tuple[float, ...]], _parse_yaml(bounds, GROUPS_VARIABLE), GROUPS_VARIABLE)
    if model := model or get(MODEL_VARIABLE):
        path = expand_home(model).absolute()
        beside = name_vocabulary_file(path)
        file = ModelFileConfiguration(path, beside if beside.is_file() else file.vocabulary)
    return dataclasses.replace(configuration, corpus=corpus, text=text, groups=groups, model=file)


def expand_home(path: str | Path) -> Path:
    """Return a path with the home that ~ stands for; that of a user who is not known here stays as it is."""
    return Path(os.path.expanduser(path))


def guess_source(root: Path) -> str:
    """Return the source that fits a folder; refuse one that holds neither a LibriSpeech tree nor a table."""
    if root.name == "LibriSpeech" or (root / "LibriSpeech").is_dir():
        return "openslr"
    for pattern in ("*", "*/*"):
        if any(path.name.endswith(TABLE_ENDINGS) for path in root.glob(pattern)):
            return "files"
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: is not a folder; give the one that holds the data.")
    raise ValueError(
        f"{root}: holds neither a folder LibriSpeech nor a table ({', '.join(TABLE_ENDINGS)}); choose another root, "
        "or a source (--source, LIBRISPEECH_SOURCE)."
    )


class _Loader(yaml.SafeLoader):
    """Refuse a key that occurs twice: YAML silently takes the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        if twice := [key for number, key in enumerate(keys) if key in keys[:number]]:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"the key {twice[0]!r} occurs twice in the mapping of line {line}")
        return super().construct_mapping(node, deep)


def _parse_yaml(text: str, place: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except RecursionError as error:
        raise ValueError(
            f"{place}: is nested too deeply; write it in the form of the package's config.yaml."
        ) from error
    except yaml.YAMLError as error:
        raise ValueError(f"{place}: not valid YAML: {' '.join(str(error).split())}") from error


def build_record(record_type: type, values: Any, place: str) -> Any:
    """Build a dataclass from a mapping, by its field types; fields with a default may be missing.

    `place` says where the values come from, for messages.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{place}: expected a mapping, got {values!r}.")
    field_types = typing.get_type_hints(record_type)
    _refuse_unknown(place, values, tuple(field_types))
    absent = [field for field in dataclasses.fields(record_type) if field.name not in values]
    if missing := [field.name for field in absent if field.default is dataclasses.MISSING]:
        raise ValueError(f"{place}: missing {', '.join(missing)}.")
    given = {name: kind for name, kind in field_types.items() if name in values}
    converted = {name: _convert(kind, values[name], f"{place}: {name}") for name, kind in given.items()}
    return record_type(**converted)


def _convert(kind: Any, value: Any, place: str) -> Any:
    """Convert a YAML value to a field type, or raise an error that names its place."""
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return build_record(typing.cast(type, kind), value, place)
    if origin is types.UnionType:
        return None if value is None else _convert(arguments[0], value, place)
    if origin is dict:
        items = _of_type(dict, value, place).items()
        for key, _ in items:
            _of_type(str, key, f"{place}: the name {key}")
        return {key: _convert(arguments[1], item, f"{place}.{key}") for key, item in items}
    if origin is tuple:
        return tuple(_convert(arguments[0], item, f"{place} item") for item in _of_type(list, value, place))
    if kind is Path:
        return PROJECT_ROOT / expand_home(_of_type(str, value, place))
    return _of_type(kind, value, place)


def _of_type(kind: type, value: Any, place: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{place}: expected {kind.__name__}, got {value!r}.")
    return value


def _refuse_unknown(place: str, names: Any, known: Sequence[str]) -> None:
    if unknown := [str(name) for name in names if name not in known]:
        raise ValueError(f"{place}: unknown {', '.join(unknown)}; known: {', '.join(known)}.")


def _require_positive(place: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{place}: expected a number above zero, got {value}.")
