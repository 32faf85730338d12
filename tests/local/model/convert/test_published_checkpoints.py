"""Stand-ins of published checkpoints, with their files, fields, tensor names and letters, convert without an option.

Sizes and numbers of layers are small; file lists are those of the hub (2021 and 2022; with safetensors: as the hub
converted them later).
"""

import fnmatch
import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from librispeech_clf.local.commands.convert_model import main
from librispeech_clf.local.model.convert.conversion import convert_configuration
from librispeech_clf.local.model.load import load_model
from librispeech_clf.text.vocabulary import read_vocabulary
from tests.helpers.letters import LETTERS
from tests.helpers.torch_format import make_tensor, write_torch

BASE_LETTERS = {letter: row for row, letter in enumerate(LETTERS)}
XLSR_LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", "'", "-", *"abcdefghijklmnopqrstuvwxyz"]
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
EXTRACTOR = {
    "do_normalize": True, "feature_size": 1, "padding_side": "right", "padding_value": 0.0,
    "return_attention_mask": False, "sampling_rate": 16000,
}  # fmt: skip
COMMON = {
    "activation_dropout": 0.1, "apply_spec_augment": True, "architectures": ["Wav2Vec2ForCTC"],
    "attention_dropout": 0.1, "bos_token_id": 1, "conv_dim": [8] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2], "ctc_loss_reduction": "sum", "ctc_zero_infinity": False,
    "eos_token_id": 2, "feat_extract_activation": "gelu", "feat_extract_dropout": 0.0, "feat_proj_dropout": 0.1,
    "final_dropout": 0.1, "gradient_checkpointing": False, "hidden_act": "gelu", "hidden_dropout": 0.1,
    "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "intermediate_size": 64, "layer_norm_eps": 1e-05,
    "layerdrop": 0.1, "mask_feature_length": 10, "mask_feature_prob": 0.0, "mask_time_length": 10,
    "mask_time_prob": 0.05, "model_type": "wav2vec2", "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128, "num_feat_extract_layers": 7, "pad_token_id": 0, "vocab_size": 32,
}  # fmt: skip
BASE = COMMON | {
    "conv_bias": False, "do_stable_layer_norm": False, "feat_extract_norm": "group", "hidden_size": 48,
    "num_attention_heads": 12, "num_hidden_layers": 2,
}  # fmt: skip
# What transformers 4.18 writes besides, when it saves such a checkpoint again.
LATER_FIELDS = {
    "adapter_kernel_size": 3, "adapter_stride": 2, "add_adapter": False, "classifier_proj_size": 256,
    "codevector_dim": 256, "contrastive_logits_temperature": 0.1, "diversity_loss_weight": 0.1,
    "feat_quantizer_dropout": 0.0, "mask_feature_min_masks": 0, "mask_time_min_masks": 2, "num_adapter_layers": 3,
    "num_codevector_groups": 2, "num_codevectors_per_group": 320, "num_negatives": 100, "output_hidden_size": 48,
    "proj_codevector_dim": 256, "tdnn_dilation": [1, 2, 3, 1, 1], "tdnn_dim": [512, 512, 512, 512, 1500],
    "tdnn_kernel": [5, 3, 3, 1, 1], "torch_dtype": "float32", "transformers_version": "4.18.0",
    "use_weighted_layer_sum": False, "xvector_output_dim": 512,
}  # fmt: skip
LARGE = COMMON | {
    "conv_bias": True, "do_stable_layer_norm": True, "feat_extract_norm": "layer", "hidden_size": 32,
    "num_attention_heads": 16, "num_hidden_layers": 2,
}  # fmt: skip
XLSR = LARGE | {
    "_name_or_path": "facebook/wav2vec2-large-xlsr-53", "activation_dropout": 0.05, "ctc_loss_reduction": "mean",
    "ctc_zero_infinity": True, "feat_proj_dropout": 0.05, "final_dropout": 0.0, "hidden_dropout": 0.05,
    "layerdrop": 0.05, "mask_channel_length": 10, "mask_channel_min_space": 1, "mask_channel_other": 0.0,
    "mask_channel_prob": 0.0, "mask_channel_selection": "static", "mask_time_min_space": 1, "mask_time_other": 0.0,
    "mask_time_selection": "static", "transformers_version": "4.7.0.dev0", "vocab_size": 33,
}  # fmt: skip
FACEBOOK_FILES = [
    ".gitattributes", "README.md", "config.json", "preprocessor_config.json", "pytorch_model.bin",
    "special_tokens_map.json", "tokenizer_config.json", "vocab.json",
]  # fmt: skip


