"""The README against the code: commands, options, files, names, tables and the worked examples."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import unittest.mock
from importlib import import_module

import numpy as np
import pytest
import soundfile
import yaml

import leap_binder
from librispeech_clf.configuration import PROJECT_ROOT, SOURCES, load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.development.documents.make_images import MARKED, format_bundled, read_recordings
from librispeech_clf.local.commands.describe_corpus import describe_split, statistics_table
from tests.helpers.letters import VOCABULARY

README = (PROJECT_ROOT / "README.md").read_text()
PACKAGE_README = (PROJECT_ROOT / "librispeech_clf" / "README.md").read_text()
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
PROSE = MARKED.sub("", README)
COMMANDS = sorted(set(re.findall(r"poetry run ([a-z-]+)", README + PACKAGE_README)))
DEVELOPMENT = "librispeech_clf.development.documents.make_images"
SEED_SECTIONS = (
    "Push to Tensorleap", "Latent space", "Weak clusters", "Dashboard", "Method", "Testing", "What it is made of"
)  # fmt: skip


def read_figures() -> dict[str, str]:
    """Read what stands between the marks, by name."""
    return {found["name"]: found[0].removeprefix(found[1]) for found in MARKED.finditer(README)}


def list_sections() -> dict[str, str]:
    """Map each heading to the text below it."""
    parts = re.split(r"^#+ (.+)$", README, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def read_blocks(language: str) -> list[str]:
    """List the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def read_help(command: str) -> str:
    """Read what a command says to --help."""
    module, _, function = PROJECT["scripts"].get(command, f"{command}:main").partition(":")
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        unittest.mock.patch.object(sys, "argv", [command, "--help"]),
        pytest.raises(SystemExit),
    ):
        getattr(import_module(module), function)()
    return said.getvalue()


def list_options(command: str) -> set[str]:
    """List the options that the README gives a command."""
    calls = re.findall(rf"(?:poetry run|and|`) ?{command} ([^`#\n|]*)", README)
    return {word for call in calls for word in shlex.split(call) if word.startswith("--")}


def test_commands_exist():
    assert set(COMMANDS) <= set(PROJECT["scripts"])
    assert {"evaluate", "test", "check-push", "prepare-data"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("test", "benchmark")])
def test_options_exist(command):
    said = read_help(command)
    for option in list_options(command):
        assert option in said, f"{command} {option}"


def test_options_of_prose_belong_to_evaluate_or_check_push():
    said = read_help("evaluate") + read_help("check-push") + read_help("convert-model")
    known = said + read_help("prepare-data") + read_help(DEVELOPMENT)
    for option in set(re.findall(r"`(--[a-z-]+)", PROSE)):
        assert option in known, option


def test_the_first_screen_sets_everything_up():
    head = README.split("\n## ")[0]
    start = "python3.11 -m venv .venv && . .venv/bin/activate && pip install -e"
    assert f"{start} . poetry && poetry run evaluate\n" in head
    assert f"{start} '.[test]' poetry && poetry run test\n" in head
    extras = set(re.findall(r"\.\[([a-z,]+)\]", README))
    assert {name for extra in extras for name in extra.split(",")} <= set(PROJECT["optional-dependencies"])


def test_pictures_are_there_and_shown():
    shown = set(re.findall(r"\((images/[\w.]+)\)", README))
    cards = (PROJECT_ROOT / "models" / "wav2vec.md").read_text()
    there = {f"images/{path.name}" for path in (PROJECT_ROOT / "images").iterdir()}
    assert shown <= there
    assert {path for path in there if path not in cards} <= shown


def test_links_to_sections_lead_somewhere():
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in list_sections()}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_paths_exist():
    for path in re.findall(
        r"`((?:librispeech_clf|models|tests|\.ci)/[\w./-]+|[\w/]+\.(?:yaml|toml|txt|py))`",
        README + PACKAGE_README,
    ):
        if path not in ("config.yaml", "models/base-960h.h5"):
            assert (PROJECT_ROOT / path).exists() or (PROJECT_ROOT / "librispeech_clf" / path).exists(), path


def test_every_folder_of_the_package_is_told_of():
    folders = {path.parent.name for path in (PROJECT_ROOT / "librispeech_clf").glob("**/__init__.py")}
    told = set(re.findall(r"(\w+)`", PACKAGE_README))
    assert folders - {"librispeech_clf"} <= told


def test_every_section_of_the_hub_example_has_its_place():
    assert set(SEED_SECTIONS) <= set(list_sections())
    for link in (
        "arxiv.org/abs/2006.11477",
        "openslr.org/12",
        "docs.tensorleap.ai",
        "github.com/tensorleap/leap-cli",
    ):
        assert link in README


def test_registered_names():
    section = list_sections()["Push to Tensorleap"].split("`leap_binder.py` registers:")[1].split("\n\n")[1]
    told = set(re.findall(r"`(\w+)`", section))
    source = (PROJECT_ROOT / "leap_binder.py").read_text()
    named = set(re.findall(r"@tensorleap_(?!integration|preprocess|load)\w+\(\s*\"(\w+)\"", source))
    assert told == named | {"preprocess", "load_model"}


