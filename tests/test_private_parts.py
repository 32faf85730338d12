"""Private parts of libraries that the package relies on: each is listed here, and fails a test when it changes."""

import argparse
import ast

import numpy as np
import pytest
from code_loader.contract.datasetclasses import DatasetIntegrationSetup
from code_loader.contract.enums import DatasetMetadataType, DataStateEnum
from code_loader.inner_leap_binder import global_leap_binder

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT
from librispeech_clf.local.commands.check_push import read_result
from librispeech_clf.local.evaluation.engine import Engine, Task, open_loader
from librispeech_clf.metadata import readability

USED = set(
    "_count_syllables _synthetic_lookup _preprocess_result _get_custom_latent_spaces _metadata_name_to_type "
    "_fill_text _cells".split()  # cells: of a column of rich's tables
)
OVERRIDDEN = {"_metadata_name_to_type"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def list_private(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Private names imported from other packages and attributes of other objects; methods of code-loader overridden."""
    used, overridden = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("librispeech_clf"):
            used |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            used.add(node.attr)
        if isinstance(node, ast.ClassDef) and "LeapLoader" in map(ast.unparse, node.bases):
            overridden |= {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    return set(filter(is_private, used)), set(filter(is_private, overridden))


def test_no_other_private_part_is_used():
    paths = [PROJECT_ROOT / "leap_binder.py", *PACKAGE_FOLDER.rglob("*.py")]
    found = [list_private(ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    used, overridden = (set().union(*names) for names in zip(*found, strict=True))
    assert (used, overridden) == (USED, OVERRIDDEN)


def test_textstat_counts_by_our_syllables():
    textstat = readability._textstat()
    words = ["blorptiquel", "readability", "queueing"]
    expected = [readability.count_syllables(word) for word in words]
    assert [textstat.syllable_count(word) for word in words] == expected
    assert textstat.syllable_count(" ".join(words)) == sum(expected)


def test_textstat_that_takes_its_dictionary_elsewhere_is_refused(monkeypatch):
    from textstat.backend.counts import _count_syllables

    monkeypatch.delattr(_count_syllables, "get_cmudict")
    readability._textstat.cache_clear()
    with pytest.raises(ImportError, match=r"textstat: this version .* than version 0\.7\.13 does; install"):
        readability.readability_metadata("A WORD")


@pytest.fixture(scope="module")
def engine():
    """The engine over the bundled corpus, without a model; what other tests registered comes back behind it."""
    registered = global_leap_binder.setup_container, global_leap_binder.mapping_connections
    global_leap_binder.setup_container = DatasetIntegrationSetup()
    loader = open_loader(PROJECT_ROOT)
    yield Engine(loader, global_leap_binder.mapping_connections, open_model=lambda: None)
    global_leap_binder.setup_container, global_leap_binder.mapping_connections = registered


def test_code_loader_gives_the_corpus_and_simulated_utterances_until_they_are_forgotten(engine):
    found = engine.loader._preprocess_result()
    assert set(found) >= {DataStateEnum.training, DataStateEnum.test}
    assert engine.split.ids[0] in found[DataStateEnum.test].sample_ids
    (name,) = engine.simulate("clipping", {"share": 0.4}, count=1, seed=0)
    original = engine.loader.get_sample(DataStateEnum.test, name.rpartition("+")[0])
    simulated = engine.loader.get_sample(DataStateEnum.additional, name)
    assert not np.array_equal(simulated.inputs["audio"], original.inputs["audio"])
    engine.release_simulated([Task(name, name, "test", "part")])
    with pytest.raises(Exception, match=r".+"):
        engine.loader.get_sample(DataStateEnum.additional, name)


def test_code_loader_takes_the_declared_types_of_metadata(engine, monkeypatch):
    declared = engine.loader._metadata_name_to_type()
    assert declared["text_word_count"] == DatasetMetadataType.int
    changed = dict.fromkeys(declared, DatasetMetadataType.string)
    monkeypatch.setattr(engine.loader, "_metadata_name_to_type", lambda: changed)
    sample = engine.loader.get_sample(DataStateEnum.test, engine.split.ids[0])
    assert isinstance(sample.metadata["text_word_count"], str)


def test_result_is_found_among_what_code_loader_prints_at_exit():
    assert read_result('loading\nrehearsal: {"valid": true}\nSimulation(s) not called\n') == {"valid": True}


def test_argparse_fills_the_paragraphs_of_a_help_text():
    text = argparse.HelpFormatter("evaluate")._fill_text("one two three", 9, "  ")
    assert text == "  one two\n  three"
