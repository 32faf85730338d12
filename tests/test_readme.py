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

from librispeech_clf import configuration
from librispeech_clf.audio.simulations import SIMULATION_PARAMETERS
from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT, SOURCES, load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.development.documents.make_images import MARKED, format_bundled, read_recordings
from librispeech_clf.local.commands.describe_corpus import describe_split, statistics_table
from tests.helpers.letters import VOCABULARY

README, PACKAGE_README, CARD, PROJECT_FILE, BINDER = (
    (PROJECT_ROOT / name).read_text()
    for name in (
        "README.md", "librispeech_clf/README.md", "models/wav2vec.md", "pyproject.toml", "leap_binder.py",
    )
)  # fmt: skip
BOTH = README + PACKAGE_README
PROJECT = tomllib.loads(PROJECT_FILE)["project"]
PROSE = MARKED.sub("", README)
FIGURES = {found["name"]: found[0].removeprefix(found[1]) for found in MARKED.finditer(README)}
"""What stands between the marks, by name."""
SECTIONS = dict(re.findall(r"^#+ (.+)\n((?:(?!#+ ).*\n)*)", README, flags=re.MULTILINE))
"""Heading -> the text below it."""
COMMANDS = sorted(set(re.findall(r"poetry run ([a-z-]+)", BOTH)))
DEVELOPMENT = "librispeech_clf.development.documents.make_images"
SEED_SECTIONS = {
    "Push to Tensorleap", "Latent space", "Weak clusters", "Dashboard", "Method", "Testing", "What it is made of"
}  # fmt: skip
SEED_LINKS = (
    "arxiv.org/abs/2006.11477 openslr.org/12 docs.tensorleap.ai github.com/tensorleap/leap-cli".split()
)


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


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("test", "benchmark")])
def test_options_exist(command):
    calls = re.findall(rf"(?:poetry run|and|`) ?{command} ([^`#\n|]*)", README)
    options = {word for call in calls for word in shlex.split(call) if word.startswith("--")}
    said = read_help(command)
    assert {option for option in options if option not in said} == set()


def test_options_of_prose_belong_to_a_command():
    commands = ("evaluate", "check-push", "convert-model", "prepare-data", DEVELOPMENT)
    known = "".join(map(read_help, commands))
    assert {option for option in re.findall(r"`(--[a-z-]+)", PROSE) if option not in known} == set()


def test_commands_exist_and_the_first_screen_sets_everything_up():
    assert {"evaluate", "test", "check-push", "prepare-data"} <= set(COMMANDS) <= set(PROJECT["scripts"])
    head = README.split("\n## ")[0]
    start = "python3.11 -m venv .venv && . .venv/bin/activate && pip install -e"
    assert f"{start} . poetry && poetry run evaluate\n" in head
    assert f"{start} '.[test]' poetry && poetry run test\n" in head
    extras = ",".join(re.findall(r"\.\[([a-z,]+)\]", README)).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_pictures_are_there_and_shown():
    shown = set(re.findall(r"\((images/[\w.]+)\)", README))
    there = {f"images/{path.name}" for path in (PROJECT_ROOT / "images").iterdir()}
    assert {path for path in there if path not in CARD} <= shown <= there


def test_links_to_sections_lead_somewhere_and_every_section_of_the_hub_example_has_its_place():
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in SECTIONS}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors
    assert SEED_SECTIONS <= set(SECTIONS)
    assert [link for link in SEED_LINKS if link not in README] == []


def test_paths_exist_and_every_folder_of_the_package_is_told_of():
    named = r"`((?:librispeech_clf|models|tests|\.ci)/[\w./-]+|[\w/]+\.(?:yaml|toml|txt|py))`"
    paths = set(re.findall(named, BOTH)) - {"config.yaml", "models/base-960h.h5"}
    places = (PROJECT_ROOT, PACKAGE_FOLDER)
    assert {path for path in paths if not any((place / path).exists() for place in places)} == set()
    folders = {path.parent.name for path in PACKAGE_FOLDER.glob("**/__init__.py")}
    assert folders - {"librispeech_clf"} <= set(re.findall(r"(\w+)`", PACKAGE_README))


