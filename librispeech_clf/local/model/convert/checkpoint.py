"""Read a checkpoint in Hugging Face's folder format, local or from the hub, without PyTorch.

Format: `config.json`, `vocab.json`, optional descriptions of preprocessing and tokenizer (`DESCRIPTIONS`), and the
tensors: `model.safetensors`, or `pytorch_model.bin`, or shards of either that an index names; and, for MMS, a
language's adapter, `adapter.deu.safetensors` or `.bin`, whose tensors replace those of the model.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import load_file

from librispeech_clf.hub_errors import explain_hub_error
from librispeech_clf.local.model.convert.torch_archive import read_torch_archive

_NEEDED = ("config.json", "vocab.json")
DESCRIPTIONS = (
    *_NEEDED, "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",
)  # fmt: skip
_SAFETENSORS = ["model*.safetensors", "model.safetensors.index.json"]
_TORCH = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_LANGUAGE_MODEL = "language_model"
"""A folder with a KenLM file, unigrams.txt and attrs.json, as pyctcdecode writes it."""
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as its folder holds it.

    Attributes:
        files: content of each of `DESCRIPTIONS` by its name; empty if there is no such file.
        tensors: float32 weights by Hugging Face's names.
        language_model: the folder of its own language model; None if it has none.
    """

    files: Mapping[str, Mapping[str, Any]]
    tensors: Mapping[str, np.ndarray]
    language_model: Path | None = None


def find_checkpoint(source: str, language: str | None = None) -> Path:
    """Return the folder of a checkpoint; a hub name, owner/name, is downloaded to Hugging Face's cache first.

    The language's adapter, if there is one, is downloaded with it.

    Raises:
        FileNotFoundError: there is no such folder, and the hub does not provide it.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(source):
        raise FileNotFoundError(f"{source}: no such folder, and not a hub name (owner/name).")
    import huggingface_hub

    wanted = [*DESCRIPTIONS, *_SAFETENSORS, f"{_LANGUAGE_MODEL}/*", f"adapter.{language}.safetensors"]
    try:
        downloaded = Path(huggingface_hub.snapshot_download(source, allow_patterns=wanted))
        if not list(downloaded.glob("model*.safetensors")):
            downloaded = Path(huggingface_hub.snapshot_download(source, allow_patterns=_TORCH))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            explain_hub_error(error, name=source, kind="model")
            or f"{source}: no such folder, and the hub did not give it ({type(error).__name__}). Without "
            "internet, download the repository elsewhere and pass its folder: --from FOLDER."
        ) from error
    return downloaded


def read_checkpoint(folder: Path, language: str | None = None) -> Checkpoint:
    """Read every relevant file of a checkpoint folder; the tensors of the language's adapter replace the model's.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file cannot be read.
    """
    held = {name for name in DESCRIPTIONS if name in _NEEDED or (folder / name).is_file()}
    files = {name: _read_json(folder / name) if name in held else {} for name in DESCRIPTIONS}
    tensors = _read_tensors(folder)
    if language and (adapters := sorted(folder.glob("adapter.*.*"))):
        wanted = (f"adapter.{language}.safetensors", f"adapter.{language}.bin")
        chosen = [path for path in adapters if path.name in wanted]
        if not chosen:
            names = sorted({path.name.split(".")[1] for path in adapters})
            raise FileNotFoundError(
                f"{folder}: no adapter for --language {language}; there are {', '.join(names[:20])}."
            )
        adapter = _read_file(chosen[-1])
        if foreign := sorted(set(adapter) - set(tensors)):
            raise ValueError(
                f"{folder}: the adapter of {language} has tensors that the model lacks: {foreign[:3]}"
            )
        tensors |= adapter
        if (head := adapter.get("lm_head.weight")) is not None:  # for its own language's letters
            files["config.json"]["vocab_size"] = len(head)
    language_model = folder / _LANGUAGE_MODEL
    return Checkpoint(files, tensors, language_model if language_model.is_dir() else None)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: missing; --from takes a folder that transformers wrote (model and processor)."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}); copy the file again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must hold one JSON object. Received: {type(content).__name__}")
    return content


def _read_tensors(folder: Path) -> dict[str, np.ndarray]:
    for whole in ("model.safetensors", "pytorch_model.bin"):
        if (folder / whole).is_file():
            return _read_file(folder / whole)
        index = folder / f"{whole}.index.json"
        if index.is_file():
            shards = [_read_file(shard) for shard in _list_shards(index)]
            return {name: tensor for shard in shards for name, tensor in shard.items()}
    raise FileNotFoundError(
        f"{folder}: holds no weights; expected model.safetensors or pytorch_model.bin, whole or in shards."
    )


def _list_shards(index: Path) -> list[Path]:
    """Return the shards that an index names, which are in its folder."""
    shards = _read_json(index).get("weight_map")
    names = list(shards.values()) if isinstance(shards, dict) else []
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ValueError(
            f"{index}: weight_map must give each tensor's file, by its name in this folder. Received: {shards!r:.200}; "
            "copy the file again."
        )
    paths = sorted({index.parent / name for name in names})
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing, though {index.name} lists it; copy it too.")
    return paths


def _read_file(path: Path) -> dict[str, np.ndarray]:
    """Return a file's tensors as float32."""
    refusal = (
        f"{path}: weights must be {', '.join(_FLOATS)}; use a checkpoint that is not quantized. Received:"
    )
    try:
        tensors = load_file(path) if path.suffix == ".safetensors" else read_torch_archive(path)
    except AttributeError as error:  # of NumPy: "module 'numpy' has no attribute 'float8_e4m3fn'"
        raise ValueError(f"{refusal} {str(error).rpartition(' ')[2]}") from error
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged or not safetensors ({error}); copy the file again.") from error
    if others := [f"{name} {x.dtype.name}" for name, x in tensors.items() if x.dtype.name not in _FLOATS]:
        raise ValueError(f"{refusal} {', '.join(others[:3])}, {len(others)} in all")
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinity, which is refused by name
        return {name: tensor.astype(np.float32, copy=False) for name, tensor in tensors.items()}
