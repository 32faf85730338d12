"""Read a wav2vec 2.0 checkpoint in Hugging Face's folder format, local or from the hub, without PyTorch.

Format: `config.json`, `vocab.json`, `preprocessor_config.json` (optional) and the tensors:
`model.safetensors`, shards named by `model.safetensors.index.json`, or `pytorch_model.bin` (needs PyTorch).
"""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_DESCRIPTIONS = ["config.json", "vocab.json", "preprocessor_config.json"]
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as its folder holds it.

    Attributes:
        configuration: `config.json`.
        vocabulary: `vocab.json`: row of the CTC head by letter.
        tensors: weights by Hugging Face's name.
        preprocessing: `preprocessor_config.json`, empty when there is none.
    """

    configuration: Mapping[str, Any]
    vocabulary: Mapping[str, int]
    tensors: Mapping[str, np.ndarray]
    preprocessing: Mapping[str, Any] = field(default_factory=dict)


def find_checkpoint(source: str) -> Path:
    """Return the folder of a checkpoint; a hub name is downloaded to Hugging Face's cache first.

    Args:
        source: a local folder, or a hub name such as "facebook/wav2vec2-base-960h".

    Raises:
        FileNotFoundError: there is no such folder, and the hub does not give it.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(source):
        raise FileNotFoundError(f"{source}: no such folder, and not a hub name (owner/name).")
    import huggingface_hub

    patterns = [*_DESCRIPTIONS, "model*.safetensors", "model.safetensors.index.json"]
    try:
        downloaded = Path(huggingface_hub.snapshot_download(source, allow_patterns=patterns))
        if not list(downloaded.glob("model*.safetensors")) and _has_torch():
            huggingface_hub.hf_hub_download(source, "pytorch_model.bin")
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{source}: no such folder, and the hub did not give it ({type(error).__name__}). Without "
            "internet, download the repository elsewhere and pass its folder: --from FOLDER."
        ) from error
    return downloaded


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read every file of a checkpoint folder that matters.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file cannot be read.
    """
    optional = folder / "preprocessor_config.json"
    return Checkpoint(
        configuration=_read_json(folder / "config.json"),
        vocabulary=_read_json(folder / "vocab.json"),
        tensors=_read_tensors(folder),
        preprocessing=_read_json(optional) if optional.is_file() else {},
    )


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: missing; --from takes a folder that transformers wrote (model and processor)."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); copy the file again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must hold one JSON object. Received: {type(content).__name__}")
    return content


def _read_tensors(folder: Path) -> dict[str, np.ndarray]:
    if (folder / "model.safetensors").is_file():
        return _read_safetensors(folder / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(_read_json(index).get("weight_map", {}).values()))
        return {
            name: tensor for shard in shards for name, tensor in _read_safetensors(folder / shard).items()
        }
    if not (folder / "pytorch_model.bin").is_file():
        raise FileNotFoundError(
            f"{folder}: holds no weights; expected model.safetensors (or pytorch_model.bin)."
        )
    return _read_pickle(folder / "pytorch_model.bin")


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    import safetensors
    from safetensors.numpy import load_file

    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: missing, though model.safetensors.index.json lists it; copy it too."
        )
    try:
        return {name: tensor.astype(np.float32, copy=False) for name, tensor in load_file(path).items()}
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: damaged or not safetensors ({error}); copy the file again.") from error


def _read_pickle(path: Path) -> dict[str, np.ndarray]:
    if not _has_torch():
        raise ValueError(
            f"{path}: needs PyTorch, which is not installed; use a checkpoint with model.safetensors."
        )
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float().numpy() for name, tensor in state.items()}
    except (RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path}: damaged or not a dictionary of tensors ({error}); copy the file again."
        ) from error
