"""Settings: what is read, what is refused."""

import dataclasses
import functools
from pathlib import Path

import pytest
import yaml

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT, load_configuration


def load(path=None, environment=None, **chosen):
    """Load the package's settings, or those of a file, without this machine's environment."""
    return load_configuration(path, environment or {}, **chosen)


def test_package_settings():
    configuration = load()
    states = ("training", "validation", "test", "unlabeled")
    assert configuration.corpus.source == "sample"
    assert configuration.corpus.subsets_by_state == {state: (state,) for state in states}
    assert configuration.corpus.splits["openslr"]["additional"] == ("test-other",)
    assert configuration.corpus.splits["huggingface"]["test"] == ("test.clean",)
    assert (configuration.audio.sampling_rate, configuration.audio.max_samples) == (16000, 562480)
    assert configuration.text.max_letters == 640
    assert configuration.model.path == PROJECT_ROOT / "models" / "wav2vec.h5"
    assert configuration.corpus.root == PROJECT_ROOT / "data"
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration.audio.max_samples = 1


def test_environment_overrides_source_and_root_unless_it_is_empty():
    corpus = load(environment={"LIBRISPEECH_SOURCE": "openslr", "LIBRISPEECH_ROOT": "/somewhere"}).corpus
    assert (corpus.source, corpus.root) == ("openslr", Path("/somewhere"))
    assert corpus.subsets_by_state["test"] == ("test-clean",)
    corpus = load(environment={"LIBRISPEECH_SOURCE": "", "LIBRISPEECH_ROOT": ""}).corpus
    assert (corpus.source, corpus.root) == ("sample", PROJECT_ROOT / "data")
    known = "corpus.source: unknown kaldi; known: sample, openslr, huggingface, files"
    with pytest.raises(ValueError, match=known):
        load(environment={"LIBRISPEECH_SOURCE": "kaldi"})


def test_with_corpus_changes_a_copy_only_and_refuses_unknown_states():
    configuration = load()
    changed = configuration.with_corpus(
        source="openslr", root="../data", dataset="own/corpus", subsets_by_state={"test": ["dev-other"]}
    )
    assert changed.corpus.subsets_by_state == {"test": ("dev-other",)}
    assert (changed.corpus.root, changed.corpus.dataset) == (Path("../data"), "own/corpus")
    assert configuration == load()
    with pytest.raises(
        ValueError, match="corpus.splits.sample: unknown testing; known: training, validation"
    ):
        configuration.with_corpus(subsets_by_state={"testing": ["x"]})


def write_settings(folder, key, value):
    """Write the package's settings with one of them, by its dotted name, changed or left out; return the file."""
    values = yaml.safe_load((PACKAGE_FOLDER / "config.yaml").read_text())
    *sections, name = key.split(".")
    section = functools.reduce(dict.get, sections, values)
    section[name] = value
    if value is MISSING:
        del section[name]
    (folder / "own.yaml").write_text(yaml.safe_dump(values))
    return folder / "own.yaml"


MISSING = object()
RATE = "audio.sampling_rate: the model needs 16000 Hz, got 22050; recordings at other rates are resampled"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("extra", 1, "own.yaml: unknown extra; known: corpus, audio, text, model"),
        ("audio.rate", 1, "own.yaml: audio: unknown rate; known: sampling_rate, max_samples"),
        ("audio.max_samples", MISSING, "own.yaml: audio: missing max_samples"),
        ("audio.max_samples", "many", "audio: max_samples: expected int, got 'many'"),
        ("audio.max_samples", True, "audio: max_samples: expected int, got True"),
        ("audio.sampling_rate", 22050, RATE),
        ("text.max_letters", -1, "text.max_letters: expected a number above zero, got -1"),
        ("text", [], r"own.yaml: text: expected a mapping, got \[\]"),
        ("corpus.root", 3, "corpus: root: expected str, got 3"),
        ("corpus.splits", [], r"corpus: splits: expected dict, got \[\]"),
        ("corpus.splits.tape", {}, "corpus.splits: unknown tape; known: sample, openslr"),
        ("systems", {1: "x.jsonl"}, "systems: the name 1: expected str, got 1"),
        ("systems", {False: "x.jsonl"}, "systems: the name False: expected str, got False"),
        ("corpus.splits.sample", MISSING, "corpus.splits: no entry for the source 'sample'"),
        ("corpus.splits.sample.test", "x", "splits.sample.test: expected list, got 'x'"),
        ("corpus.splits.sample.exam", [], "corpus.splits.sample: unknown exam"),
        ("corpus.dataset_files", "a/*", "corpus.dataset_files: 'a/\\*' lacks '{subset}'"),
    ],
)
def test_wrong_setting_is_named(tmp_path, key, value, message):
    with pytest.raises(ValueError, match=message):
        load(write_settings(tmp_path, key, value))


def test_root_may_be_null(tmp_path):
    assert load(write_settings(tmp_path, "corpus.root", None)).corpus.root is None


def test_home_of_a_user_who_is_not_known(tmp_path):
    load(write_settings(tmp_path, "corpus.root", "~no-such-user/data"))
    with pytest.raises(FileNotFoundError, match="^~no-such-user/data: is not a folder"):
        load(root="~no-such-user/data")
    assert load(model="~no-such-user/m.h5").model.path == Path("~no-such-user/m.h5").absolute()


def test_root_without_a_source_is_taken_for_what_it_is(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "tree" / "LibriSpeech").mkdir(parents=True)
    for name in ("table/test.csv", "folder/test/metadata.jsonl", "own/metadata.csv", "kaldi/test/wav.scp"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
        assert load(root=tmp_path / name.split("/")[0]).corpus.source == "files"
    assert load(environment={"LIBRISPEECH_ROOT": str(tmp_path / "tree")}).corpus.source == "openslr"
    assert load(source="sample", root=tmp_path / "empty").corpus.source == "sample"
    with pytest.raises(ValueError, match="empty: holds neither a folder LibriSpeech nor a table"):
        load(root=tmp_path / "empty")
    for name in ("none", "own/metadata.csv"):
        with pytest.raises(FileNotFoundError, match=f"{name}: is not a folder"):
            load(root=tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [", "not valid YAML"),
        (b"corpus: {source: files}\ncorpus: {source: sample}\n", "the key 'corpus' occurs twice"),
        (b"corpus: {source: files, source: sample}\n", "the key 'source' occurs twice"),
        (b"corpus: " + b"[" * 5000, "nested too deeply"),
        ("corpus: é".encode("latin-1"), "is not UTF-8; save it as UTF-8"),
    ],
)
def test_hostile_yaml_is_refused_in_one_line(tmp_path, content, reason):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=f"config.yaml: .*{reason}") as caught:
        load(tmp_path / "config.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="none.yaml: no such configuration file"):
        load(tmp_path / "none.yaml")
