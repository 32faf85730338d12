"""The command `prepare-data`: download LibriSpeech's subsets from OpenSLR, or fill the Hugging Face cache.

A subset appears whole or not at all: it is downloaded (resumed by HTTP ranges, verified by MD5) and unpacked in
`<root>/.prepare-data`, and appears by one rename. The next run resumes one that was stopped; of two simultaneous
runs, one waits for the other.

Source of the sizes: kaldi-asr/kaldi `egs/librispeech/s5/local/download_and_untar.sh`; of the checksums:
PaddlePaddle/PaddleSpeech `dataset/librispeech/librispeech.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import http.client
import os
import re
import shutil
import socket
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import filelock
import rich.console
import rich.table
import rich.text
from rich import progress

from librispeech_clf.atomic_write import DISK_FULL, explain_disk, make_lock
from librispeech_clf.configuration import CorpusConfiguration, load_configuration
from librispeech_clf.corpus import openslr
from librispeech_clf.corpus.files import open_parquet
from librispeech_clf.corpus.load import download_subset
from librispeech_clf.local.cli import make_parser, run
from librispeech_clf.text.plain_text import escape_unprintable, print_plain

BASE_URL = "https://www.openslr.org/resources/12"
WORK_NAME = ".prepare-data"
TIMEOUT_S = 60.0
PAUSE_S = 1.0
FAILURES_IN_A_ROW = 6
CHUNK_BYTES = 1 << 18
NETWORK_ERRORS = (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException)

RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:(\d{1,18})$)?")
"""Content-Range, RFC 9110, 14.4: the first byte, and the total number of bytes where known."""
IMPOSSIBLE_PATH = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
Report = Callable[[str, int, int | None], None]
"""Takes the stage, the bytes done and the total number of bytes."""


class Archive(NamedTuple):
    """The archive `<subset>.tar.gz`: its bytes, its MD5 checksum, what it holds."""

    subset: str
    size: int
    md5: str
    utterances: int
    hours: float


ARCHIVES = {
    archive.subset: archive
    for archive in (
        Archive("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1", 2_703, 5.4),
        Archive("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931", 2_864, 5.3),
        Archive("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9", 2_620, 5.4),
        Archive("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135", 2_939, 5.1),
        Archive("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522", 28_539, 100.6),
        Archive("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa", 104_014, 363.6),
        Archive("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708", 148_688, 496.7),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "prepare-data", "Download LibriSpeech's subsets from OpenSLR, or fill the Hugging Face cache. "
        "A run that was stopped is continued by the next one.",
    )  # fmt: skip
    add = parser.add_argument
    add(
        "--subset", action="append", metavar="NAME",
        help="for example test-clean; repeatable (default: those in config.yaml)",
    )  # fmt: skip
    add(
        "--root", type=Path, help="folder of the data; LibriSpeech/ is created in it (default: as in config.yaml)"
    )  # fmt: skip
    add("--source", choices=("openslr", "huggingface"), default="openslr", help="where to download from")
    add("--dataset", help="a Hugging Face dataset (default: as in config.yaml)")
    add("--list", action="store_true", help="show the subsets, their sizes and which are present")
    add("--base-url", metavar="URL", help="a mirror (default: openslr.org)")
    return run(parser, prepare, arguments, when_stopped="stopped; the next run resumes.")


def prepare(options: argparse.Namespace) -> None:
    """Download what is missing, into the data root or the hub's cache, or list what there is."""
    configuration, dataset = load_configuration(), options.dataset
    corpus = configuration.with_corpus(source=options.source, root=options.root, dataset=dataset).corpus
    if options.list:
        return list_subsets(corpus)
    configured = [subset for subsets in corpus.subsets_by_state.values() for subset in subsets]
    subsets = list(dict.fromkeys(options.subset or configured))
    if corpus.source == "huggingface":
        for subset in map(hub_name, subsets):
            paths = download_subset(corpus, subset)
            print_plain(f"{subset}: ready, {len(open_parquet(paths))} utterances of {corpus.dataset}")
        return None
    if unknown := [subset for subset in subsets if subset not in ARCHIVES]:
        raise ValueError(f"{unknown[0]}: LibriSpeech has no such subset; it has {', '.join(ARCHIVES)}.")
    if (root := corpus.root) is None:
        raise ValueError("corpus.root: no data root is set; give --root.")
    for archive in map(ARCHIVES.__getitem__, subsets):
        with _show_progress(archive.subset) as report:
            done = prepare_subset(archive, root, base_url=options.base_url or BASE_URL, report=report)
        place = openslr.tree_folder(root) / archive.subset
        print_plain(f"{archive.subset}: {'ready' if done else 'already there'}, {place}")
        if not done and (found := len(openslr.open_subset(root, archive.subset))) < archive.utterances:
            raise ValueError(
                f"{place}: holds {found:,} of {archive.utterances:,} utterances; remove the folder and run the "
                "command again."
            )
    return None


