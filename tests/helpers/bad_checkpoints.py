"""Bad checkpoint folders and model files: mutations of one small intact one each.

A case is by its name what is done to the folder or file, and its outcome: `CONVERTS`, or a pattern of the refusal.
"""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.model.save import CONFIGURATION
from tests.helpers.letters import LETTERS
from tests.helpers.torch_format import Storage, make_tensor, write_torch

CONVERTS = "converts"
"""Outcome: the model file is written."""
GOLDEN = PROJECT_ROOT / "tests" / "local" / "model" / "golden" / "tiny_base.npz"
NO_OBJECT = "not valid JSON|must hold one JSON object"
SIZES = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups", "vocab_size",
)  # fmt: skip
LISTS = ("conv_dim", "conv_kernel", "conv_stride")
ROWS = {letter: row for row, letter in enumerate(LETTERS)}
HEAD_GROUP = "model_weights/lm_head"
HEAD, NORM = "lm_head.weight", "wav2vec2.encoder.layer_norm.weight"


Spoil = Callable[[Path], object]
Cases = dict[str, tuple[Spoil, str]]


def read_golden() -> tuple[dict, dict[str, np.ndarray]]:
    """Return configuration and tensors of a tiny checkpoint."""
    with np.load(GOLDEN) as file:
        tensors = {key.removeprefix("tensor/"): file[key] for key in file if key.startswith("tensor/")}
        return json.loads(str(file["configuration"])), tensors


def write_checkpoint(folder: Path) -> Path:
    """Write the intact folder."""
    configuration, tensors = read_golden()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "vocab.json").write_text(json.dumps(ROWS))
    write_tensors(folder, tensors)
    return folder


