"""Brings LibriSpeech subsets from OpenSLR, or fills the Hugging Face cache.

A subset is there whole or not at all: it is downloaded and unpacked in `<root>/.prepare-data` and appears by
one rename. A stopped run is continued by the next; of two runs at the same time one waits for the other.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import filelock
import rich.console
import rich.table
import rich.text
from rich import progress

from librispeech_clf.atomic_write import DISK_FULL, explain_full_disk
from librispeech_clf.configuration import CorpusConfiguration
from librispeech_clf.corpus import huggingface, openslr
from librispeech_clf.corpus.files import open_parquet
from librispeech_clf.corpus.openslr_archives import archives
from librispeech_clf.corpus.openslr_archives.archives import Archive
from librispeech_clf.corpus.openslr_archives.download import download_verified
from librispeech_clf.corpus.openslr_archives.unpack import move_into_place, unpack_archive
from librispeech_clf.text.plain_text import escape_unprintable, print_plain

WORK_NAME = ".prepare-data"
Report = Callable[[str, int, int | None], None]


def prepare_subsets(corpus: CorpusConfiguration, named: Sequence[str] | None, *, base_url: str) -> None:
    """Brings subsets: from OpenSLR into the data root, or into the cache of the Hugging Face hub.

    Args:
        corpus: Source, root and dataset.
        named: Subsets; None for the configured ones.
        base_url: The folder that holds `<subset>.tar.gz`.

    Raises:
        OSError: The disk is full, the root cannot be written to, or the server cannot be reached.
        ValueError: There is no such subset or no root, or an archive is damaged.
    """
    subsets = _chosen_subsets(corpus, named)
    if corpus.source == "huggingface":
        _fill_hub_cache(corpus, subsets)
    else:
        _prepare_archives(_root(corpus), subsets, base_url=base_url)


def prepare_subset(archive: Archive, root: Path, *, base_url: str, report: Report) -> bool:
    """Downloads, verifies and unpacks one subset into `root/LibriSpeech`.

    Args:
        archive: Which.
        root: The data root.
        base_url: The folder that holds `<subset>.tar.gz`.
        report: Told the stage, the bytes done and the bytes in all.

    Returns:
        Whether there was anything to do.

    Raises:
        OSError: The disk is full, or the root cannot be written to.
        ConnectionError: The server cannot be reached, or cuts the connection again and again.
        FileNotFoundError: The server does not have the archive.
        ValueError: The archive has the wrong checksum, is damaged, or would write outside its folder.
    """
    tree = openslr.tree_folder(root)
    work = tree.parent / WORK_NAME
    if (tree / archive.subset).is_dir():
        (work / f"{archive.subset}.tar.gz").unlink(missing_ok=True)  # of a run killed at its very end
        return False
    work.mkdir(parents=True, exist_ok=True)
    with _lock(work / f"{archive.subset}.lock", report):
        if (tree / archive.subset).is_dir():
            return False
        try:
            with explain_full_disk(work / archive.subset, size=None):
                _download_and_unpack(archive, tree, work, base_url=base_url, report=report)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise OSError(error.errno, _disk_full_message(archive, work)) from error
    return True


def _download_and_unpack(archive: Archive, tree: Path, work: Path, *, base_url: str, report: Report) -> None:
    file = work / f"{archive.subset}.tar.gz"
    unpacked = work / archive.subset
    url = f"{base_url.rstrip('/')}/{file.name}"
    shutil.rmtree(unpacked, ignore_errors=True)
    _require_space(archive, file, work)
    download_verified(
        url,
        file,
        md5=archive.md5,
        size=archive.size,
        on_progress=lambda done, total: report("download", done, total or archive.size),
    )
    try:
        unpack_archive(file, unpacked, on_progress=lambda done, total: report("unpack", done, total))
        move_into_place(unpacked, tree, archive.subset)
        file.unlink(missing_ok=True)
    except ValueError:
        file.unlink()
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _lock(path: Path, report: Report) -> AbstractContextManager[object]:
    """The lock, held; waits for another run that holds it."""
    lock = filelock.FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        report("wait for another prepare-data", 0, None)
        return lock.acquire()


def _require_space(archive: Archive, file: Path, work: Path) -> None:
    """Refuses to begin what cannot fit: the archive's rest and its content, which is as large (FLAC)."""
    have = file.stat().st_size if file.exists() else 0
    if shutil.disk_usage(work).free < 2 * archive.size - have:
        raise OSError(errno.ENOSPC, "not enough space")


