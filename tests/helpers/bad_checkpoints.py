"""Bad checkpoint folders and model files with their right outcomes: mutations of one small intact one each."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.model.save import CONFIGURATION
from tests.helpers.letters import LETTERS
from tests.helpers.torch_format import Storage, Tensor, make_tensor, write_torch

CONVERTS = "converts"
"""Outcome: the model file is written."""
GOLDEN = PROJECT_ROOT / "tests" / "local" / "model" / "golden" / "tiny_base.npz"
NO_OBJECT = "not valid JSON|must hold one JSON object"
SIZES = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups", "vocab_size",
)  # fmt: skip
LISTS = ("conv_dim", "conv_kernel", "conv_stride")


@dataclass(frozen=True)
class Damage:
    """What is done to an intact folder or file.

    Attributes:
        name: of the case.
        spoil: does it.
        outcome: `CONVERTS`, or a pattern of the refusal.
    """

    name: str
    spoil: Callable[[Path], Any]
    outcome: str


def read_golden() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return configuration and tensors of a tiny checkpoint."""
    with np.load(GOLDEN) as file:
        tensors = {key.removeprefix("tensor/"): file[key] for key in file if key.startswith("tensor/")}
        return json.loads(str(file["configuration"])), tensors


def write_checkpoint(folder: Path) -> Path:
    """Write the intact folder."""
    configuration, tensors = read_golden()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "vocab.json").write_text(json.dumps({letter: row for row, letter in enumerate(LETTERS)}))
    write_tensors(folder, tensors)
    return folder


