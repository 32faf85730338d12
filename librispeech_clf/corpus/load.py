"""Opens the split of a state from the configured source: the one entrance to the corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.configuration import CorpusConfiguration
from librispeech_clf.corpus import files, huggingface, openslr
from librispeech_clf.corpus.columns import tell
from librispeech_clf.corpus.schema import Split
from librispeech_clf.text.normalization import DROP, REFUSE, drop_annotations

if TYPE_CHECKING:
    import datasets

BUNDLED_FOLDER = Path(__file__).resolve().parent / "bundled"


def load_split(corpus: CorpusConfiguration, state: str, *, annotations: str = REFUSE) -> Split:
    """Open the split of a state; reads no audio.

    Args:
        corpus: Source, data root and subsets.
        state: training, validation, test, additional or unlabeled.
        annotations: "drop" takes what stands in brackets out of transcripts.

    Returns:
        The subsets configured for the state, one after the other, with the tables about them.

    Raises:
        FileNotFoundError: A subset is not there.
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
    folder = _tables_folder(corpus)
    split = Split(
        name=state,
        dataset=datasets.concatenate_datasets(list(parts.values())),
        row_counts={subset: len(part) for subset, part in parts.items()},
        speakers=openslr.read_speakers(folder) if folder else {},
        chapters=openslr.read_chapters(folder) if folder else {},
        books=openslr.read_books(folder) if folder else {},
        drops_annotations=annotations == DROP,
    )
    if annotations == DROP:
        raw = replace(split, drops_annotations=False).texts
        changed = sum(text is not None and text != drop_annotations(text) for text in raw)
        tell(
            f"text.annotations drop: {changed} of {len(raw)} transcripts of {state} had annotations, now taken out."
        )
    return split


def _open_subset(corpus: CorpusConfiguration, subset: str) -> datasets.Dataset:
    if corpus.source == "sample":
        return files.open_subset(BUNDLED_FOLDER, subset)
    if corpus.source == "huggingface":
        return huggingface.open_subset(
            corpus.dataset, subset, files=corpus.dataset_files, root=corpus.root, columns=corpus.columns
        )
    if corpus.root is None:
        raise ValueError(
            f"corpus.root: the source {corpus.source} needs a folder; set LIBRISPEECH_ROOT or config.yaml."
        )
    if corpus.source == "openslr":
        return openslr.open_subset(corpus.root, subset)
    return files.open_subset(corpus.root, subset, audio_folders=corpus.audio_folders, columns=corpus.columns)


def _tables_folder(corpus: CorpusConfiguration) -> Path | None:
    """Where SPEAKERS.TXT, CHAPTERS.TXT and BOOKS.TXT are looked for."""
    if corpus.source == "sample":
        return BUNDLED_FOLDER
    if corpus.root is None:
        return None
    tree = openslr.tree_folder(corpus.root)
    return tree if tree.is_dir() else corpus.root