def _disk_full_message(archive: Archive, work: Path) -> str:
    return (
        f"{work.parent}: the disk is full; {archive.subset} takes about {2 * archive.size / 1e9:.1f} GB "
        "until it is unpacked. Free space and run the command again; it continues where it stopped"
    )


def _prepare_archives(root: Path, subsets: Sequence[str], *, base_url: str) -> None:
    chosen = [archives.find_archive(subset) for subset in subsets]
    for archive in chosen:
        with _progress() as progress:
            done = prepare_subset(
                archive, root, base_url=base_url, report=_reporter(progress, archive.subset)
            )
        place = openslr.tree_folder(root) / archive.subset
        print_plain(f"{archive.subset}: {'ready' if done else 'already there'}, {place}")


def _progress() -> progress.Progress:
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )


def _reporter(bars: progress.Progress, subset: str) -> Report:
    """Shows each stage as a bar of its own."""
    tasks: dict[str, progress.TaskID] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(f"{subset}: {stage}", total=total)
        bars.update(tasks[stage], completed=done, total=total)

    return report


def _fill_hub_cache(corpus: CorpusConfiguration, subsets: Sequence[str]) -> None:
    for subset in subsets:
        paths = huggingface.download_subset(
            corpus.dataset, subset, files=corpus.dataset_files, root=corpus.root
        )
        dataset = open_parquet(paths)
        print_plain(f"{subset}: ready, {len(dataset)} utterances of {corpus.dataset}")


def _chosen_subsets(corpus: CorpusConfiguration, named: Sequence[str] | None) -> list[str]:
    """The subsets named, else those the configuration names, in the source's spelling."""
    configured = [subset for subsets in corpus.subsets_by_state.values() for subset in subsets]
    chosen = list(dict.fromkeys(named or configured))
    return [archives.hub_name(subset) for subset in chosen] if corpus.source == "huggingface" else chosen


def _root(corpus: CorpusConfiguration) -> Path:
    if corpus.root is None:
        raise ValueError("corpus.root: no data root is set; give --root.")
    return corpus.root


def list_subsets(corpus: CorpusConfiguration) -> None:
    """Prints the subsets, their sizes and what is there."""
    title = escape_unprintable(f"LibriSpeech, source {corpus.source}, root {corpus.root}")
    table = rich.table.Table(title=rich.text.Text(title, "italic"))
    table.add_column("subset")
    for heading in ("archive", "utterances", "hours"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for archive in archives.ARCHIVES.values():
        table.add_row(*_list_row(archive, corpus))
    rich.console.Console().print(table)


def _list_row(archive: Archive, corpus: CorpusConfiguration) -> list[str]:
    hub = corpus.source == "huggingface"
    return [
        archives.hub_name(archive.subset) if hub else archive.subset,
        f"{archive.size / 1e6:,.0f} MB",
        f"{archive.utterances:,}",
        f"{archive.hours:.1f}",
        _hub_state(archive, corpus) if hub else _tree_state(archive, _root(corpus)),
    ]


def _tree_state(archive: Archive, root: Path) -> str:
    tree = openslr.tree_folder(root)
    if (tree / archive.subset).is_dir():
        found = len(openslr.open_subset(root, archive.subset))
        return "there" if found == archive.utterances else f"there, {found:,} utterances only"
    partial = tree.parent / WORK_NAME / f"{archive.subset}.tar.gz"
    return f"{partial.stat().st_size / archive.size:.0%} downloaded" if partial.exists() else "-"


def _hub_state(archive: Archive, corpus: CorpusConfiguration) -> str:
    name = archives.hub_name(archive.subset)
    try:
        huggingface.download_subset(
            corpus.dataset, name, files=corpus.dataset_files, root=corpus.root, offline=True
        )
    except FileNotFoundError:
        return "-"
    return "cached"