def write_tensors(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Write model.safetensors."""
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(whole, folder / "model.safetensors")


def write(name: str, content: bytes | str) -> Callable[[Path], Any]:
    """A damage: put a file there."""
    return lambda folder: (folder / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def set_fields(name: str, **fields: Any) -> Callable[[Path], Any]:
    """A damage: change fields of a JSON file, or begin one."""

    def spoil(folder: Path) -> None:
        path = folder / name
        stored = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(stored | fields))

    return spoil


def set_tensors(**changes: Callable[[np.ndarray], np.ndarray] | None) -> Callable[[Path], Any]:
    """A damage: change, add (of nothing) or leave out (None) tensors; `_` in a keyword is part of the name."""

    def spoil(folder: Path) -> None:
        tensors = read_golden()[1]
        for name, change in changes.items():
            if change is None:
                del tensors[name]
            else:
                tensors[name] = change(tensors.get(name, np.zeros(3, np.float32)))
        write_tensors(folder, tensors)

    return spoil


def use_torch(state: Callable[[dict[str, Any]], Any], **more: Any) -> Callable[[Path], Any]:
    """A damage: pytorch_model.bin in place of model.safetensors."""

    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        tensors = {name: make_tensor(tensor) for name, tensor in read_golden()[1].items()}
        write_torch(folder / "pytorch_model.bin", state(tensors), **more)

    return spoil


def use_index(content: str) -> Callable[[Path], Any]:
    """A damage: an index in place of the weights."""

    def spoil(folder: Path) -> None:
        os.rename(folder / "model.safetensors", folder / "model-00001-of-00001.safetensors")
        (folder / "model.safetensors.index.json").write_text(content)

    return spoil


def spoil_configuration() -> list[Damage]:
    """config.json with values that no model can have."""
    made = [
        Damage(f"{name}={value!r}"[:48], set_fields("config.json", **{name: value}), name)
        for name in SIZES
        for value in (0, -1, 1.5, "32", [], True, 10**9)
    ]
    made += [
        Damage(f"{name}={value!r}"[:48], set_fields("config.json", **{name: value}), name)
        for name in LISTS
        for value in (512, [], [8] * 6, [0] * 7, ["8"] * 7, [[8]] * 7, [10**9] * 7, "8")
        if (name, value) != ("conv_stride", [10**9] * 7)
    ]
    others = {
        "conv_bias": "yes", "feat_extract_norm": "batch", "do_stable_layer_norm": 1, "layer_norm_eps": 0,
        "architectures": "Wav2Vec2ForCTC", "model_type": "whisper", "hidden_act": ["gelu"], "pad_token_id": 31,
        "quantization_config": {}, "add_adapter": "no",
    }  # fmt: skip
    return made + [
        Damage(f"{name}={value!r}", set_fields("config.json", **{name: value}), name)
        for name, value in others.items()
    ]


def spoil_json_files() -> list[Damage]:
    """Files that are no JSON, or JSON of another kind."""
    texts = {
        "empty": b"", "half": b'{"architectures": ["Wav2', "list": b"[]", "null": b"null", "number": b"5",
        "latin-1": '{"a": "é"}'.encode("latin-1"), "utf-16": "{}".encode("utf-16"), "binary": bytes(range(256)),
        "deep": b"[" * 100_000, "deep-object": b'{"a":' * 100_000,
    }  # fmt: skip
    made = [
        Damage(f"{file}-{kind}", write(file, text), f"{file}: .*({NO_OBJECT}|UTF-8)")
        for file in ("config.json", "vocab.json", "tokenizer_config.json")
        for kind, text in texts.items()
    ]
    rows = {letter: row for row, letter in enumerate(LETTERS)}
    vocabularies = {
        "negative": {"A": -1}, "twice": {"A": 8, "E": 8}, "fraction": {"A": 7.5}, "text": {"A": "7"},
        "null": {"A": None}, "true": {"A": True}, "huge": {"A": 10**20}, "nested": {"A": {"A": 7}},
    }  # fmt: skip
    made += [
        Damage(f"vocab-{kind}", write("vocab.json", json.dumps(rows | change)), "vocab|own row")
        for kind, change in vocabularies.items()
    ]
    described = {
        "preprocessor_config.json": ({"sampling_rate": 8000}, {"do_normalize": "no"}, {"feature_size": 80}),
        "processor_config.json": ({"feature_extractor": []}, {"feature_extractor": {"sampling_rate": None}}),
        "tokenizer_config.json": (
            {"pad_token": 5},
            {"word_delimiter_token": ["|"]},
            {"pad_token": {"content": 1}},
        ),
        "special_tokens_map.json": ({"pad_token": []}, {"unk_token": {"text": "A"}}),
        "added_tokens.json": ({"<x>": "0"}, {"<x>": -1}, {"<x>": [1]}),
    }
    return made + [
        Damage(f"{file}-{number}", set_fields(file, **fields), f"{file.split('.')[0]}|own row|added")
        for file, changes in described.items()
        for number, fields in enumerate(changes)
    ]


def spoil_tensors() -> list[Damage]:
    """Weights that are cut, of another kind, or no numbers."""
    head, norm = "lm_head.weight", "wav2vec2.encoder.layer_norm.weight"

    def fill(value: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda tensor: np.where(
            np.arange(tensor.size).reshape(tensor.shape) == 1, value, tensor
        ).astype("f4")

    header = struct.pack("<Q", 2**63 - 1) + b"{}"
    no_json = struct.pack("<Q", 5) + b"?????"
    outside = json.dumps({head: {"dtype": "F32", "shape": [32, 24], "data_offsets": [0, 10**9]}}).encode()
    made = [
        Damage(f"safetensors-{kind}", write("model.safetensors", content), "damaged or not safetensors")
        for kind, content in {
            "empty": b"", "text": b"no tensors", "header-of-exabytes": header, "header-no-json": no_json,
            "outside": struct.pack("<Q", len(outside)) + outside, "random": np.random.default_rng(1).bytes(9000),
        }.items()
    ]  # fmt: skip
    cut = (0.01, 0.3, 0.9, 0.9999)
    made += [
        Damage(
            f"safetensors-cut-{share}",
            lambda folder, share=share: os.truncate(
                folder / "model.safetensors", int((folder / "model.safetensors").stat().st_size * share)
            ),
            "damaged or not safetensors",
        )
        for share in cut
    ]
    return [
        *made,
        Damage("tensor-nan", set_tensors(**{norm: fill(np.nan)}), f"NaN or infinity: {norm}"),
        Damage("tensor-inf", set_tensors(**{head: fill(np.inf)}), f"NaN or infinity: {head}"),
        Damage("tensor-f64-1e300", set_tensors(**{head: lambda x: x.astype("f8") * 1e300}), "NaN or infinity"),
        Damage("tensor-int8", set_tensors(**{head: lambda x: x.astype("i1")}), f"weights must be .*{head} int8"),
        Damage("tensor-bool", set_tensors(**{head: lambda x: x > 0}), "weights must be"),
        Damage("tensor-missing", set_tensors(**{norm: None}), f"missing .*{norm}"),
        Damage("tensor-more", set_tensors(**{"quantizer.x": lambda x: x}), "unused .*quantizer.x"),
        Damage("tensor-empty", set_tensors(**{norm: lambda x: x[:0]}), norm),
        Damage("tensor-turned", set_tensors(**{head: lambda x: x.T}), "lm_head|head"),
        Damage("tensor-scalar", set_tensors(**{norm: lambda x: np.float32(1.0).reshape(())}), norm),
        Damage("no-weights", lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        Damage("no-vocabulary", lambda folder: (folder / "vocab.json").unlink(), "vocab.json: missing"),
        Damage("float16", set_tensors(**{head: lambda x: x.astype("f2")}), CONVERTS),
        Damage("unknown-field", set_fields("config.json", some_new_field={"a": 1}), CONVERTS),
        *(
            Damage(f"index-{number}", use_index(content), pattern)
            for number, (content, pattern) in enumerate((
                ('{"weight_map": null}', "weight_map must give"),
                ('{"weight_map": []}', "weight_map must give"),
                ('{"weight_map": {"a": 5}}', "weight_map must give"),
                ('{"weight_map": {"a": "../config.json"}}', "weight_map must give"),
                ('{"weight_map": {"a": "model-00002.safetensors"}}', "missing, though"),
                ("{", "not valid JSON"),
            ))
        ),
    ]  # fmt: skip


class Command:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        """Say so to pickle."""
        return os.system, ("touch executed",)


def spoil_torch() -> list[Damage]:
    """PyTorch's files: cut, hostile, or of tensors that are none."""

    def change(tensor: Tensor, **fields: Any) -> Tensor:
        return Tensor(**(vars(tensor) | fields))

    def swap(name: str, make: Callable[[Tensor], Any]) -> Callable[[Path], Any]:
        return use_torch(lambda tensors: tensors | {name: make(tensors[name])})

    def replace(content: bytes | None) -> Callable[[Path], Any]:
        def spoil(folder: Path) -> None:
            (folder / "model.safetensors").unlink()
            path = folder / "pytorch_model.bin"
            if content is not None:
                path.write_bytes(content)
                return
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/version", "3")

        return spoil

    head = "lm_head.weight"
    damaged = "damaged, or not in the zip format"
    return [
        Damage("torch-intact", use_torch(lambda tensors: tensors), CONVERTS),
        Damage("torch-big-endian-claimed", use_torch(lambda tensors: tensors, byteorder=b"big"), "NaN or infinity"),
        Damage("torch-cut-storages", use_torch(lambda tensors: tensors, cut=4), "cut off"),
        Damage("torch-empty", replace(b""), damaged),
        Damage("torch-old-format", replace(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M"), damaged),
        Damage("torch-no-pickle", replace(None), "no data.pkl"),
        Damage("torch-a-list", use_torch(lambda tensors: list(tensors.values())), "must hold a dictionary"),
        Damage("torch-with-a-number", use_torch(lambda tensors: tensors | {"step": 5}), "tensors only"),
        Damage("torch-command", use_torch(lambda tensors: tensors | {"x": Command()}), r"holds (posix|nt)\.system"),
        Damage("torch-sparse", swap(head, lambda x: change(x, function="_rebuild_sparse_tensor")), "sparse tensor"),
        Damage("torch-complex", swap(head, lambda x: change(
            x, storage=Storage("ComplexFloatStorage", x.storage.data, 8))), "ComplexFloatStorage"),
        Damage("torch-quantized", swap(head, lambda x: change(
            x, storage=Storage("QInt8Storage", x.storage.data, 8))), "QInt8Storage"),
        *(
            Damage(f"torch-{kind}", swap(head, lambda x, fields=fields: change(x, **fields)), "outside its|damaged")
            for kind, fields in {
                "offset": {"offset": 10**9}, "negative-offset": {"offset": -1}, "size": {"size": (10**9, 24)},
                "negative-size": {"size": (-1, 24)}, "stride": {"stride": (10**9, 1)},
                "negative-stride": {"stride": (-24, 1)}, "sizes-of-text": {"size": ("a", "b")},
            }.items()
        ),
    ]  # fmt: skip


def list_bad_checkpoints() -> list[Damage]:
    """All damages of a folder."""
    return [*spoil_configuration(), *spoil_json_files(), *spoil_tensors(), *spoil_torch()]


def spoil_file(change: Callable[[h5py.File], Any]) -> Callable[[Path], Any]:
    """A damage: change the content of a model file."""

    def spoil(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return spoil


def set_configuration(**fields: Any) -> Callable[[Path], Any]:
    """A damage: change fields of a model file's configuration."""

    def change(file: h5py.File) -> None:
        file.attrs[CONFIGURATION] = json.dumps(json.loads(file.attrs[CONFIGURATION]) | fields)

    return spoil_file(change)


def list_bad_models() -> list[Damage]:
    """All damages of a model file."""

    def fill(value: float) -> Callable[[h5py.File], Any]:
        def change(file: h5py.File) -> None:
            group = file["model_weights/lm_head"]
            dataset = group[group.attrs["weight_names"][0]]
            dataset[0, 0] = value

        return change

    def swap_dataset(
        value: Any, dtype: str | None = None, *, shape: tuple[int, ...] | None = None
    ) -> Callable[[h5py.File], Any]:
        def change(file: h5py.File) -> None:
            group = file["model_weights/lm_head"]
            name = group.attrs["weight_names"][0]
            array = np.full(shape or group[name].shape, value, dtype)
            del group[name]
            group[name] = array

        return change

    def set_names(names: Any) -> Callable[[h5py.File], Any]:
        return lambda file: file["model_weights/lm_head"].attrs.__setitem__("weight_names", names)

    whole = {
        "nothing": b"", "text": b"no model", "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "signature-only": b"\x89HDF\r\n\x1a\n", "zeros": bytes(10_000), "archive": b"PK\x03\x04" + bytes(500),
    }  # fmt: skip
    misfit, unreadable = "not those of its configuration", "cannot be read|not a readable|not a wav2vec"
    impossible = (
        {"hidden_size": 0}, {"hidden_size": 48}, {"num_hidden_layers": 9}, {"num_attention_heads": 0},
        {"vocab_size": 31}, {"conv_dim": 512}, {"conv_dim": []}, {"conv_kernel": [10] * 7},
        {"feat_extract_norm": "layer"}, {"num_hidden_layers": 10**9}, {"unknown": 1},
        {"layer_norm_eps": "x"}, {"conv_bias": True}, {"do_stable_layer_norm": None},
        {"num_conv_pos_embeddings": 10**9}, {"hidden_size": 10**7},
    )  # fmt: skip
    return [
        *(Damage(f"h5-{kind}", lambda path, c=content: path.write_bytes(c), "not a readable|LFS")
          for kind, content in whole.items()),
        *(Damage(f"h5-cut-{share}", lambda path, s=share: os.truncate(path, int(path.stat().st_size * s)), unreadable)
          for share in (0.01, 0.2, 0.5, 0.9, 0.999)),
        *(Damage(f"h5-{fields}"[:48], set_configuration(**fields), f"{misfit}|{unreadable}") for fields in impossible),
        Damage("h5-no-configuration", spoil_file(lambda f: f.attrs.__delitem__(CONFIGURATION)), "lacks the attribute"),
        Damage("h5-no-json", spoil_file(lambda f: f.attrs.__setitem__(CONFIGURATION, "{")), unreadable),
        Damage("h5-a-list", spoil_file(lambda f: f.attrs.__setitem__(CONFIGURATION, "[1]")), unreadable),
        Damage("h5-a-number", spoil_file(lambda f: f.attrs.__setitem__(CONFIGURATION, 5)), unreadable),
        Damage("h5-deep", spoil_file(lambda f: f.attrs.__setitem__(CONFIGURATION, "[" * 60_000)), unreadable),
        Damage("h5-no-weights", spoil_file(lambda f: f.__delitem__("model_weights")), unreadable),
        Damage("h5-layer-missing", spoil_file(lambda f: f["model_weights"].__delitem__("lm_head")), misfit),
        Damage("h5-layer-a-number", spoil_file(
            lambda f: (f["model_weights"].__delitem__("lm_head"), f["model_weights"].__setitem__("lm_head", 5.0))),
            f"{misfit}|{unreadable}"),
        Damage("h5-nan", spoil_file(fill(np.nan)), "NaN or infinity: lm_head"),
        Damage("h5-inf", spoil_file(fill(-np.inf)), "NaN or infinity: lm_head"),
        Damage("h5-shape", spoil_file(swap_dataset(0, "f4", shape=(3, 3))), misfit),
        Damage("h5-texts", spoil_file(swap_dataset(b"x")), f"{misfit}|{unreadable}"),
        Damage("h5-complex", spoil_file(swap_dataset(1j, "c8")), f"{misfit}|{unreadable}"),
        Damage("h5-huge", spoil_file(swap_dataset(1e300)), "NaN or infinity"),
        Damage("h5-names-missing", spoil_file(set_names(["nothing/there", "nor/here"])), unreadable),
        Damage("h5-names-numbers", spoil_file(set_names([1, 2])), unreadable),
        Damage("h5-names-swapped", spoil_file(
            lambda f: set_names(f["model_weights/lm_head"].attrs["weight_names"][::-1])(f)), misfit),
    ]  # fmt: skip