@dataclass(frozen=True)
class Published:
    """A checkpoint on the hub: its files and what is its own."""

    name: str
    configuration: dict
    files: list[str]
    vocabulary: dict = field(default_factory=lambda: BASE_LETTERS)
    mask: str = "masked_spec_embed"


PUBLISHED = [
    Published("facebook/wav2vec2-base-100h", BASE, FACEBOOK_FILES, mask="mask_time_emb_vector"),
    Published(
        "facebook/wav2vec2-base-960h", BASE, [*FACEBOOK_FILES, "feature_extractor_config.json", "tf_model.h5"]
    ),
    Published(
        "facebook/wav2vec2-large-960h-lv60-self",
        LARGE,
        [*FACEBOOK_FILES, "feature_extractor_config.json", "flax_model.msgpack", "tf_model.h5"],
    ),
    Published("facebook/wav2vec2-large-robust-ft-libri-960h", LARGE, FACEBOOK_FILES),
    Published(
        "jonatasgrosman/wav2vec2-large-xlsr-53-english",
        XLSR,
        [
            ".gitattributes", "README.md", "alphabet.json", "config.json", "eval.py", "flax_model.msgpack",
            "full_eval.sh", "preprocessor_config.json", "pytorch_model.bin", "special_tokens_map.json",
            "vocab.json", "language_model/attrs.json", "language_model/lm.binary", "language_model/unigrams.txt",
        ],
        {letter: row for row, letter in enumerate(XLSR_LETTERS)},
    ),
]  # fmt: skip


