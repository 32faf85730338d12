"""Runs of commands that start at once: a process that has imported everything forks one child a run.

Started by `Forked`; `python -m tests.helpers.forked` reads a request a line, and answers with the child's exit code and
seconds.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from librispeech_clf.configuration import PROJECT_ROOT

LONGEST_RUN_S = 300.0
"""A run that takes longer ends with its stack in the log."""


class Forked:
    """Starts runs in children of one warm process."""

    def __init__(self, folder: Path) -> None:
        """Start it; logs go to the folder."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "COLUMNS": "100",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self.log = folder / "log"
        with (folder / "warm.log").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.helpers.forked"], cwd=PROJECT_ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    def run(self, command: str, *arguments: object, **settings: Any) -> tuple[int, str, float]:
        """Run a command; return its exit code (negative: the signal that ended it), output and seconds."""
        request = {"command": command, "arguments": [*map(str, arguments)], "log": str(self.log), **settings}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        code, seconds = self.process.stdout.readline().split()
        return int(code), self.log.read_text(errors="replace"), float(seconds)

    def kill_after(self, seconds: float, command: str, *arguments: object, **settings: Any) -> bool:
        """Kill a run after so many seconds; tell whether it was still running."""
        return self.run(command, *arguments, kill_after=seconds, **settings)[0] == -signal.SIGKILL

    def close(self) -> None:
        """End the warm process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def warm_up() -> None:
    """Import what the commands import; start no threads."""
    import code_loader.leaploader  # noqa: F401
    import datasets  # noqa: F401
    import keras  # noqa: F401
    import librosa  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import numba  # noqa: F401
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.cluster  # noqa: F401
    import tensorflow  # noqa: F401
    import textstat  # noqa: F401
    import tf_keras  # noqa: F401


def evaluate(request: dict[str, Any]) -> int:
    """Run `evaluate` with windows of two utterances."""
    from librispeech_clf.local.commands import evaluate
    from librispeech_clf.local.evaluation import run

    run.WINDOW = 2
    return evaluate.main(request["arguments"])


def prepare(request: dict[str, Any]) -> int:
    """Run `prepare-data` on a small archive, each of whose files takes a while."""
    from librispeech_clf.corpus import openslr_archives
    from librispeech_clf.local.commands import prepare_data

    extract = tarfile.TarFile.extract

    def extract_slowly(*arguments: Any, **options: Any) -> None:
        extract(*arguments, **options)
        time.sleep(request["pause_s"])

    tarfile.TarFile.extract = extract_slowly  # type: ignore[method-assign]
    openslr_archives.PAUSE_S = 0
    record = openslr_archives.Archive(
        request["subset"], request["size"], request["md5"], request["utterances"], 0.1
    )
    openslr_archives.ARCHIVES[request["subset"]] = record
    return prepare_data.main(request["arguments"])


def convert(request: dict[str, Any]) -> int:
    """Run `convert-model`."""
    from librispeech_clf.local.commands import convert_model

    return convert_model.main(request["arguments"])


def run_child(request: dict[str, Any], log: int) -> None:
    """Run a command with its output to a pipe, which no limit of files holds up, and end the process."""
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ.update(request.get("environment", {}))
    if "most_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["most_bytes"], resource.RLIM_INFINITY))
    faulthandler.dump_traceback_later(LONGEST_RUN_S, exit=True)
    code = 70
    try:
        code = {"evaluate": evaluate, "prepare": prepare, "convert": convert}[request["command"]](request)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait_for(pid: int, seconds: float) -> None:
    """Wait so long, or until the child is gone; it keeps its id until it is reaped."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        time.sleep(0.001)


def main() -> None:
    """Answer requests."""
    warm_up()
    for line in sys.stdin:
        request, start = json.loads(line), time.monotonic()
        with open(request["log"], "wb") as log:
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        pid = os.fork()
        if pid == 0:
            run_child(request, writer.stdin.fileno())
        writer.stdin.close()
        if "kill_after" in request:
            wait_for(pid, request["kill_after"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        writer.wait()
        print(os.waitstatus_to_exitcode(status), time.monotonic() - start, flush=True)


if __name__ == "__main__":
    main()
