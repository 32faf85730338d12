"""Commands that are stopped and run again, and what must hold of the files that they write."""

import json
import os
import random
import re
import shutil
from pathlib import Path

import pyarrow.parquet

from librispeech_clf.local.model.load import load_model
from tests.helpers.bad_servers import SUBSET


class Trial:
    """A command that is stopped again and again.

    Attributes:
        whole: folder of a run that nothing stopped.
        seconds: that this run took.
        folder: what is written to; another one after each run that came to its end.
    """

    full = "the disk is full: .*; free space and run the command again"
    limits = (1, 5000, 30_000, 100_000)

    def __init__(self, forked, base, request, **settings):
        self.forked, self.base, self.request, self.settings = forked, base, request, settings
        self.random, self.number = random.Random(self.command), 0
        self.whole, self.folder = base / "whole", base / "0"
        self.seconds = self.finish(self.whole).seconds

    def run(self, folder, **further):
        return self.forked.run(*self.request(folder), **self.settings, **further)

    def finish(self, folder):
        """Run it to its end; what it leaves is whole."""
        run = self.run(folder)
        assert run.code == 0 and "Traceback" not in run.log, run.log
        self.assert_finished(folder)
        return run

    def fail(self, folder, reason, **further):
        """Run it where it cannot come to its end: the last line is the reason, and there is no other."""
        run = self.run(folder, **further)
        line = " ".join(run.stderr.split(f"\n{self.command}:")[-1].split())
        assert run.code == 2 and "Traceback" not in run.log and "Error:" not in run.log, run.log
        assert re.search(reason, line), run.log
        self.assert_failed(folder)

    def kill(self):
        """Kill the run at a moment of its whole length; where it was faster, start over."""
        request, settings = self.request(self.folder), self.settings
        while not self.forked.kill_after(self.random.uniform(0, self.seconds), *request, **settings):
            self.begin_anew()
        self.assert_none_half(self.folder)

    def begin_anew(self):
        self.number += 1
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = self.base / str(self.number)

    def assert_failed(self, folder):
        self.assert_none_half(folder)

    def count_bytes(self):
        """Bytes of whole pages that the files take."""
        files = [path for path in self.whole.rglob("*") if path.is_file()]
        return sum(-(-path.stat().st_size // 4096) * 4096 for path in files)


class Evaluation(Trial):
    """`evaluate`, of twelve utterances in windows of two."""

    command = "evaluate"

    def assert_none_half(self, folder):
        """Every file under its name is whole."""
        readers = dict.fromkeys(("summary.json", "findings.json"), read_without_speed)
        for name, read in (readers | {"results.parquet": Path.read_bytes}).items():
            assert not (folder / name).exists() or read(folder / name) == read(self.whole / name), name
        if (folder / "index.html").exists():
            assert (folder / "index.html").read_text().rstrip().endswith("</html>")
        for part in (folder / "parts").rglob("[!.]*.parquet") if folder.exists() else ():
            assert len(pyarrow.parquet.read_table(part, page_checksum_verification=True)) == 2

    def assert_finished(self, folder):
        self.assert_none_half(folder)
        assert {"results.parquet", "summary.json", "findings.json", "index.html"} <= set(os.listdir(folder))
        assert json.loads((folder / "summary.json").read_text())["utterances"] == 12
        left = [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
        assert not [name for name in left if name.startswith(".") or name.endswith(".tmp")]


def read_without_speed(path):
    """A run's figures without its seconds, in which equal runs differ."""
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "speed"}


class Preparation(Trial):
    """`prepare-data`, of these files from a slow server."""

    command, full = "prepare-data", "the disk is full; test-clean takes about"
    limits = (1, 1000, 5000, 100_000)
    members = {"LibriSpeech/SPEAKERS.TXT": b";\n"} | {
        f"LibriSpeech/{SUBSET}/1/{row // 10}/1-{row // 10}-{row:04}.flac": random.Random(row).randbytes(2000)
        for row in range(60)
    }

    def assert_none_half(self, folder):
        """The subset is whole or not there; tell which."""
        if not (folder / "LibriSpeech" / SUBSET).exists():
            return False
        files = [path for path in (folder / "LibriSpeech").rglob("*") if path.is_file()]
        assert {str(path.relative_to(folder)): path.read_bytes() for path in files} == self.members
        return True

    def assert_failed(self, folder):
        assert not self.assert_none_half(folder)

    def assert_finished(self, folder):
        assert self.assert_none_half(folder)
        assert {path.name for path in (folder / ".prepare-data").iterdir()} <= {f"{SUBSET}.lock"}

    def count_bytes(self):
        return super().count_bytes() + self.settings["size"]


class Conversion(Trial):
    """`convert-model`, of a tiny checkpoint."""

    command = "convert-model"

    def assert_none_half(self, folder):
        if (folder / "tiny.h5").exists():
            load_model(folder / "tiny.h5")

    def assert_failed(self, folder):
        assert not folder.exists() or not list(folder.iterdir())

    def assert_finished(self, folder):
        self.assert_none_half(folder)
        assert {path.name for path in folder.iterdir()} == {"tiny.h5", "tiny.vocabulary.json"}
