"""Every command of pyproject.toml: what it answers to help, wrong requests, Ctrl-C and a closed pipe."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tomllib

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.cli import count, make_parser, run, share

SCRIPTS = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["scripts"]
PASS_ON = {"test", "benchmark"}
"""They hand unknown arguments to another program."""
NOTHING_WITHOUT = set(
    "compare fail_if hypotheses hypotheses_columns language lexicon lm notes simulate terms transcribe".split()
)
"""Options without which nothing of the kind is done."""
REQUIRED = {"convert-model": ["--from", "x", "--to", "x.h5"]}


def load(name):
    """The module of a command."""
    return importlib.import_module(SCRIPTS[name].partition(":")[0])


def ask(name, *arguments):
    """Call a command that ends while it reads its arguments; return the exit code."""
    with pytest.raises(SystemExit) as ended:
        load(name).main([*arguments])
    return ended.value.code


@pytest.mark.parametrize("name", SCRIPTS)
def test_module_version_and_help_are_for_people(name, capsys, monkeypatch):
    assert SCRIPTS[name] == f"librispeech_clf.local.commands.{name.replace('-', '_')}:main"
    monkeypatch.setenv("COLUMNS", "400")
    assert ask(name, "--version") == ask(name, "--help") == 0
    version, shown = capsys.readouterr().out.split("\n", 1)
    assert re.fullmatch(rf"{name}, librispeech-clf \S+.*", version)
    described = shown.split("\n\n")[1]
    assert described[0].isupper() and described.strip()[-1] in ".:" or name in PASS_ON
    assert not [sign for sign in ("`", "In: ", "None", "==SUPPRESS") if sign in shown]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_option_is_explained_with_its_default(name, monkeypatch):
    kept = []

    def keep(self, *_):
        kept.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", keep)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", keep)
    assert load(name).main([]) == 130
    for action in kept[0]._actions:
        told = kept[0]._get_formatter()._expand_help(action)
        assert len(told) > 3 and "None" not in told, action.dest
        takes_value = action.nargs != 0 and not action.required
        if takes_value and action.dest not in NOTHING_WITHOUT:
            assert "(default: " in told, action.dest


@pytest.mark.parametrize("name", sorted(SCRIPTS.keys() - PASS_ON))
def test_unknown_option_is_refused_by_name(name, capsys):
    assert ask(name, *REQUIRED.get(name, []), "--color") == 2
    assert "unrecognized arguments: --color" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["evaluate", "describe-corpus", "prepare-data"])
def test_wrong_choice_is_answered_with_the_legal_ones(name, capsys):
    assert ask(name, "--source", "tape") == 2
    told = capsys.readouterr().err
    assert "invalid choice: 'tape'" in told and "'openslr', 'huggingface'" in told


@pytest.mark.parametrize(
    ("name", "options"),
    [("evaluate", ["--out", "file/below"]), ("convert-model", ["--from", ".", "--to", "file/m.h5"])],
)
def test_output_is_tried_before_the_work(name, options, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    assert load(name).main(options) == 2
    assert re.fullmatch(rf"{name}: file.* cannot be written .*\n", capsys.readouterr().err)
    assert (tmp_path / "file").read_text() == "kept"


def test_without_pytest_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load("test").main([]) == 2
    assert "pip install -e '.[test]'" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "processes"), [([], 1), (["tests/metadata", "-m", "slow"], 0)])
def test_whole_suite_runs_in_several_processes_and_a_choice_in_one(arguments, processes, monkeypatch):
    called = []

    def call(command, **_):
        called.append(command)
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(subprocess, "run", call)
    assert load("test").main(arguments) == 5
    assert called[0].count("-n") == called[0].count("--max-worker-restart") == processes
    assert called[0][3 : 3 + len(arguments)] == arguments


def parser():
    """A command with an output folder."""
    made = make_parser("work", "Work.")
    made.add_argument("--out", type=lambda text: PROJECT_ROOT / text, help="folder")
    return made


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        (ValueError("a\nb"), 2, "work: a b\n"),
        (FileNotFoundError("a b"), 2, "work: a b\n"),
        (ImportError("a b"), 2, "work: a b\n"),
        (KeyboardInterrupt(), 130, "work: stopped; it goes on.\n"),
        (None, 0, ""),
        (0, 0, ""),
        (1, 1, ""),
    ],
)
def test_exit_code_is_the_works_and_an_expected_error_one_line(end, code, told, capsys):
    def work(_):
        if isinstance(end, BaseException):
            raise end
        return end

    assert run(parser(), work, [], when_stopped="stopped; it goes on.") == code
    assert capsys.readouterr().err == told


def test_unexpected_error_is_not_hidden():
    with pytest.raises(KeyError, match="a bug"):
        run(parser(), lambda _: {}["a bug"], [])


def test_nothing_stays_of_the_trial(tmp_path):
    seen = []
    folder = tmp_path / "new" / "report"
    assert run(parser(), lambda options: seen.append(options.out.exists()), ["--out", str(folder)]) == 0
    assert seen == [False] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("read", "right", "wrong", "rule"),
    [
        (count, "12", ["0", "-1", "1.5", "many", ""], "a whole number of at least 1 is expected"),
        (share, "0.25", ["-0.1", "1.1", "nan", "half"], "a number from 0 to 1 is expected"),
    ],
)
def test_numbers_have_bounds(read, right, wrong, rule):
    assert read(right) == float(right)
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"{rule}; received '{text}'"):
            read(text)


WORK = """
import atexit, sys
from pathlib import Path
from rich.console import Console
from librispeech_clf.local.cli import make_parser, run

def work(options):
    atexit.register(print, "foreign noise")
    print("a line\\n" * 100_000)
    Console().print("a table")
    Path(sys.argv.pop()).write_text("the page")

path = sys.argv[-1]
parser = make_parser("work", "Work.")
parser.add_argument("page", help="the page")
sys.exit(run(parser, work))
"""


@pytest.fixture
def process(tmp_path):
    """The work above in a process of its own."""
    command = [sys.executable, "-c", WORK, str(tmp_path / "page")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_closed_pipe_is_silent_and_loses_no_page(process, tmp_path):
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(timeout=60) == 0
    assert (tmp_path / "page").read_text() == "the page"


def test_nothing_is_said_after_the_work(process):
    shown, told = process.communicate(timeout=60)
    assert shown.rstrip().endswith("a table") and told == ""
