"""Private parts of libraries that the package relies on: each is listed here, and fails a test when it changes."""

import ast

import numpy as np
import pytest

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT

USED = {
    "_count_syllables",
    "_synthetic_lookup",
    "_preprocess_result",
    "_get_custom_latent_spaces",
    "_metadata_name_to_type",
    "_fill_text",
    "_cells",  # of a column of rich's tables
}
OVERRIDDEN = {"_metadata_name_to_type"}


def parse_package():
    paths = [PROJECT_ROOT / "leap_binder.py", *PACKAGE_FOLDER.rglob("*.py")]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def list_imported(tree: ast.Module) -> set[str]:
    """Private names imported from other packages."""
    foreign = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("librispeech_clf")
    ]
    parts = [part for node in foreign for part in (node.module or "").split(".")]
    return {
        name
        for name in [*parts, *(alias.name for node in foreign for alias in node.names)]
        if is_private(name)
    }


def list_accessed(tree: ast.Module) -> set[str]:
    """Private attributes of anything but the own object."""
    attributes = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr)
    ]
    return {
        node.attr
        for node in attributes
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }


def list_overridden(tree: ast.Module) -> set[str]:
    """Private methods of classes that extend a class of code-loader."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    extending = [node for node in classes if any(ast.unparse(base) == "LeapLoader" for base in node.bases)]
    names = {item.name for node in extending for item in node.body if isinstance(item, ast.FunctionDef)}
    return {name for name in names if is_private(name)}


def test_no_other_private_part_is_used():
    trees = parse_package()
    assert set().union(*map(list_imported, trees), *map(list_accessed, trees)) == USED
    assert set().union(*map(list_overridden, trees)) == OVERRIDDEN


def test_textstat_counts_by_our_syllables():
    from librispeech_clf.metadata import readability

    textstat = readability._textstat()
    words = ["blorptiquel", "readability", "queueing"]
    expected = [readability.count_syllables(word) for word in words]
    assert [textstat.syllable_count(word) for word in words] == expected
    assert textstat.syllable_count(" ".join(words)) == sum(expected)


def test_textstat_that_takes_its_dictionary_elsewhere_is_refused(monkeypatch):
    from textstat.backend.counts import _count_syllables

    from librispeech_clf.metadata import readability

    monkeypatch.delattr(_count_syllables, "get_cmudict")
    readability._textstat.cache_clear()
    with pytest.raises(ImportError, match=r"textstat: this version .* than version 0\.7\.13 does; install"):
        readability.readability_metadata("A WORD")


@pytest.fixture(scope="module")
def engine():
    """The engine over the bundled corpus, without a model; what other tests registered comes back behind it."""
    from code_loader.contract.datasetclasses import DatasetIntegrationSetup
    from code_loader.inner_leap_binder import global_leap_binder

    from librispeech_clf.local.evaluation.engine import Engine, open_loader

    registered = global_leap_binder.setup_container, global_leap_binder.mapping_connections
    global_leap_binder.setup_container = DatasetIntegrationSetup()
    loader = open_loader(PROJECT_ROOT)
    yield Engine(loader, global_leap_binder.mapping_connections, open_model=lambda: None)
    global_leap_binder.setup_container, global_leap_binder.mapping_connections = registered


def test_code_loader_gives_the_corpus(engine):
    from code_loader.contract.enums import DataStateEnum

    assert set(engine.loader._preprocess_result()) >= {DataStateEnum.training, DataStateEnum.test}
    assert engine.split.ids[0] in engine.loader._preprocess_result()[DataStateEnum.test].sample_ids


def test_code_loader_reads_simulated_utterances_until_they_are_forgotten(engine):
    from code_loader.contract.enums import DataStateEnum

    from librispeech_clf.local.evaluation.engine import Task

    (name,) = engine.simulate("clipping", {"share": 0.4}, count=1, seed=0)
    original = engine.loader.get_sample(DataStateEnum.test, name.rpartition("+")[0])
    simulated = engine.loader.get_sample(DataStateEnum.additional, name)
    assert not np.array_equal(simulated.inputs["audio"], original.inputs["audio"])
    engine.release_simulated([Task(name, name, "test", "part")])
    with pytest.raises(Exception, match=r".+"):
        engine.loader.get_sample(DataStateEnum.additional, name)


def test_code_loader_takes_the_declared_types_of_metadata(engine, monkeypatch):
    from code_loader.contract.enums import DatasetMetadataType, DataStateEnum

    declared = engine.loader._metadata_name_to_type()
    assert declared["text_word_count"] == DatasetMetadataType.int
    changed = dict.fromkeys(declared, DatasetMetadataType.string)
    monkeypatch.setattr(engine.loader, "_metadata_name_to_type", lambda: changed)
    sample = engine.loader.get_sample(DataStateEnum.test, engine.split.ids[0])
    assert isinstance(sample.metadata["text_word_count"], str)


def test_argparse_fills_the_paragraphs_of_a_help_text():
    import argparse

    text = argparse.HelpFormatter("evaluate")._fill_text("one two three", 9, "  ")
    assert text == "  one two\n  three"
