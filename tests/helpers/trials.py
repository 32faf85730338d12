"""Runs that are stopped and run again, and what must hold of the files that they write."""

import json
import os
import random
import shutil
import time
from pathlib import Path

import pyarrow.parquet

from tests.helpers.bad_servers import SUBSET, answer_well


class Trial:
    """A run that is killed again and again.

    Attributes:
        seconds: that a whole run takes.
        folder: what it writes to; another one after each run that came to its end.
    """

    def __init__(self, forked, folder, request, settings, seed):
        """Run it once to its end, in the folder "whole"."""
        self.forked, self.base, self.request, self.settings = forked, folder, request, settings
        self.random, self.number, self.folder = random.Random(seed), 0, folder / "whole"
        run = self.finish()
        assert run.code == 0, run.log
        self.seconds = run.seconds
        self.whole, self.folder = self.folder, folder / "0"

    def run(self, folder, **further):
        """Run it to its end in a folder, with further settings."""
        return self.forked.run(*self.request(folder), **self.settings, **further)

    def finish(self):
        return self.run(self.folder)

    def kill(self):
        """Kill the run at a moment of its whole length; where it was faster, start over."""
        request, settings = self.request(self.folder), self.settings
        while not self.forked.kill_after(self.random.uniform(0, self.seconds), *request, **settings):
            self.begin_anew()

    def begin_anew(self):
        self.number += 1
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = self.base / str(self.number)


def make_archive():
    content = random.Random(3).randbytes
    names = [f"LibriSpeech/{SUBSET}/1/{row // 10}/1-{row // 10}-{row:04}.flac" for row in range(60)]
    return {"LibriSpeech/SPEAKERS.TXT": b";\n", **{name: content(2000) for name in names}}


def answer_slowly(asked):
    answered = answer_well(asked)
    for start in range(0, len(answered), 6000):
        yield answered[start : start + 6000]
        time.sleep(0.02)


def read_without_speed(path):
    """A run's figures without its seconds, in which equal runs differ."""
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "speed"}


def assert_no_half_files(out, whole):
    """Every file under its name is whole."""
    readers = {
        "results.parquet": Path.read_bytes,
        "summary.json": read_without_speed,
        "findings.json": read_without_speed,
    }
    for name, read in readers.items():
        assert not (out / name).exists() or read(out / name) == read(whole / name), name
    if (out / "index.html").exists():
        assert (out / "index.html").read_text().rstrip().endswith("</html>")
    for part in (out / "parts").rglob("[!.]*.parquet") if out.exists() else ():
        assert len(pyarrow.parquet.read_table(part, page_checksum_verification=True)) == 2


def assert_equal_runs(out, whole):
    assert_no_half_files(out, whole)
    assert {"results.parquet", "summary.json", "findings.json", "index.html"} <= set(os.listdir(out))
    assert json.loads((out / "summary.json").read_text())["utterances"] == 12
    left = [path.name for path in out.rglob("*") if path.is_file() and path.name != ".lock"]
    assert not [name for name in left if name.startswith(".") or name.endswith(".tmp")]


def assert_whole_or_absent(root, members):
    """Tell whether the subset is there."""
    if not (root / "LibriSpeech" / SUBSET).exists():
        return False
    files = [path for path in (root / "LibriSpeech").rglob("*") if path.is_file()]
    assert {str(path.relative_to(root)): path.read_bytes() for path in files} == members
    return True
