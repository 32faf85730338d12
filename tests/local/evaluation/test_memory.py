"""A process that begins anew keeps its command line, its environment and its id, and nothing else."""

import os
import subprocess
import sys

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.evaluation import memory

BEGINS_TWICE = """
import os, sys
from librispeech_clf.local.evaluation.memory import BEGUN_ANEW, begin_anew, take_begun_anew
environment = dict(os.environ)
anew = take_begun_anew()
print(os.getpid(), anew, sys.argv[1:], os.environ.get("CHANGED"), BEGUN_ANEW in os.environ)
if not anew:
    os.environ["CHANGED"] = "yes"
    begin_anew(environment)
"""


def test_process_begins_anew_once_with_what_it_was_given():
    command = [sys.executable, "-c", BEGINS_TWICE, "--out", "a folder"]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate()
    expected = [f"{process.pid} {anew} ['--out', 'a folder'] None False" for anew in (False, True)]
    assert said.splitlines() == expected


def test_variable_that_another_process_left_means_nothing(monkeypatch):
    monkeypatch.setenv(memory.BEGUN_ANEW, str(os.getpid() + 1))
    assert not memory.take_begun_anew()
    assert memory.BEGUN_ANEW not in os.environ


def test_process_that_cannot_be_replaced_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert memory.begin_anew({}) is None


def test_process_that_somebody_works_in_is_not_replaced(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "execve", lambda *command: asked.append(command))
    memory.begin_anew({})
    assert len(asked) == 1
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    memory.begin_anew({})
    assert len(asked) == 1


def test_arenas_are_shared_where_the_library_can(monkeypatch):
    asked = []

    class Library:
        def mallopt(self, option, value):
            asked.append((option, value))

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    memory.share_arenas()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.share_arenas()
    assert asked == [(memory.M_ARENA_MAX, memory.ARENAS)]
