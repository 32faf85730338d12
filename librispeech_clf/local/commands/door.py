"""The one door of every command: its options, its errors, its exit code, and what the terminal shows of it.

A command makes a parser by `make_parser`, adds its options, and hands it to `run` with the one function that does
the work.
"""

from __future__ import annotations

import argparse
import atexit
import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from librispeech_clf.atomic_write import try_folder
from librispeech_clf.configuration import SOURCES
from librispeech_clf.text.plain_text import print_plain

FINE, FAILED_UTTERANCES, WRONG_REQUEST, INTERRUPTED = 0, 1, 2, 130
EXPECTED = (OSError, ValueError, ImportError)
"""What a wrong request, a full disk, a damaged file or a missing package raise; the message says what to do."""
DISTRIBUTION = "librispeech-clf"


def run(
    parser: argparse.ArgumentParser,
    work: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None = None,
    *,
    when_stopped: str = "stopped.",
    passes_on: bool = False,
) -> int:
    """Read the command line, do the work, and turn what it raises into one line and an exit code.

    Args:
        parser: by `make_parser`; the places that the options `--out` and `--to` name are tried before the work.
        work: takes the options; returns an exit code, or None where it has no failures of its own to tell.
        arguments: the command line; None for the process's own. The process then says nothing after the work.
        when_stopped: what Ctrl-C is answered.
        passes_on: keep unknown arguments in `options.others` for another program.

    Returns:
        What `work` returns, 0 for None; 2 when the request cannot be fulfilled, 130 when it was interrupted.

    Raises:
        SystemExit: by argparse: 0 after `--help` and `--version`, 2 after an option that it refuses.
    """
    with _outlive_closed_pipes():
        try:
            if passes_on:
                options, others = parser.parse_known_args(arguments)
                options.others = others
            else:
                options = parser.parse_args(arguments)
            _try_outputs(options)
            return work(options) or FINE
        except EXPECTED as error:
            print_plain(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
            return WRONG_REQUEST
        except KeyboardInterrupt:
            print(f"{parser.prog}: {when_stopped}", file=sys.stderr)
            return INTERRUPTED
        finally:
            if arguments is None:
                sys.excepthook = sys.__excepthook__  # code-loader's prints a table of its own
                atexit.register(_fall_silent)  # after the work: what was registered last is called first


def make_parser(name: str, description: str, **settings: Any) -> argparse.ArgumentParser:
    """Make a command's parser: every option tells its default, `--version` is there.

    Args:
        name: of the command, as in pyproject.toml.
        description: for people, one or two sentences.
        **settings: further arguments of ArgumentParser.
    """
    parser = argparse.ArgumentParser(
        prog=name, description=description, formatter_class=_HelpFormatter, allow_abbrev=False, **settings
    )
    version = f"{name}, {DISTRIBUTION} {find_version()}"
    parser.add_argument("--version", action="version", version=version, help="show the version and exit")
    return parser


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Add `--source` and `--root`, which stand in for those of config.yaml."""
    parser.add_argument("--source", choices=SOURCES, help="where the corpus is (default: as in config.yaml)")
    parser.add_argument("--root", type=Path, help="folder of the data (default: as in config.yaml)")


def find_version() -> str:
    """Return the version of the installed package."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def count(text: str) -> int:
    """Read a whole number from 1 up, as the type of an option.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 up is expected; received {text!r}")
    return int(text)


def share(text: str) -> float:
    """Read a number from 0 to 1, as the type of an option.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        if 0 <= (value := float(text)) <= 1:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"a number from 0 to 1 is expected; received {text!r}")


def _try_outputs(options: argparse.Namespace) -> None:
    """See that the folder of `--out` and that of the file of `--to` take files."""
    if getattr(options, "out", None) is not None:
        try_folder(options.out)
    if getattr(options, "to", None) is not None:
        try_folder(options.to.parent)


class _HelpFormatter(argparse.HelpFormatter):
    """Adds the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        unset = action.default is None or action.default is False or action.default in (argparse.SUPPRESS, [])
        silent = unset or "default" in (action.help or "")
        return action.help if silent or action.required else f"{action.help} (default: %(default)s)"


class _OutlivingStream:
    """A text stream that goes on without its reader: what is written after the pipe was closed is dropped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._guard(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._guard(self._stream.flush)

    def _guard(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except BrokenPipeError:
            _drop(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _outlive_closed_pipes() -> Iterator[None]:
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _OutlivingStream(kept[0]), _OutlivingStream(kept[1])
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = kept


def _drop(descriptor: int) -> None:
    """Let a file descriptor lead nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _fall_silent() -> None:
    """Keep what libraries say at the end of the process off the terminal."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
        _drop(stream.fileno())
