"""Stand-ins of published checkpoints, with their files, fields, tensor names and letters, convert without an option.

Sizes and weights are those of the golden models; file lists are those of the hub (2021 and 2022; with safetensors: as
the hub converted them later).
"""

import fnmatch
import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from safetensors.numpy import save_file

from librispeech_clf.local.commands.convert_model import main
from librispeech_clf.local.model.convert.conversion import convert_configuration
from librispeech_clf.local.model.load import load_model
from librispeech_clf.text.vocabulary import read_vocabulary
from tests.helpers.letters import LETTERS
from tests.helpers.torch_format import make_tensor, write_torch
from tests.local.model.conftest import load_golden

XLSR_LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", "'", "-", *"abcdefghijklmnopqrstuvwxyz"]
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
EXTRACTOR = {
    "do_normalize": True, "feature_size": 1, "padding_side": "right", "padding_value": 0.0,
    "return_attention_mask": False, "sampling_rate": 16000,
}  # fmt: skip
FIELDS = """activation_dropout apply_spec_augment architectures attention_dropout bos_token_id conv_bias conv_dim
    conv_kernel conv_stride ctc_loss_reduction ctc_zero_infinity do_stable_layer_norm eos_token_id
    feat_extract_activation feat_extract_norm feat_proj_dropout final_dropout hidden_act hidden_dropout hidden_size
    initializer_range intermediate_size layer_norm_eps layerdrop mask_feature_length mask_feature_prob mask_time_length
    mask_time_prob model_type num_attention_heads num_conv_pos_embedding_groups num_conv_pos_embeddings
    num_feat_extract_layers num_hidden_layers pad_token_id vocab_size""".split()
"""What transformers wrote in 2021; the golden models have those of transformers 5 besides."""
GONE = {"feat_extract_dropout": 0.0, "gradient_checkpointing": False, "hidden_dropout_prob": 0.1}
XLSR = {
    "_name_or_path": "facebook/wav2vec2-large-xlsr-53", "mask_channel_length": 10, "mask_channel_min_space": 1,
    "mask_channel_other": 0.0, "mask_channel_prob": 0.0, "mask_channel_selection": "static",
    "mask_time_min_space": 1, "mask_time_other": 0.0, "mask_time_selection": "static",
    "transformers_version": "4.7.0.dev0", "vocab_size": 33,
}  # fmt: skip
FACEBOOK_FILES = """.gitattributes README.md config.json preprocessor_config.json pytorch_model.bin
    special_tokens_map.json tokenizer_config.json vocab.json""".split()
XLSR_FILES = """.gitattributes README.md alphabet.json config.json eval.py flax_model.msgpack full_eval.sh
    preprocessor_config.json pytorch_model.bin special_tokens_map.json vocab.json language_model/attrs.json
    language_model/lm.binary language_model/unigrams.txt""".split()


@dataclass(frozen=True)
class Published:
    """A checkpoint on the hub: its files and what is its own."""

    name: str
    golden: str
    files: list[str]
    fields: dict = field(default_factory=dict)
    letters: tuple[str, ...] = LETTERS
    mask: str = "masked_spec_embed"
    safetensors: bool = False


BASE_960H = [*FACEBOOK_FILES, "feature_extractor_config.json", "tf_model.h5"]
PUBLISHED = [
    Published("facebook/wav2vec2-base-100h", "tiny_base", FACEBOOK_FILES, mask="mask_time_emb_vector"),
    Published("facebook/wav2vec2-base-960h", "tiny_base", BASE_960H),
    Published("facebook/wav2vec2-base-960h", "tiny_base", BASE_960H, safetensors=True),
    Published("facebook/wav2vec2-large-960h-lv60-self", "tiny_large", [*BASE_960H, "flax_model.msgpack"]),
    Published("facebook/wav2vec2-large-robust-ft-libri-960h", "tiny_large", FACEBOOK_FILES),
    Published("jonatasgrosman/wav2vec2-large-xlsr-53-english", "tiny_large", XLSR_FILES, XLSR, XLSR_LETTERS),
]


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_published_checkpoint_converts_without_an_option(published, tmp_path, monkeypatch, capsys):
    golden, rows = load_golden(published.golden), [*range(32), 4][: len(published.letters)]
    tensors, mask = golden.older_tensors, "wav2vec2.masked_spec_embed"
    tensors |= {name: tensors[name][rows] for name in ("lm_head.weight", "lm_head.bias")}
    tensors[f"wav2vec2.{published.mask}"] = tensors.pop(mask)
    configuration = {name: golden.configuration[name] for name in FIELDS} | GONE | published.fields
    contents = {
        "config.json": configuration,
        # Models with layer norms were trained with the mask of the padding, those with a group norm without.
        "preprocessor_config.json": EXTRACTOR
        | {"return_attention_mask": configuration["feat_extract_norm"] == "layer"},
        "special_tokens_map.json": SPECIAL_TOKENS,
        "tokenizer_config.json": SPECIAL_TOKENS | {"do_lower_case": False, "do_normalize": True},
        "vocab.json": {letter: row for row, letter in enumerate(published.letters)},
    }
    hub, cache = tmp_path / "hub", tmp_path / "cache"
    cache.mkdir()
    for name in published.files:  # those that no reader needs are empty
        (hub / name).parent.mkdir(parents=True, exist_ok=True)
        (hub / name).write_text(json.dumps(contents[name]) if name in contents else "")
    if published.safetensors:
        save_file(tensors, hub / "model.safetensors", metadata={"format": "pt"})
    else:
        write_torch(hub / "pytorch_model.bin", {name: make_tensor(x) for name, x in tensors.items()})

    def download(_, allow_patterns):
        for path in hub.iterdir():
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in allow_patterns):
                (cache / path.name).write_bytes(path.read_bytes())
        return str(cache)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert main(["--from", published.name, "--to", str(tmp_path / "m.h5")]) == 0
    assert f"wav2vec2.{published.mask}" in capsys.readouterr().out
    assert (cache / "pytorch_model.bin").exists() != published.safetensors
    vocabulary = read_vocabulary(tmp_path / "m.vocabulary.json")
    assert (set(vocabulary.tokens), vocabulary.language) == (set(published.letters), "en")
    logits = np.asarray(load_model(tmp_path / "m.h5", vocabulary)(golden.audio[0][None]))[0]
    sources = [rows[published.letters.index(letter)] for letter in vocabulary.tokens]
    np.testing.assert_allclose(logits, golden.logits[0][:, sources], atol=1e-5)
    hyphen = "twenty-one" if "-" in published.letters else "TWENTY ONE"
    assert vocabulary.normalize("Twenty-One.", "letters") == hyphen


def test_fields_of_a_later_transformers_change_nothing():
    later = load_golden("tiny_base").configuration
    assert convert_configuration(later) == convert_configuration({name: later[name] for name in FIELDS})