def list_shapes(configuration, mask):
    """Shape by published tensor name."""
    hidden, inner = configuration["hidden_size"], configuration["intermediate_size"]
    letters, wide = configuration["vocab_size"], configuration["feat_extract_norm"] == "layer"
    positional, groups = "encoder.pos_conv_embed.conv", configuration["num_conv_pos_embedding_groups"]
    shapes = {mask: (hidden,), "feature_projection.layer_norm": (8,), "encoder.layer_norm": (hidden,)}
    shapes["feature_projection.projection"] = (hidden, 8)
    for i, kernel in enumerate(configuration["conv_kernel"]):
        name = f"feature_extractor.conv_layers.{i}"
        shapes[f"{name}.conv.weight"] = (8, 8 if i else 1, kernel)
        if wide:
            shapes[f"{name}.conv.bias"] = (8,)
        if wide or not i:
            shapes[f"{name}.layer_norm"] = (8,)
    shapes |= {
        f"{positional}.bias": (hidden,),
        f"{positional}.weight_g": (1, 1, 128),
        f"{positional}.weight_v": (hidden, hidden // groups, 128),
    }
    for i in range(configuration["num_hidden_layers"]):
        name = f"encoder.layers.{i}"
        shapes |= {f"{name}.attention.{part}_proj": (hidden, hidden) for part in ("q", "k", "v", "out")}
        shapes |= {f"{name}.layer_norm": (hidden,), f"{name}.final_layer_norm": (hidden,)}
        shapes |= {
            f"{name}.feed_forward.intermediate_dense": (inner, hidden),
            f"{name}.feed_forward.output_dense": (hidden, inner),
        }
    named = {f"wav2vec2.{name}": shape for name, shape in shapes.items()} | {"lm_head": (letters, hidden)}
    return dict(item for name, shape in named.items() for item in split_weight_and_bias(name, shape))


def split_weight_and_bias(name, shape):
    if name.rsplit(".", 1)[-1] in ("weight", "bias", "weight_g", "weight_v") or "mask" in name:
        return [(name, shape)]
    return [(f"{name}.weight", shape), (f"{name}.bias", shape[:1])]


def make_tensors(published):
    generator = np.random.default_rng(0)
    shapes = list_shapes(published.configuration, published.mask)
    return {name: generator.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def write_repository(folder, published, tensors, *, safetensors):
    """Write a repository's files; those that no reader needs are empty."""
    contents = {
        "config.json": published.configuration,
        # Models with layer norms were trained with the mask of the padding, those with a group norm without.
        "preprocessor_config.json": EXTRACTOR
        | {"return_attention_mask": published.configuration["feat_extract_norm"] == "layer"},
        "special_tokens_map.json": SPECIAL_TOKENS,
        "tokenizer_config.json": SPECIAL_TOKENS | {"do_lower_case": False, "do_normalize": True},
        "vocab.json": published.vocabulary,
    }
    for name in published.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(contents[name]) if name in contents else "")
    write_torch(folder / "pytorch_model.bin", {name: make_tensor(x) for name, x in tensors.items()})
    if safetensors:
        from safetensors.numpy import save_file

        (folder / "pytorch_model.bin").write_text("not read")
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one repository; keeps what was downloaded."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "cache").mkdir()

    def download(_, allow_patterns):
        for path in (tmp_path / "hub").iterdir():
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in allow_patterns):
                (tmp_path / "cache" / path.name).write_bytes(path.read_bytes())
        return str(tmp_path / "cache")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("published", "safetensors"), [*((published, False) for published in PUBLISHED), (PUBLISHED[0], True)]
)
def test_published_checkpoint_converts_without_an_option(published, safetensors, hub, tmp_path, capsys):
    tensors = make_tensors(published)
    write_repository(hub, published, tensors, safetensors=safetensors)
    assert main(["--from", published.name, "--to", str(tmp_path / "m.h5")]) == 0
    printed = capsys.readouterr().out
    assert f"wav2vec2.{published.mask}" in printed and "one every 20 ms" in printed
    assert (tmp_path / "cache" / "pytorch_model.bin").exists() != safetensors
    vocabulary = read_vocabulary(tmp_path / "m.vocabulary.json")
    assert (set(vocabulary.tokens), vocabulary.language) == (set(published.vocabulary), "en")
    model = load_model(tmp_path / "m.h5", vocabulary)
    head, bias = model.get_layer("lm_head").get_weights()
    for row, letter in enumerate(vocabulary.tokens):
        source = published.vocabulary[letter]
        np.testing.assert_array_equal(head[:, row], tensors["lm_head.weight"][source])
        assert bias[row] == tensors["lm_head.bias"][source]
    last = published.configuration["num_hidden_layers"] - 1
    query = model.get_layer(f"layer_{last}_attention_query").get_weights()[0].reshape(head.shape[0], -1)
    expected = tensors[f"wav2vec2.encoder.layers.{last}.attention.q_proj.weight"].T
    np.testing.assert_array_equal(query, expected)


def test_fields_of_a_later_transformers_change_nothing():
    assert convert_configuration(BASE | LATER_FIELDS) == convert_configuration(BASE)


def test_hyphen_of_the_xlsr_head_is_a_letter_of_its_transcripts(hub, tmp_path):
    published = PUBLISHED[-1]
    write_repository(hub, published, make_tensors(published), safetensors=False)
    assert main(["--from", str(hub), "--to", str(tmp_path / "m.h5")]) == 0
    vocabulary = read_vocabulary(tmp_path / "m.vocabulary.json")
    assert vocabulary.normalize("Twenty-One.", "letters") == "twenty-one"
