"""What all commands have in common: options, errors, exit codes, and how the terminal shows them.

A command makes a parser with `make_parser`, adds its options, and passes it to `run` with the one function that does
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

from librispeech_clf.atomic_write import check_writable
from librispeech_clf.configuration import SOURCES
from librispeech_clf.text.plain_text import print_plain

SUCCESS, FAILED_UTTERANCES, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130
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
        parser: from `make_parser`; the paths that the options `--out` and `--to` name are checked before the work.
        work: takes the options; returns an exit code, or None for 0.
        arguments: the command line; None for the process's own, whose exit is then silent.
        when_stopped: the message after Ctrl-C.
        passes_on: whether to keep unknown arguments in `options.others`, for another program.
    """
    with ignore_broken_pipe():
        try:
            if passes_on:
                options, others = parser.parse_known_args(arguments)
                options.others = others
            else:
                options = parser.parse_args(arguments)
            if getattr(options, "out", None) is not None:
                check_writable(options.out)
            if getattr(options, "to", None) is not None:
                check_writable(options.to.parent)
            return work(options) or SUCCESS
        except EXPECTED as error:
            print_plain(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
            return USAGE_ERROR
        except KeyboardInterrupt:
            print(f"{parser.prog}: {when_stopped}", file=sys.stderr)
            return INTERRUPTED
        finally:
            if arguments is None:
                sys.excepthook = sys.__excepthook__  # code-loader's hook prints a table of its own
                # What libraries say at the end of the process; what is registered last is called first.
                atexit.register(_silence_streams)


def make_parser(name: str, description: str, **settings: Any) -> argparse.ArgumentParser:
    """Make a command's parser: it shows every option's default and has `--version`."""
    parser = argparse.ArgumentParser(
        prog=name, description=description, formatter_class=_HelpFormatter, allow_abbrev=False, **settings
    )
    try:
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    parser.add_argument(
        "--version",
        action="version",
        version=f"{name}, {DISTRIBUTION} {version}",
        help="show the version and exit",
    )
    return parser


class _HelpFormatter(argparse.HelpFormatter):
    """Show meaningful defaults; keep the lines of an epilog unchanged."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        unset = action.default is None or action.default is False or action.default in (argparse.SUPPRESS, [])
        silent = unset or "default" in (action.help or "")
        return action.help if silent or action.required else f"{action.help} (default: %(default)s)"


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Add `--source` and `--root`, which override those of config.yaml."""
    parser.add_argument("--source", choices=SOURCES, help="where the corpus is (default: as in config.yaml)")
    parser.add_argument("--root", type=Path, help="folder of the data (default: as in config.yaml)")


def count(text: str) -> int:
    """Read a whole number of at least 1, as the type of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is expected; received {text!r}")
    return int(text)


def share(text: str) -> float:
    """Read a number from 0 to 1, as the type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1 is expected; received {text!r}")
    return value


class _PipeStream:
    """A text stream that survives the loss of its reader: `evaluate | head` still writes its whole report."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            _silence(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            _silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def ignore_broken_pipe() -> Iterator[None]:
    """Drop what is written to standard output and error if nobody reads them, any more or from the start."""
    kept = sys.stdout, sys.stderr
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        # Closed by whoever started us; the next file opened would take its place.
        if getattr(sys, name) is None:
            _open_nowhere(descriptor)
            setattr(sys, name, open(descriptor, "w", closefd=False))  # noqa: SIM115 - as long as the process
        setattr(sys, name, _PipeStream(getattr(sys, name)))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = kept


def _silence_streams() -> None:
    for stream in filter(None, (sys.stdout, sys.stderr)):  # as they are when the process ends
        _silence(stream)


def _silence(stream: Any) -> None:
    """Redirect a stream to nowhere, after flushing what it still holds."""
    with suppress(BrokenPipeError):
        stream.flush()
    _open_nowhere(stream.fileno())


def _open_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
