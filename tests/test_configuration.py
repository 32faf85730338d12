"""Settings: what is read, what is refused."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT, load_configuration


@pytest.fixture
def write_yaml(tmp_path):
    """Writes the package's settings after a change; returns the file."""

    def write(change):
        values = yaml.safe_load((PACKAGE_FOLDER / "config.yaml").read_text())
        change(values)
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def test_package_settings():
    configuration = load_configuration(environment={})
    assert configuration.corpus.source == "sample"
    assert configuration.corpus.subsets_by_state == {
        "training": ("training",),
        "validation": ("validation",),
        "test": ("test",),
        "unlabeled": ("unlabeled",),
    }
    assert configuration.corpus.splits["openslr"]["additional"] == ("test-other",)
    assert configuration.corpus.splits["huggingface"]["test"] == ("test.clean",)
    assert (configuration.audio.sampling_rate, configuration.audio.max_samples) == (16000, 562480)
    assert configuration.text.max_letters == 640
    assert configuration.model.path == PROJECT_ROOT / "models" / "wav2vec.h5"
    assert configuration.corpus.root == PROJECT_ROOT / "data"


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_configuration(environment={}).audio.max_samples = 1


def test_environment_overrides_source_and_root():
    environment = {"LIBRISPEECH_SOURCE": "openslr", "LIBRISPEECH_ROOT": "/somewhere"}
    corpus = load_configuration(environment=environment).corpus
    assert (corpus.source, corpus.root) == ("openslr", Path("/somewhere"))
    assert corpus.subsets_by_state["test"] == ("test-clean",)


def test_empty_environment_variables_are_ignored():
    corpus = load_configuration(environment={"LIBRISPEECH_SOURCE": "", "LIBRISPEECH_ROOT": ""}).corpus
    assert (corpus.source, corpus.root) == ("sample", PROJECT_ROOT / "data")


def test_unknown_source_in_the_environment():
    with pytest.raises(
        ValueError, match="corpus.source: unknown kaldi; known: sample, openslr, huggingface, files"
    ):
        load_configuration(environment={"LIBRISPEECH_SOURCE": "kaldi"})


def test_with_corpus_changes_a_copy_only():
    configuration = load_configuration(environment={})
    changed = configuration.with_corpus(
        source="openslr", root="../data", dataset="own/corpus", subsets_by_state={"test": ["dev-other"]}
    )
    assert changed.corpus.subsets_by_state == {"test": ("dev-other",)}
    assert (changed.corpus.root, changed.corpus.dataset) == (Path("../data"), "own/corpus")
    assert configuration == load_configuration(environment={})


def test_with_corpus_refuses_unknown_states():
    with pytest.raises(
        ValueError, match="corpus.splits.sample: unknown testing; known: training, validation"
    ):
        load_configuration(environment={}).with_corpus(subsets_by_state={"testing": ["x"]})


def test_root_may_be_null(write_yaml):
    path = write_yaml(lambda values: values["corpus"].update(root=None))
    assert load_configuration(path, environment={}).corpus.root is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(extra=1), "own.yaml: unknown extra; known: corpus, audio, text, model"),
        (
            lambda v: v["audio"].update(rate=1),
            "own.yaml: audio: unknown rate; known: sampling_rate, max_samples",
        ),
        (lambda v: v["audio"].pop("max_samples"), "own.yaml: audio: missing max_samples"),
        (lambda v: v["audio"].update(max_samples="many"), "audio: max_samples: expected int, got 'many'"),
        (lambda v: v["audio"].update(max_samples=True), "audio: max_samples: expected int, got True"),
        (
            lambda v: v["audio"].update(sampling_rate=22050),
            "audio.sampling_rate: the model hears 16000 Hz, got 22050; recordings at other rates are resampled",
        ),
        (
            lambda v: v["text"].update(max_letters=-1),
            "text.max_letters: expected a number above zero, got -1",
        ),
        (lambda v: v.update(text=[]), r"own.yaml: text: expected a mapping, got \[\]"),
        (lambda v: v["corpus"].update(root=3), "corpus: root: expected str, got 3"),
        (lambda v: v["corpus"].update(splits=[]), r"corpus: splits: expected dict, got \[\]"),
        (
            lambda v: v["corpus"]["splits"].update(tape={}),
            "corpus.splits: unknown tape; known: sample, openslr",
        ),
        (lambda v: v["corpus"]["splits"].pop("sample"), "corpus.splits: no entry for the source 'sample'"),
        (
            lambda v: v["corpus"]["splits"]["sample"].update(test="x"),
            "splits.sample.test: expected list, got 'x'",
        ),
        (lambda v: v["corpus"]["splits"]["sample"].update(exam=[]), "corpus.splits.sample: unknown exam"),
        (lambda v: v["corpus"].update(dataset_files="a/*"), "corpus.dataset_files: 'a/\\*' lacks '{subset}'"),
    ],
)
def test_wrong_setting_is_named(write_yaml, change, message):
    with pytest.raises(ValueError, match=message):
        load_configuration(write_yaml(change), environment={})


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.yaml: no such configuration file"):
        load_configuration(tmp_path / "none.yaml")


def test_file_that_is_no_yaml(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ValueError, match="bad.yaml: not valid YAML"):
        load_configuration(tmp_path / "bad.yaml")


def test_root_without_a_source_is_taken_for_what_it_is(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "tree" / "LibriSpeech").mkdir(parents=True)
    for name in ("table/test.csv", "folder/test/metadata.jsonl", "own/metadata.csv", "kaldi/test/wav.scp"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
        assert load_configuration(environment={}, root=tmp_path / name.split("/")[0]).corpus.source == "files"
    assert (
        load_configuration(environment={"LIBRISPEECH_ROOT": str(tmp_path / "tree")}).corpus.source
        == "openslr"
    )
    assert (
        load_configuration(environment={}, source="sample", root=tmp_path / "empty").corpus.source == "sample"
    )
    with pytest.raises(ValueError, match="empty: holds neither a folder LibriSpeech nor a table"):
        load_configuration(environment={}, root=tmp_path / "empty")
    for name in ("none", "own/metadata.csv"):
        with pytest.raises(FileNotFoundError, match=f"{name}: is no folder"):
            load_configuration(environment={}, root=tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"corpus: {source: files}\ncorpus: {source: sample}\n", "the key 'corpus' occurs twice"),
        (b"corpus: {source: files, source: sample}\n", "the key 'source' occurs twice"),
        (b"corpus: " + b"[" * 5000, "nested too deeply"),
        ("corpus: é".encode("latin-1"), "is not UTF-8; save it as UTF-8"),
    ],
)
def test_hostile_yaml_is_refused_in_one_line(tmp_path, content, reason):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=f"config.yaml: .*{reason}") as caught:
        load_configuration(tmp_path / "config.yaml", environment={})
    assert "\n" not in str(caught.value)
