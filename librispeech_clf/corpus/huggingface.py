"""Source huggingface: the parquet files of a dataset on the Hugging Face hub, only those of the subset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.corpus.files import open_parquet
from librispeech_clf.corpus.index import first_writable_folder
from librispeech_clf.hub_errors import explain_hub_error

if TYPE_CHECKING:
    import datasets


def open_subset(
    dataset: str, subset: str, *, files: str, root: Path | None, columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Open one subset of a dataset on the hub, memory-mapped, audio undecoded; downloads it unless cached.

    Args:
        dataset: The dataset's name, for example "openslr/librispeech_asr".
        subset: For example "test.clean".
        files: Where the subset's parquet files lie in the repository, with `{subset}`.
        root: The data root; the download is cached in its folder `huggingface`. None: in the hub's own cache.
        columns: As for `columns.make_rows`.

    Raises:
        FileNotFoundError: The repository has no such files, or they are neither cached nor to be reached.
        ValueError: A column is missing or of the wrong type.
    """
    try:
        paths = download_subset(dataset, subset, files=files, root=root, offline=True)
    except FileNotFoundError:
        paths = download_subset(dataset, subset, files=files, root=root)
    return open_parquet(paths, columns=columns)


def download_subset(
    dataset: str, subset: str, *, files: str, root: Path | None, offline: bool = False
) -> list[Path]:
    """Bring a subset's parquet files into the cache and lists them.

    Args:
        dataset: As for `open_subset`.
        subset: As for `open_subset`.
        files: As for `open_subset`.
        root: As for `open_subset`.
        offline: Only look into the cache.

    Raises:
        FileNotFoundError: The repository has no such files, or they are neither cached nor to be reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    pattern = files.format(subset=subset)
    try:
        snapshot = huggingface_hub.snapshot_download(
            dataset,
            repo_type="dataset",
            allow_patterns=[pattern],
            cache_dir=_cache_folder(root, offline=offline),
            local_files_only=offline,
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError) as error:
        raise FileNotFoundError(
            explain_hub_error(error, name=dataset, kind="dataset")
            or f"{dataset}: the subset {subset} is neither cached nor to be reached; with internet: "
            f"poetry run prepare-data --source huggingface --subset {subset}"
        ) from error
    paths = sorted(Path(snapshot).glob(pattern))
    if not paths:
        raise FileNotFoundError(
            f"{dataset}: no files {pattern}; set corpus.dataset_files in config.yaml to where they lie."
        )
    return paths


def _cache_folder(root: Path | None, *, offline: bool) -> Path | None:
    """The download cache under the data root; None, the hub's own, when it is not there or cannot be made."""
    if root is None:
        return None
    folder = root / "huggingface"
    return folder if folder.is_dir() or (not offline and first_writable_folder(folder)) else None