def test_registered_names():
    section = SECTIONS["Push to Tensorleap"].split("`leap_binder.py` registers:")[1].split("\n\n")[1]
    named = set(re.findall(r"@tensorleap_(?!integration|preprocess|load)\w+\(\s*\"(\w+)\"", BINDER))
    assert set(re.findall(r"`(\w+)`", section)) == named | {"preprocess", "load_model"}


def test_sources_simulations_settings_and_variables():
    data = SECTIONS["Use LibriSpeech, or your own data"]
    assert set(re.findall(r"^\| `([^A-Z\W]+)` \|", data, flags=re.MULTILINE)) == set(SOURCES)
    simulations = re.search(r"--simulate\s+additive_noise:babble` \(or ([^)]+)\)", README)
    named = {"additive_noise", *re.findall(r"`(\w+)`", simulations[1])}
    assert named == set(SIMULATION_PARAMETERS)
    known = {value for name, value in vars(configuration).items() if name.endswith("_VARIABLE")}
    assert set(re.findall(r"^\| `(LIBRISPEECH_\w+)` \|", PACKAGE_README, flags=re.MULTILINE)) == known
    settings = yaml.safe_load((PACKAGE_FOLDER / "config.yaml").read_text())
    assert {"dataset", "dataset_files", "audio_folders", "splits"} <= set(settings["corpus"])


def test_the_bundled_corpus_is_as_described():
    rows = re.findall(r"^\| (training|validation|test) \| (.+) \|$", README, flags=re.MULTILINE)
    corpus = load_configuration().with_corpus(source="sample").corpus
    splits = [describe_split(load_split(corpus, state), VOCABULARY) for state, _ in rows]
    columns = [column.cells for column in statistics_table("", splits).columns]
    assert [(state, *cells.split(" | ")) for state, cells in rows] == list(zip(*columns, strict=True))


@pytest.mark.parametrize(("language", "name"), [("csv", "metadata.csv"), ("json", "manifest.json")])
def test_worked_examples(tmp_path, language, name):
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    folder = tmp_path / "speech" / "test"
    folder.mkdir(parents=True)
    (folder / name).write_text(block)
    for recording in ("morning.wav", "answer.wav"):
        soundfile.write(folder / recording, np.zeros(16_000), 16_000)
    corpus = load_configuration().with_corpus(source="files", root=tmp_path / "speech").corpus
    split = load_split(corpus, "test")
    texts = [split.utterance(name).text.upper() for name in split.ids]
    assert sorted(texts) == ["GOOD MORNING", "I CAN'T HEAR YOU"]


def test_figures_are_written_by_the_command():
    of_test_clean = ("table", "latent space", "utterances", "weak cluster", "first", "dashboard")
    assert set(FIGURES) == {"bundled table", *(f"test-clean {name}" for name in of_test_clean)}
    assert all(text.strip() for text in FIGURES.values())
    assert not re.search(r"significan\w+|corrected p", PROSE.split("## Method")[0])
    assert "--section bundled" in BOTH and "--section test-clean" in BOTH


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
    utterances, *rates = re.search(row, FIGURES[name], re.MULTILINE).groups()
    on_card = re.search(rf"^\| {data} \| ([\d,]+) \| \d+ \| ([\d.]+)[^|]* \| ([\d.]+)", CARD, re.MULTILINE)
    if on_card is None or on_card[1].replace(",", "") != utterances.replace(",", ""):
        pytest.skip(f"the card tells of other utterances of {data}")
    assert on_card.groups()[1:] == tuple(f"{float(rate) / 100:.3f}" for rate in rates)


@pytest.mark.slow
def test_the_bundled_table_is_that_of_an_evaluation(tmp_path):
    # A process of its own, as leap_binder registers once, and the environment may name another corpus.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIBRISPEECH_")}
    command = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    files = re.findall(r"^\| `(\w+\.\w+)` \|", SECTIONS["What comes out"], re.MULTILINE)
    assert set(files) == {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert format_bundled(read_recordings(tmp_path))["bundled table"] == FIGURES["bundled table"].strip()
