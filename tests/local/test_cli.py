"""Every command of pyproject.toml: what it answers to help, wrong requests, Ctrl-C and a closed pipe."""

import argparse
import importlib
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
NOTHING_WITHOUT = {
    "compare",
    "simulate",
    "terms",
    "fail_if",
    "hypotheses",
    "notes",
    "hypotheses_columns",
    "language",
    "lm",
    "lexicon",
    "transcribe",
}
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
def test_command_has_a_module_of_its_name(name):
    assert SCRIPTS[name] == f"librispeech_clf.local.commands.{name.replace('-', '_')}:main"


@pytest.mark.parametrize("name", SCRIPTS)
def test_version(name, capsys):
    assert ask(name, "--version") == 0
    assert re.fullmatch(rf"{name}, librispeech-clf \S+.*\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_for_people_and_tells_defaults(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert ask(name, "--help") == 0
    shown = capsys.readouterr().out
    described = shown.split("\n\n")[1]
    assert described[0].isupper() and described.strip()[-1] in ".:" or name in PASS_ON
    assert "`" not in shown and "In: " not in shown and "None" not in shown and "==SUPPRESS" not in shown


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


def test_output_folder_is_tried_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    assert load("evaluate").main(["--out", str(tmp_path / "file" / "below")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"evaluate: {tmp_path}/file") and "cannot be written" in told
    assert len(told.splitlines()) == 1 and (tmp_path / "file").read_text() == "kept"


def test_output_file_is_tried_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    target = tmp_path / "file" / "m.h5"
    assert load("convert-model").main(["--from", str(tmp_path), "--to", str(target)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def parser():
    """A command with an output folder."""
    made = make_parser("work", "Work.")
    made.add_argument("--out", type=lambda text: PROJECT_ROOT / text, help="folder")
    return made


@pytest.mark.parametrize("error", [ValueError("a\nb"), FileNotFoundError("a b"), ImportError("a b")])
def test_expected_error_is_one_line(error, capsys):
    def fail(_):
        raise error

    assert run(parser(), fail, []) == 2
    assert capsys.readouterr().err == "work: a b\n"


def test_unexpected_error_is_not_hidden():
    def fail(_):
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run(parser(), fail, [])


def test_interrupt(capsys):
    def stop(_):
        raise KeyboardInterrupt

    assert run(parser(), stop, [], when_stopped="stopped; it goes on.") == 130
    assert capsys.readouterr().err == "work: stopped; it goes on.\n"


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1)])
def test_exit_code_is_the_works(returned, code):
    assert run(parser(), lambda _: returned, []) == code


def test_nothing_stays_of_the_trial(tmp_path):
    seen = []
    folder = tmp_path / "new" / "report"
    assert run(parser(), lambda options: seen.append(options.out.exists()), ["--out", str(folder)]) == 0
    assert seen == [False] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_count_is_a_whole_number_from_1(text):
    assert count("12") == 12
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number from 1 up is expected"):
        count(text)


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan", "half"])
def test_share_is_from_0_to_1(text):
    assert share("0.25") == 0.25
    with pytest.raises(argparse.ArgumentTypeError, match="a number from 0 to 1 is expected"):
        share(text)


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


def start(page):
    """Run the work above in a process of its own."""
    command = [sys.executable, "-c", WORK, str(page)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_closed_pipe_is_silent_and_loses_no_page(tmp_path):
    process = start(tmp_path / "page")
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(timeout=60) == 0
    assert (tmp_path / "page").read_text() == "the page"


def test_nothing_is_said_after_the_work(tmp_path):
    shown, told = start(tmp_path / "page").communicate(timeout=60)
    assert shown.rstrip().endswith("a table") and told == ""
