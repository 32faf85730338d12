"""Command `test`."""

import importlib.util
import subprocess

import pytest

from librispeech_clf.local.commands.test import main


def test_without_pytest_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([]) == 2
    assert "pip install -e '.[test]'" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "processes"), [([], 1), (["tests/metadata", "-m", "slow"], 0)])
def test_whole_suite_runs_in_several_processes_and_a_choice_in_one(arguments, processes, monkeypatch):
    called = []

    def call(command, **_):
        called.append(command)
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(subprocess, "run", call)
    assert main(arguments) == 5
    assert called[0].count("-n") == called[0].count("--max-worker-restart") == processes
    assert called[0][3 : 3 + len(arguments)] == arguments