def test_sources_and_simulations():
    data = list_sections()["Use LibriSpeech, or your own data"]
    assert {
        name for name in re.findall(r"^\| `(\w+)` \|", data, flags=re.MULTILINE) if name.islower()
    } == set(SOURCES)
    simulations = re.search(r"--simulate\s+additive_noise:babble` \(or ([^)]+)\)", README)
    named = {"additive_noise", *re.findall(r"`(\w+)`", simulations[1])}
    assert named == set(leap_binder.simulations.SIMULATION_PARAMETERS)


def test_variables_of_the_environment():
    from librispeech_clf import configuration

    known = {value for name, value in vars(configuration).items() if name.endswith("_VARIABLE")}
    assert set(re.findall(r"^\| `(LIBRISPEECH_\w+)` \|", PACKAGE_README, flags=re.MULTILINE)) == known


def test_settings():
    settings = yaml.safe_load((PROJECT_ROOT / "librispeech_clf" / "config.yaml").read_text())
    assert {"dataset", "dataset_files", "audio_folders", "splits"} <= set(settings["corpus"])


def test_the_bundled_corpus_is_as_described():
    rows = re.findall(r"^\| (training|validation|test) \| (.+) \|$", README, flags=re.MULTILINE)
    corpus = load_configuration().with_corpus(source="sample").corpus
    splits = [describe_split(load_split(corpus, state), VOCABULARY) for state, _ in rows]
    columns = [list(column.cells) for column in statistics_table("", splits).columns]
    assert [[state, *cells.split(" | ")] for state, cells in rows] == [
        list(row) for row in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize(("language", "name"), [("csv", "metadata.csv"), ("json", "manifest.json")])
def test_worked_examples(tmp_path, language, name):
    (block,) = read_blocks(language)
    folder = tmp_path / "speech" / "test"
    folder.mkdir(parents=True)
    (folder / name).write_text(block)
    for recording in ("morning.wav", "answer.wav"):
        soundfile.write(folder / recording, np.zeros(16_000), 16_000)
    corpus = load_configuration().with_corpus(source="files", root=tmp_path / "speech").corpus
    split = load_split(corpus, "test")
    texts = [split.utterance(name).text.upper() for name in split.ids]
    assert sorted(texts) == ["GOOD MORNING", "I CAN'T HEAR YOU"]
    assert all(path.exists() for path in (folder / "morning.wav", folder / "answer.wav"))


def test_figures_are_written_by_the_command():
    figures = read_figures()
    assert set(figures) == {
        "bundled table", "test-clean table", "test-clean latent space", "test-clean utterances",
        "test-clean weak cluster", "test-clean first", "test-clean dashboard",
    }  # fmt: skip
    assert all(text.strip() for text in figures.values())
    assert not re.search(r"significan\w+|corrected p", PROSE.split("## Method")[0])
    for section in ("bundled", "test-clean"):
        assert f"--section {section}" in README + PACKAGE_README


def read_card(data: str) -> tuple[str, ...] | None:
    """Read utterances, word and character error rate of a data set from the model's card."""
    card = (PROJECT_ROOT / "models" / "wav2vec.md").read_text()
    rate = r"([\d.]+)[^|]*"
    found = re.search(rf"^\| {data} \| ([\d,]+) \| \d+ \| {rate} \| {rate} \|", card, flags=re.MULTILINE)
    return found and (found[1].replace(",", ""), found[2], found[3])


@pytest.mark.parametrize(
    ("data", "name", "row"),
    [
        ("synthetic, test", "bundled table", r"^ all +(\d+) +\d+ +([\d.]+) \S+ +([\d.]+)"),
        (
            "LibriSpeech test-clean",
            "test-clean table",
            r"^\| all \| ([\d,]+) \| \S+ \| ([\d.]+) .*? \| ([\d.]+)",
        ),
    ],
)
def test_tables_are_those_of_the_models_card(data, name, row):
    utterances, *rates = re.search(row, read_figures()[name], re.MULTILINE).groups()
    told = (utterances.replace(",", ""), *(f"{float(rate) / 100:.3f}" for rate in rates))
    on_card = read_card(data)
    if on_card is None or on_card[0] != told[0]:
        pytest.skip(f"the card tells of other utterances of {data}")
    assert told == on_card


@pytest.mark.slow
def test_the_bundled_table_is_that_of_an_evaluation(tmp_path):
    # A process of its own, as leap_binder registers once, and the environment may name another corpus.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIBRISPEECH_")}
    command = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    files = re.findall(r"^\| `(\w+\.\w+)` \|", list_sections()["What comes out"], re.MULTILINE)
    assert set(files) == {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert (
        format_bundled(read_recordings(tmp_path))["bundled table"] == read_figures()["bundled table"].strip()
    )
