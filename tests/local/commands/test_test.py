"""Command `test`."""

import importlib.util

from librispeech_clf.local.commands.test import main


def test_without_pytest_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([]) == 2
    assert "pip install -e '.[test]'" in capsys.readouterr().err
