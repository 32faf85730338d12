"""Open the split of a state from the configured source: the one entry point to the corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.configuration import CorpusConfiguration
from librispeech_clf.corpus import files, openslr
from librispeech_clf.corpus.columns import tell
from librispeech_clf.corpus.index import first_writable_folder
from librispeech_clf.corpus.schema import Split
from librispeech_clf.hub_errors import explain_hub_error
from librispeech_clf.text.normalization import DROP, REFUSE, drop_annotations

if TYPE_CHECKING:
    import datasets

BUNDLED_FOLDER = Path(__file__).resolve().parent / "bundled"


def load_split(corpus: CorpusConfiguration, state: str, *, annotations: str = REFUSE) -> Split:
    """Open the subsets configured for a state, in order, with the tables about them; no audio is read.

    With `annotations` "drop", what is in brackets is removed from transcripts.

    Raises:
        FileNotFoundError: A subset does not exist.
        ValueError: No subset is configured for the state, or a subset's content does not fit.
    """
    subsets = corpus.subsets_by_state.get(state, ())
    if not subsets:
        raise ValueError(
            f"{state}: no subset is configured; add one under corpus.splits.{corpus.source} in config.yaml."
        )
    import datasets

    parts = {subset: _open_subset(corpus, subset) for subset in subsets}
    if empty := [subset for subset, part in parts.items() if not len(part)]:
        raise ValueError(f"{empty[0]}: the subset holds no utterances; give its table a row per recording.")
    # Where SPEAKERS.TXT, CHAPTERS.TXT and BOOKS.TXT are looked for.
    folder = BUNDLED_FOLDER if corpus.source == "sample" else corpus.root
    if folder and (tree := openslr.tree_folder(folder)).is_dir():
        folder = tree
    speakers, chapters, books = openslr.read_tables(folder)
    split = Split(
        name=state,
        dataset=datasets.concatenate_datasets(list(parts.values())),
        row_counts={subset: len(part) for subset, part in parts.items()},
        speakers=speakers,
        chapters=chapters,
        books=books,
        drops_annotations=annotations == DROP,
    )
    if annotations == DROP:
        raw = replace(split, drops_annotations=False).texts
        changed = sum(text is not None and text != drop_annotations(text) for text in raw)
        tell(
            f"text.annotations drop: {changed} of {len(raw)} transcripts of {state} had annotations, now removed."
        )
    return split


def _open_subset(corpus: CorpusConfiguration, subset: str) -> datasets.Dataset:
    if corpus.source == "sample":
        return files.open_subset(BUNDLED_FOLDER, subset)
    if corpus.source == "huggingface":
        try:
            paths = download_subset(corpus, subset, offline=True)
        except FileNotFoundError:
            paths = download_subset(corpus, subset)
        return files.open_parquet(paths, columns=corpus.columns)
    if corpus.root is None:
        raise ValueError(
            f"corpus.root: the source {corpus.source} needs a folder; set LIBRISPEECH_ROOT or config.yaml."
        )
    if corpus.source == "openslr":
        return openslr.open_subset(corpus.root, subset)
    return files.open_subset(corpus.root, subset, audio_folders=corpus.audio_folders, columns=corpus.columns)


def download_subset(corpus: CorpusConfiguration, subset: str, *, offline: bool = False) -> list[Path]:
    """Download a subset's Parquet files from a dataset on the hub into the cache, and list them.

    The cache is the folder `huggingface` of the data root, or the hub's own if there is no root or that folder cannot
    be made. With `offline`, only the cache is searched.

    Raises:
        FileNotFoundError: The repository has no such files, or they are neither cached nor reachable.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    pattern = corpus.dataset_files.format(subset=subset)
    cache = corpus.root / "huggingface" if corpus.root else None
    if cache and not cache.is_dir() and (offline or first_writable_folder(cache) is None):
        cache = None
    try:
        snapshot = huggingface_hub.snapshot_download(
            corpus.dataset,
            repo_type="dataset",
            allow_patterns=[pattern],
            cache_dir=cache,
            local_files_only=offline,
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError) as error:
        raise FileNotFoundError(
            explain_hub_error(error, name=corpus.dataset, kind="dataset")
            or f"{corpus.dataset}: the subset {subset} is neither cached nor reachable; with an internet connection: "
            f"poetry run prepare-data --source huggingface --subset {subset}"
        ) from error
    paths = sorted(Path(snapshot).glob(pattern))
    if not paths:
        raise FileNotFoundError(
            f"{corpus.dataset}: no files {pattern}; set corpus.dataset_files in config.yaml to where they are."
        )
    return paths