def write_tensors(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(whole, folder / "model.safetensors")


def write(name: str, content: bytes | str) -> Spoil:
    """Put a file there."""
    return lambda folder: (folder / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def set_fields(name: str, **fields: object) -> Spoil:
    """Change fields of a JSON file, or begin one."""

    def spoil(folder: Path) -> None:
        path = folder / name
        stored = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(stored | fields))

    return spoil


def set_tensor(name: str, change: Callable[[np.ndarray], np.ndarray] | None) -> Spoil:
    """Change a tensor, add one (of zeros), or leave it out (None)."""

    def spoil(folder: Path) -> None:
        tensors = read_golden()[1]
        tensor = tensors.pop(name, np.zeros(3, np.float32))
        write_tensors(folder, tensors | ({name: change(tensor)} if change else {}))

    return spoil


def use_torch(state: Callable[[dict], object], **more: object) -> Spoil:
    """Put pytorch_model.bin in place of model.safetensors."""

    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        tensors = {name: make_tensor(tensor) for name, tensor in read_golden()[1].items()}
        write_torch(folder / "pytorch_model.bin", state(tensors), **more)

    return spoil


def use_index(content: str) -> Spoil:
    """Put an index in place of the weights."""

    def spoil(folder: Path) -> None:
        os.rename(folder / "model.safetensors", folder / "model-00001-of-00001.safetensors")
        (folder / "model.safetensors.index.json").write_text(content)

    return spoil


def cut(share: float, name: str = "") -> Spoil:
    """Cut a file after a share of its bytes."""
    return lambda path: os.truncate(path / name, int((path / name).stat().st_size * share))


def fill(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Put a value in the second place of a tensor."""
    return lambda tensor: np.where(np.arange(tensor.size).reshape(tensor.shape) == 1, value, tensor).astype(
        "f4"
    )


def spoil_configuration() -> Cases:
    """config.json with values that no model can have."""
    values = [(name, value) for name in SIZES for value in (0, -1, 1.5, "32", [], True, 10**9)]
    lists = (512, [], [8] * 6, [0] * 7, ["8"] * 7, [[8]] * 7, [10**9] * 7, "8")
    values += [(name, value) for name in LISTS for value in lists]
    values.remove(("conv_stride", [10**9] * 7))
    values += {
        "conv_bias": "yes", "feat_extract_norm": "batch", "do_stable_layer_norm": 1, "layer_norm_eps": 0,
        "architectures": "Wav2Vec2ForCTC", "model_type": "whisper", "hidden_act": ["gelu"], "pad_token_id": 31,
        "quantization_config": {}, "add_adapter": "no",
    }.items()  # fmt: skip
    return {
        f"{name}={value!r}"[:48]: (set_fields("config.json", **{name: value}), name) for name, value in values
    }


def spoil_json_files() -> Cases:
    """Files that are no JSON, or JSON of another kind."""
    texts = {
        "empty": b"", "half": b'{"architectures": ["Wav2', "list": b"[]", "null": b"null", "number": b"5",
        "latin-1": '{"a": "é"}'.encode("latin-1"), "utf-16": "{}".encode("utf-16"), "binary": bytes(range(256)),
        "deep": b"[" * 100_000, "deep-object": b'{"a":' * 100_000,
    }  # fmt: skip
    made = {
        f"{file}-{kind}": (write(file, text), f"{file}: .*({NO_OBJECT}|UTF-8)")
        for file in ("config.json", "vocab.json", "tokenizer_config.json")
        for kind, text in texts.items()
    }
    vocabularies = {
        "negative": {"A": -1}, "twice": {"A": 8, "E": 8}, "fraction": {"A": 7.5}, "text": {"A": "7"},
        "null": {"A": None}, "true": {"A": True}, "huge": {"A": 10**20}, "nested": {"A": {"A": 7}},
    }  # fmt: skip
    made |= {
        f"vocab-{kind}": (write("vocab.json", json.dumps(ROWS | change)), "vocab|own row")
        for kind, change in vocabularies.items()
    }
    described = {
        "preprocessor_config": ({"sampling_rate": 8000}, {"do_normalize": "no"}, {"feature_size": 80}),
        "processor_config": ({"feature_extractor": []}, {"feature_extractor": {"sampling_rate": None}}),
        "tokenizer_config": (
            {"pad_token": 5},
            {"word_delimiter_token": ["|"]},
            {"pad_token": {"content": 1}},
        ),
        "special_tokens_map": ({"pad_token": []}, {"unk_token": {"text": "A"}}),
        "added_tokens": ({"<x>": "0"}, {"<x>": -1}, {"<x>": [1]}),
    }
    return made | {
        f"{name}.json-{number}": (set_fields(f"{name}.json", **fields), f"{name}|own row|added")
        for name, changes in described.items()
        for number, fields in enumerate(changes)
    }


def spoil_tensors() -> Cases:
    """Weights that are cut, of another kind, or no numbers."""
    outside = json.dumps({HEAD: {"dtype": "F32", "shape": [32, 24], "data_offsets": [0, 10**9]}}).encode()
    contents = {
        "empty": b"", "text": b"no tensors", "header-of-exabytes": struct.pack("<Q", 2**63 - 1) + b"{}",
        "header-no-json": struct.pack("<Q", 5) + b"?????", "outside": struct.pack("<Q", len(outside)) + outside,
        "random": np.random.default_rng(1).bytes(9000),
    }  # fmt: skip
    files = {kind: write("model.safetensors", content) for kind, content in contents.items()}
    files |= {f"cut-{share}": cut(share, "model.safetensors") for share in (0.01, 0.3, 0.9, 0.9999)}
    indices = (
        ('{"weight_map": null}', "weight_map must give"),
        ('{"weight_map": []}', "weight_map must give"),
        ('{"weight_map": {"a": 5}}', "weight_map must give"),
        ('{"weight_map": {"a": "../config.json"}}', "weight_map must give"),
        ('{"weight_map": {"a": "model-00002.safetensors"}}', "missing, though"),
        ("{", "not valid JSON"),
    )
    return {
        **{f"safetensors-{kind}": (spoil, "damaged or not safetensors") for kind, spoil in files.items()},
        **{f"index-{number}": (use_index(index), told) for number, (index, told) in enumerate(indices)},
        "tensor-nan": (set_tensor(NORM, fill(np.nan)), f"NaN or infinity: {NORM}"),
        "tensor-inf": (set_tensor(HEAD, fill(np.inf)), f"NaN or infinity: {HEAD}"),
        "tensor-f64-1e300": (set_tensor(HEAD, lambda x: x.astype("f8") * 1e300), "NaN or infinity"),
        "tensor-int8": (set_tensor(HEAD, lambda x: x.astype("i1")), f"weights must be .*{HEAD} int8"),
        "tensor-bool": (set_tensor(HEAD, lambda x: x > 0), "weights must be"),
        "tensor-missing": (set_tensor(NORM, None), f"missing .*{NORM}"),
        "tensor-more": (set_tensor("quantizer.x", lambda x: x), "unused .*quantizer.x"),
        "tensor-empty": (set_tensor(NORM, lambda x: x[:0]), NORM),
        "tensor-turned": (set_tensor(HEAD, lambda x: x.T), "lm_head|head"),
        "tensor-scalar": (set_tensor(NORM, lambda x: np.float32(1.0).reshape(())), NORM),
        "no-weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        "no-vocabulary": (lambda folder: (folder / "vocab.json").unlink(), "vocab.json: missing"),
        "float16": (set_tensor(HEAD, lambda x: x.astype("f2")), CONVERTS),
        "unknown-field": (set_fields("config.json", some_new_field={"a": 1}), CONVERTS),
    }


class Command:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def spoil_torch() -> Cases:
    """PyTorch's files: cut, hostile, or of tensors that are none."""

    def swap(**fields: object) -> Spoil:
        return use_torch(lambda tensors: tensors | {HEAD: tensors[HEAD]._replace(**fields)})

    def replace(content: bytes) -> Spoil:
        return lambda folder: (
            (folder / "model.safetensors").rename(folder / "pytorch_model.bin").write_bytes(content)
        )

    def write_without_pickle(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
            archive.writestr("archive/version", "3")

    def keep(tensors: dict) -> dict:
        return tensors

    damaged = "damaged, or not in the zip format"
    misfits = {
        "offset": {"offset": 10**9}, "negative-offset": {"offset": -1}, "size": {"size": (10**9, 24)},
        "negative-size": {"size": (-1, 24)}, "stride": {"stride": (10**9, 1)},
        "negative-stride": {"stride": (-24, 1)}, "sizes-of-text": {"size": ("a", "b")},
    }  # fmt: skip
    return {
        "torch-intact": (use_torch(keep), CONVERTS),
        "torch-big-endian-claimed": (use_torch(keep, byteorder=b"big"), "NaN or infinity"),
        "torch-cut-storages": (use_torch(keep, cut=4), "cut off"),
        "torch-empty": (replace(b""), damaged),
        "torch-old-format": (replace(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M"), damaged),
        "torch-no-pickle": (write_without_pickle, "no data.pkl"),
        "torch-a-list": (use_torch(lambda tensors: list(tensors.values())), "must hold a dictionary"),
        "torch-with-a-number": (use_torch(lambda tensors: tensors | {"step": 5}), "tensors only"),
        "torch-command": (use_torch(lambda tensors: tensors | {"x": Command()}), r"holds (posix|nt)\.system"),
        "torch-sparse": (swap(function="_rebuild_sparse_tensor"), "sparse tensor"),
        "torch-complex": (swap(storage=Storage("ComplexFloatStorage", bytes(64), 8)), "ComplexFloatStorage"),
        "torch-quantized": (swap(storage=Storage("QInt8Storage", bytes(8), 8)), "QInt8Storage"),
        **{f"torch-{kind}": (swap(**fields), "outside its|damaged") for kind, fields in misfits.items()},
    }


def spoil_models() -> Cases:
    """Model files."""

    def change(call: Callable[[h5py.File], object]) -> Spoil:
        def spoil(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                call(file)

        return spoil

    def configure(text: str) -> Spoil:
        return change(lambda file: file.attrs.__setitem__(CONFIGURATION, text))

    def set_configuration(**fields: object) -> Spoil:
        return change(
            lambda file: file.attrs.__setitem__(
                CONFIGURATION, json.dumps(json.loads(file.attrs[CONFIGURATION]) | fields)
            )
        )

    def set_weights(make: Callable[[np.ndarray], np.ndarray]) -> Spoil:
        def swap(file: h5py.File) -> None:
            group = file[HEAD_GROUP]
            name = group.attrs["weight_names"][0]
            array = make(group[name][()])
            del group[name]
            group[name] = array

        return change(swap)

    def set_names(make: Callable[[np.ndarray], object]) -> Spoil:
        def swap(file: h5py.File) -> None:
            attributes = file[HEAD_GROUP].attrs
            attributes["weight_names"] = make(attributes["weight_names"])

        return change(swap)

    def put_number(file: h5py.File) -> None:
        del file[HEAD_GROUP]
        file[HEAD_GROUP] = 5.0

    whole = {
        "nothing": b"", "text": b"no model", "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "signature-only": b"\x89HDF\r\n\x1a\n", "zeros": bytes(10_000), "archive": b"PK\x03\x04" + bytes(500),
    }  # fmt: skip
    misfit, unreadable = "do not match its configuration", "cannot be read|not a readable|not a wav2vec"
    either = f"{misfit}|{unreadable}"
    impossible = (
        {"hidden_size": 0}, {"hidden_size": 48}, {"num_hidden_layers": 9}, {"num_attention_heads": 0},
        {"vocab_size": 31}, {"conv_dim": 512}, {"conv_dim": []}, {"conv_kernel": [10] * 7},
        {"feat_extract_norm": "layer"}, {"num_hidden_layers": 10**9}, {"unknown": 1},
        {"layer_norm_eps": "x"}, {"conv_bias": True}, {"do_stable_layer_norm": None},
        {"num_conv_pos_embeddings": 10**9}, {"hidden_size": 10**7},
    )  # fmt: skip
    return {
        **{f"h5-{kind}": (write("", content), "not a readable|LFS") for kind, content in whole.items()},
        **{f"h5-cut-{share}": (cut(share), unreadable) for share in (0.01, 0.2, 0.5, 0.9, 0.999)},
        **{f"h5-{fields}"[:48]: (set_configuration(**fields), either) for fields in impossible},
        "h5-no-configuration": (
            change(lambda file: file.attrs.__delitem__(CONFIGURATION)),
            "lacks the attribute",
        ),
        "h5-no-json": (configure("{"), unreadable),
        "h5-a-list": (configure("[1]"), unreadable),
        "h5-a-number": (configure(5), unreadable),
        "h5-deep": (configure("[" * 60_000), unreadable),
        "h5-no-weights": (change(lambda file: file.__delitem__("model_weights")), unreadable),
        "h5-layer-missing": (change(lambda file: file.__delitem__(HEAD_GROUP)), misfit),
        "h5-layer-a-number": (change(put_number), either),
        "h5-nan": (set_weights(fill(np.nan)), "NaN or infinity: lm_head"),
        "h5-inf": (set_weights(fill(-np.inf)), "NaN or infinity: lm_head"),
        "h5-shape": (set_weights(lambda array: np.zeros((3, 3), "f4")), misfit),
        "h5-texts": (set_weights(lambda array: np.full(array.shape, b"x")), either),
        "h5-complex": (set_weights(lambda array: np.full(array.shape, 1j, "c8")), either),
        "h5-huge": (set_weights(lambda array: np.full(array.shape, 1e300)), "NaN or infinity"),
        "h5-names-missing": (set_names(lambda names: ["nothing/there", "nor/here"]), unreadable),
        "h5-names-numbers": (set_names(lambda names: [1, 2]), unreadable),
        "h5-names-swapped": (set_names(lambda names: names[::-1]), misfit),
    }


BAD_CHECKPOINTS = spoil_configuration() | spoil_json_files() | spoil_tensors() | spoil_torch()
BAD_MODELS = spoil_models()
