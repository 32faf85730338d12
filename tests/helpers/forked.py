"""Runs of commands that start at once: a process that has imported everything forks one child a run.

Started by `Forked`; `python -m tests.helpers.forked` reads a request a line, and answers with the child's exit code and
seconds.
"""

import faulthandler
import gc
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tarfile
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from librispeech_clf import local
from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.ctc.loss import ctc_loss

STREAMS = ("stdout", "stderr")
LONGEST_RUN_S = 300.0
"""A run that takes longer ends with its stack in the log."""
LIBRARIES = (
    "code_loader.leaploader datasets keras librosa matplotlib.figure numba pandas scipy.signal scipy.stats "
    "sklearn.cluster tensorflow textstat tf_keras librosa.filters librispeech_clf.metadata.signal "
    "librispeech_clf.metadata.record librispeech_clf.metadata.text librispeech_clf.visualizers"
).split()


class Run(NamedTuple):
    """What a run left: its exit code (negative: the signal that ended it), what it printed, its seconds."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def log(self) -> str:
        return self.stdout + self.stderr

    @property
    def told(self) -> str:
        """Standard output in one line, as a table or the terminal's width may break it."""
        return " ".join(self.stdout.split())


class Forked:
    """Starts runs in children of one warm process."""

    def __init__(self, folder: Path) -> None:
        """Start it; its files go to the folder."""
        environment = {
            **os.environ, "PYTHONPATH": str(PROJECT_ROOT), "COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3",
            "HF_HOME": str(folder / "cache"),
        }  # fmt: skip
        self.folder = folder
        with (folder / "warm.log").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.helpers.forked"], cwd=PROJECT_ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    def run(self, command: str, *arguments: object, **settings) -> Run:
        """Run a command, of `librispeech_clf.local.commands` or one of those below.

        Args:
            command: the module's name.
            arguments: of the command line.
            settings: `environment`, variables; `most_bytes`, a file's largest size; and what the functions below read.
        """
        request = {"command": command, "arguments": [*map(str, arguments)], "folder": str(self.folder)}
        self.process.stdin.write(json.dumps(request | settings) + "\n")
        self.process.stdin.flush()
        code, seconds = self.process.stdout.readline().split()
        printed = [(self.folder / name).read_text(errors="replace") for name in STREAMS]
        return Run(int(code), *printed, float(seconds))

    def kill_after(self, seconds: float, command: str, *arguments: object, **settings) -> bool:
        """Kill a run after so many seconds; tell whether it was still running."""
        return self.run(command, *arguments, kill_after=seconds, **settings).code == -signal.SIGKILL

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def warm_up() -> None:
    """Import the commands and what they import; start no threads."""
    modules = pkgutil.walk_packages(local.__path__, f"{local.__name__}.")
    for name in (*LIBRARIES, *(module.name for module in modules if not module.name.endswith("rehearsal"))):
        import_module(name)
    ctc_loss(np.zeros((1, 2, 3), np.float32), np.ones((1, 1), np.float32))  # numba reads what it has compiled
    gc.freeze()  # a child's collections do not walk all of that again


def evaluate(request: dict) -> int:
    """Run `evaluate`, with windows of so many utterances."""
    from librispeech_clf.local.commands import evaluate
    from librispeech_clf.local.evaluation import plan

    plan.WINDOW = request.get("window", plan.WINDOW)
    return evaluate.main(request["arguments"])


def prepare(request: dict) -> int:
    """Run `prepare-data` on a small archive, each of whose files takes a while."""
    from librispeech_clf.local.commands import prepare_data

    extract = tarfile.TarFile.extract

    def extract_slowly(*arguments, **options):
        extract(*arguments, **options)
        time.sleep(request["pause_s"])

    tarfile.TarFile.extract = extract_slowly
    prepare_data.PAUSE_S = 0
    fields = [request[name] for name in ("subset", "size", "md5", "utterances")]
    prepare_data.ARCHIVES[request["subset"]] = prepare_data.Archive(*fields, 0.1)
    return prepare_data.main(request["arguments"])


def execute(request: dict) -> int:
    """Execute Python code, the first argument, with the others in `sys.argv`."""
    code, *sys.argv[1:] = request["arguments"]
    exec(compile(code, "code", "exec"), {"__name__": "__main__"})
    return 0


def run_child(request: dict, streams: list[int]) -> None:
    """Run a command with its output to pipes, which no limit of files holds up, and end the process."""
    for descriptor, stream in enumerate(streams, 1):
        os.dup2(stream, descriptor)
    os.environ.update(request.get("environment", {}))
    if "most_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["most_bytes"], resource.RLIM_INFINITY))
    faulthandler.dump_traceback_later(LONGEST_RUN_S, exit=True)
    code, name = 70, request["command"]
    try:
        if name in ("evaluate", "prepare", "execute"):
            code = globals()[name](request)
        else:
            code = import_module(f"librispeech_clf.local.commands.{name}").main(request["arguments"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    except BaseException:
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
    warm_up()
    for line in sys.stdin:
        request, start = json.loads(line), time.monotonic()
        writers = []
        for name in STREAMS:
            with open(Path(request["folder"], name), "wb") as log:
                writers.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log))
        pid = os.fork()
        if pid == 0:
            run_child(request, [writer.stdin.fileno() for writer in writers])
        for writer in writers:
            writer.stdin.close()
        if "kill_after" in request:
            wait_for(pid, request["kill_after"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        for writer in writers:
            writer.wait()
        print(os.waitstatus_to_exitcode(status), time.monotonic() - start, flush=True)


if __name__ == "__main__":
    main()