def prepare_subset(archive: Archive, root: Path, *, base_url: str, report: Report) -> bool:
    """Download, verify and unpack one subset into `root/LibriSpeech`; return whether there was anything to do.

    Raises:
        OSError: the disk is full, the root is not writable, or the server is not reachable or lacks the archive.
        ValueError: the archive has the wrong checksum, is damaged, or would write outside its folder.
    """
    tree = openslr.tree_folder(root)
    work = tree.parent / WORK_NAME
    file, unpacked = work / f"{archive.subset}.tar.gz", work / archive.subset
    if (tree / archive.subset).is_dir():
        file.unlink(missing_ok=True)  # left by a run that was killed at its very end
        shutil.rmtree(unpacked, ignore_errors=True)
        return False
    work.mkdir(parents=True, exist_ok=True)
    lock = make_lock(work / f"{archive.subset}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        report("wait for another prepare-data", 0, None)
        lock.acquire()
    try:
        if (tree / archive.subset).is_dir():
            return False
        shutil.rmtree(unpacked, ignore_errors=True)
        with explain_disk(unpacked, reads_too=True):
            # Do not start what cannot fit: the rest of the archive, and its content, which is as large (FLAC).
            if shutil.disk_usage(work).free < 2 * archive.size - _size(file):
                raise OSError(errno.ENOSPC, "not enough space")
            download_verified(
                f"{base_url.rstrip('/')}/{file.name}", file, archive, on_progress=partial(report, "download")
            )
            try:
                unpack_archive(file, unpacked, on_progress=partial(report, "unpack"))
                source = unpacked / openslr.TREE_NAME
                if not (source / archive.subset).is_dir():
                    raise ValueError(
                        f"{file.name}: holds no folder {openslr.TREE_NAME}/{archive.subset}; choose another mirror."
                    )
            except ValueError:
                file.unlink()
                raise
            tree.mkdir(parents=True, exist_ok=True)
            for table in source.iterdir():
                if (
                    table.is_file() and not (tree / table.name).exists()
                ):  # keep one that was corrected by hand
                    os.replace(table, tree / table.name)
            os.rename(source / archive.subset, tree / archive.subset)
            file.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise OSError(
            error.errno,
            f"{tree.parent}: the disk is full; {archive.subset} takes about {2 * archive.size / 1e9:.1f} GB "
            "until it is unpacked. Free space and run the command again; it resumes where it stopped",
        ) from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        lock.release()
    return True


def download_verified(
    url: str, path: Path, archive: Archive, *, on_progress: Callable[[int, int], None]
) -> None:
    """Download an archive to `path`, resuming what exists, or raise with a remedy.

    A file with the wrong checksum, or longer than the archive, is removed.
    """
    # The first part of a resumed file may come from another download: then fetch it once more from the start.
    for begun in (path.exists(), False):
        failures, most = 0, _size(path)
        while True:
            reason: object = "the answer was cut off"
            try:
                if _fetch_rest(url, path, size=archive.size, on_progress=on_progress):
                    break
            except NETWORK_ERRORS as error:
                _raise_if_final(url, error, begun=_size(path) > 0)
                reason = error
            failures = 0 if _size(path) > most else failures + 1
            most = max(most, _size(path))
            if failures >= FAILURES_IN_A_ROW:
                raise ConnectionError(
                    f"{url}: {failures} attempts brought nothing more ({' '.join(str(reason).split())}); "
                    "run the command again later; it resumes where it stopped."
                )
            time.sleep(PAUSE_S * 2**failures)
        with path.open("rb") as file:
            received = hashlib.file_digest(file, "md5").hexdigest()
        if received == archive.md5:
            return
        path.unlink()
        if not begun:
            raise ValueError(
                f"{url}: the MD5 checksum is {received}, expected {archive.md5}; the file was removed. "
                "Run the command again, or choose another mirror with --base-url."
            )


def _fetch_rest(url: str, path: Path, *, size: int, on_progress: Callable[[int, int], None]) -> bool:
    """Request once what is missing; return whether the file is now complete, or all that the server has."""
    start = _size(path)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError("http:// or https:// is needed")
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except (ValueError, http.client.InvalidURL) as error:
        raise ValueError(
            f"{url}: it, or where it redirects to, is not an address ({error}); check --base-url."
        ) from error
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return True
        raise
    with response:
        is_rest = response.status == http.HTTPStatus.PARTIAL_CONTENT
        first, total = None, response.headers.get("Content-Length")
        if is_rest:
            found = RANGE.match(response.headers.get("Content-Range") or "")
            first, total = found.groups() if found else (None, None)
            if first != str(start):
                path.unlink(missing_ok=True)
                return False
        with path.open("ab" if is_rest else "wb") as file:
            while chunk := response.read1(CHUNK_BYTES):
                file.write(chunk)
                on_progress(file.tell(), size)
                if file.tell() > size:
                    path.unlink()
                    raise ValueError(
                        f"{url}: the server sends more than the archive's {size} bytes; the file was removed. "
                        "Choose another mirror with --base-url."
                    )
    return str(_size(path)) in (str(size), total)


def _raise_if_final(url: str, error: Exception, *, begun: bool) -> None:
    """Raise if trying again is pointless: no such file, or no such server before anything came from it."""
    if isinstance(getattr(error, "reason", None), socket.gaierror) and not begun:
        raise ConnectionError(f"{url}: {error}; check the network connection and --base-url.") from error
    if not isinstance(error, urllib.error.HTTPError):
        return
    error.close()
    if 300 <= error.code < 400:
        raise ConnectionError(
            f"{url}: the server redirects in circles or to nowhere ({error.code}); check --base-url."
        ) from error
    if 400 <= error.code < 500 and error.code not in (408, 429):
        raise FileNotFoundError(
            f"{url}: the server answers {error.code} {error.reason}; check --base-url."
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def unpack_archive(archive: Path, folder: Path, *, on_progress: Callable[[int, int], None]) -> None:
    """Unpack `LibriSpeech/...` from a .tar.gz into a new folder; raise for a damaged or malicious one."""
    folder.mkdir(parents=True)
    size = _size(archive)
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
            for member in tar:
                parts = PurePosixPath(member.name).parts
                reason = None
                if not (member.isfile() or member.isdir()):
                    reason = "is not a regular file or folder"
                elif parts[:1] != (openslr.TREE_NAME,) or ".." in parts:
                    reason = f"leads out of {openslr.TREE_NAME}/"
                else:
                    try:
                        tar.extract(member, folder, set_attrs=False)
                    except OSError as error:
                        if error.errno not in IMPOSSIBLE_PATH:
                            raise
                        reason = f"cannot be unpacked ({error.strerror})"
                if reason:
                    raise ValueError(f"{archive.name}: {member.name[:80]} {reason}; the archive is refused.")
                on_progress(raw.tell(), size)
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(
            f"{archive}: not a whole .tar.gz archive ({error}); choose another mirror."
        ) from error


@contextlib.contextmanager
def _show_progress(subset: str) -> Iterator[Report]:
    """Show each stage as its own progress bar."""
    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.DownloadColumn(),
        progress.TransferSpeedColumn(), progress.TimeRemainingColumn(),
    )  # fmt: skip
    tasks: dict[str, progress.TaskID] = {}
    with progress.Progress(*columns) as bars:

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"{subset}: {stage}", total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def list_subsets(corpus: CorpusConfiguration) -> None:
    """Print the subsets, their sizes and which are present."""
    title = escape_unprintable(f"LibriSpeech, source {corpus.source}, root {corpus.root}")
    table = rich.table.Table(title=rich.text.Text(title, "italic"))
    table.add_column("subset")
    for heading in ("archive", "utterances", "hours"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    hub = corpus.source == "huggingface"
    for archive in ARCHIVES.values():
        table.add_row(
            hub_name(archive.subset) if hub else archive.subset,
            f"{archive.size / 1e6:,.0f} MB",
            f"{archive.utterances:,}",
            f"{archive.hours:.1f}",
            _find_state(archive, corpus),
        )
    rich.console.Console().print(table)


def hub_name(subset: str) -> str:
    """Return the subset's name on the Hugging Face hub: "dev-clean" is "validation.clean"; other names stay."""
    return subset.replace("dev", "validation").replace("-", ".") if subset in ARCHIVES else subset


def _find_state(archive: Archive, corpus: CorpusConfiguration) -> str:
    if corpus.source == "huggingface":
        name = hub_name(archive.subset)
        with contextlib.suppress(FileNotFoundError):
            download_subset(corpus, name, offline=True)
            return "cached"
        return "-"
    if corpus.root is None:
        return "-"
    tree = openslr.tree_folder(corpus.root)
    if (tree / archive.subset).is_dir():
        found = len(openslr.open_subset(corpus.root, archive.subset))
        return "there" if found == archive.utterances else f"there, {found:,} utterances only"
    begun = tree.parent / WORK_NAME / f"{archive.subset}.tar.gz"
    return f"{_size(begun) / archive.size:.0%} downloaded" if begun.exists() else "-"


if __name__ == "__main__":
    sys.exit(main())
