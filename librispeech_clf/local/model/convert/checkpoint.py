"""Read a checkpoint in Hugging Face's folder format, local or from the hub, without PyTorch.

Format: `config.json`, `vocab.json`, what describes preprocessing and tokenizer (optional: `_DESCRIPTIONS`) and the
tensors: `model.safetensors`, or `pytorch_model.bin`, or shards of either that an index names; and, of MMS, the adapter
of a language, `adapter.deu.safetensors` or `.bin`, whose tensors replace those of the model.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import load_file

from librispeech_clf.hub_errors import explain_hub_error
from librispeech_clf.local.model.convert.torch_archive import read_torch_archive

_DESCRIPTIONS = {
    "config.json": "configuration",
    "vocab.json": "vocabulary",
    "preprocessor_config.json": "preprocessing",
    "processor_config.json": "processor",
    "tokenizer_config.json": "tokenizer",
    "special_tokens_map.json": "special_tokens",
    "added_tokens.json": "added_tokens",
}
_NEEDED = ("config.json", "vocab.json")
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
        configuration: `config.json`.
        vocabulary: `vocab.json`: row of the CTC head by token; of MMS such a vocabulary for each language.
        tensors: float32 weights by Hugging Face's name.
        preprocessing: `preprocessor_config.json`, empty when there is none, as the following ones.
        processor: `processor_config.json`; transformers 5 keeps the preprocessing in it.
        tokenizer: `tokenizer_config.json`.
        special_tokens: `special_tokens_map.json`.
        added_tokens: `added_tokens.json`.
        adapter_rows: rows of the CTC head that a language's adapter brings; 0 without one.
        language_model: the folder of its own language model; None without.
    """

    configuration: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    special_tokens: Mapping[str, Any] = field(default_factory=dict)
    added_tokens: Mapping[str, Any] = field(default_factory=dict)
    adapter_rows: int = 0
    language_model: Path | None = None


def find_checkpoint(source: str, language: str | None = None) -> Path:
    """Return the folder of a checkpoint; a hub name is downloaded to Hugging Face's cache first.

    Args:
        source: a local folder, or a hub name such as "facebook/wav2vec2-base-960h".
        language: whose adapter is downloaded, too, where there is one.

    Raises:
        FileNotFoundError: there is no such folder, and the hub does not give it.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(source):
        raise FileNotFoundError(f"{source}: no such folder, and not a hub name (owner/name).")
    import huggingface_hub

    wanted = [*_DESCRIPTIONS, *_SAFETENSORS, f"{_LANGUAGE_MODEL}/*", f"adapter.{language}.safetensors"]
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
    """Read every file of a checkpoint folder that matters.

    Args:
        folder: as `find_checkpoint` returns it.
        language: whose adapter replaces tensors, where the folder has adapters.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file cannot be read.
    """
    descriptions = {
        attribute: _read_json(folder / name)
        for name, attribute in _DESCRIPTIONS.items()
        if name in _NEEDED or (folder / name).is_file()
    }
    tensors = _read_tensors(folder)
    adapter = _read_adapter(folder, language) if any(folder.glob("adapter.*")) and language else {}
    if foreign := sorted(set(adapter) - set(tensors)):
        raise ValueError(
            f"{folder}: the adapter of {language} has tensors that the model lacks: {foreign[:3]}"
        )
    language_model = folder / _LANGUAGE_MODEL
    return Checkpoint(
        tensors=tensors | adapter,
        adapter_rows=len(adapter["lm_head.weight"]) if "lm_head.weight" in adapter else 0,
        language_model=language_model if language_model.is_dir() else None,
        **descriptions,
    )


def _read_adapter(folder: Path, language: str) -> dict[str, np.ndarray]:
    for suffix in ("safetensors", "bin"):
        if (path := folder / f"adapter.{language}.{suffix}").is_file():
            return _read_file(path)
    names = sorted({path.name.split(".")[1] for path in folder.glob("adapter.*.*")})
    raise FileNotFoundError(
        f"{folder}: no adapter for --language {language}; there are {', '.join(names[:20])}."
    )


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
            return {
                name: tensor
                for shard in _list_shards(index)
                for name, tensor in _read_file(folder / shard).items()
            }
    raise FileNotFoundError(
        f"{folder}: holds no weights; expected model.safetensors or pytorch_model.bin, whole or in shards."
    )


def _list_shards(index: Path) -> list[str]:
    """Return the shards that an index names, which lie beside it."""
    shards = _read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ValueError(
            f"{index}: weight_map must give each tensor's file. Received: {shards!r}; copy the file again."
        )
    names = list(shards.values())
    if foreign := [name for name in names if not isinstance(name, str) or Path(name).name != name]:
        raise ValueError(
            f"{index}: weight_map must name files of its own folder. Received: {foreign[0]!r}; copy the file again."
        )
    for name in names:
        if not (index.parent / name).is_file():
            raise FileNotFoundError(
                f"{index.parent / name}: missing, though {index.name} lists it; copy it too."
            )
    return sorted(set(names))


def _read_file(path: Path) -> dict[str, np.ndarray]:
    """Return a file's tensors as float32."""
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else read_torch_archive(path)
    others = {name: x.dtype.name for name, x in tensors.items() if x.dtype.name not in _FLOATS}
    if others:
        raise ValueError(_refuse_kinds(path, _shorten(others)))
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes inf, which is refused by name
        return {name: tensor.astype(np.float32, copy=False) for name, tensor in tensors.items()}


def _refuse_kinds(path: Path, received: str) -> str:
    return f"{path}: weights must be {', '.join(_FLOATS)}; use a checkpoint that is not quantized. Received: {received}"


def _shorten(others: Mapping[str, str], count: int = 3) -> str:
    shown = ", ".join(f"{name} {kind}" for name, kind in list(others.items())[:count])
    return shown + (f" and {len(others) - count} more" if len(others) > count else "")


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (
        AttributeError
    ) as error:  # NumPy has no such type: "module 'numpy' has no attribute 'float8_e4m3fn'"
        kind = str(error).rpartition(" ")[2]
        raise ValueError(_refuse_kinds(path, kind)) from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged or not safetensors ({error}); copy the file again.") from error
