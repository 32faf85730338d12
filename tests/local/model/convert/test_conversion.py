"""convert-model: what it writes, and the named error of everything else."""

import json
import re

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save, save_file

from librispeech_clf.local.commands.convert_model import main
from librispeech_clf.local.model.architecture import BASE
from librispeech_clf.local.model.convert import conversion
from librispeech_clf.local.model.convert.checkpoint import DESCRIPTIONS, find_checkpoint, read_checkpoint
from librispeech_clf.local.model.convert.conversion import convert_checkpoint, convert_configuration
from librispeech_clf.local.model.convert.weights import convert_weights
from librispeech_clf.local.model.load import load_model
from librispeech_clf.text.vocabulary import read_vocabulary
from tests.helpers.letters import LETTERS
from tests.helpers.torch_format import make_tensor, write_torch

POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
MAGNITUDE, DIRECTION = (f"{POSITIONAL}.parametrizations.weight.original{part}" for part in (0, 1))
NORM, LATER_NORM = "wav2vec2.encoder.layer_norm.bias", "wav2vec2.encoder.layers.1.final_layer_norm.bias"
CTC = {"architectures": ["Wav2Vec2ForCTC"], "model_type": "wav2vec2"}


def convert(folder, path):
    return main(["--from", str(folder), "--to", str(path)])


def test_folder_converts_and_reloads(checkpoint_folder, golden_base, tmp_path, capsys, caplog):
    path = tmp_path / "models" / "tiny.h5"
    assert convert(checkpoint_folder, path) == 0
    golden_base.assert_first_logits(load_model(path))
    printed = capsys.readouterr()
    for told in (f"leap push -n tiny -m {path} -e", "wav2vec2.masked_spec_embed", "one every 1.25 ms"):
        assert told in printed.out
    assert "WARNING" not in printed.err and caplog.records == []
    assert sorted(path.parent.iterdir()) == [path, path.with_name("tiny.vocabulary.json")]


def test_language_model_beside_a_checkpoint_is_kept(checkpoint_folder, tmp_path, capsys):
    (checkpoint_folder / "language_model").mkdir()
    (checkpoint_folder / "language_model" / "unigrams.txt").write_text("tea\n")
    for _ in range(2):  # the second time over the first
        assert convert(checkpoint_folder, tmp_path / "tiny.h5") == 0
        assert (tmp_path / "tiny.language_model" / "unigrams.txt").read_text() == "tea\n"
        assert f"--lm {tmp_path / 'tiny.language_model'}" in " ".join(capsys.readouterr().out.split())
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("whole", ["model.safetensors", "pytorch_model.bin"])
def test_shards_and_older_weight_norm(whole, golden_base, checkpoint_folder, tmp_path):
    tensors, shards = golden_base.older_tensors, {}
    assert f"{POSITIONAL}.weight_g" in tensors
    (checkpoint_folder / "model.safetensors").unlink()
    for part in range(3):
        shard = f"-0000{part}-of-00003.".join(whole.split("."))
        names = sorted(tensors)[part::3]
        if whole.endswith(".bin"):
            write_torch(checkpoint_folder / shard, {name: make_tensor(tensors[name]) for name in names})
        else:
            save_file({name: tensors[name] for name in names}, checkpoint_folder / shard)
        shards |= dict.fromkeys(names, shard)
    (checkpoint_folder / f"{whole}.index.json").write_text(json.dumps({"weight_map": shards}))
    assert convert(checkpoint_folder, tmp_path / "other.h5") == 0
    golden_base.assert_first_logits(load_model(tmp_path / "other.h5"))
    (checkpoint_folder / shard).unlink()
    with pytest.raises(FileNotFoundError, match=f"{shard}: missing, though {whole}.index.json lists it"):
        read_checkpoint(checkpoint_folder)


def test_head_is_put_in_the_order_of_its_vocabulary(golden_base, write_checkpoint, tmp_path):
    order = np.random.default_rng(0).permutation(32)
    vocabulary = {LETTERS[letter].lower(): row for row, letter in enumerate(order)}
    shuffled = {name: golden_base.tensors[name][order] for name in ("lm_head.weight", "lm_head.bias")}
    folder = write_checkpoint({"pad_token_id": vocabulary["<pad>"]}, shuffled, vocabulary)
    assert convert(folder, tmp_path / "tiny.h5") == 0
    read = read_vocabulary(tmp_path / "tiny.vocabulary.json")
    logits = load_model(tmp_path / "tiny.h5", read)(golden_base.audio[0][None])[0]
    original = [LETTERS.index(token.upper() if len(token) == 1 else token) for token in read.tokens]
    np.testing.assert_allclose(logits, golden_base.logits[0][:, original], atol=1e-5)
    assert read.normalize("A CAT") == "a cat"


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "base.model."])
def test_prefix_of_a_wrapper_is_taken_off(prefix, golden_base, write_checkpoint):
    wrapped = {prefix + name: tensor for name, tensor in golden_base.tensors.items()}
    folder = write_checkpoint(tensors=dict.fromkeys(golden_base.tensors) | wrapped)
    golden_base.assert_first_logits(convert_checkpoint(read_checkpoint(folder))[0])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float16, 0.02), (ml_dtypes.bfloat16, 0.1), (np.float64, 1e-5)]
)
def test_other_precisions_are_read(dtype, tolerance, golden_base, write_checkpoint):
    tensors = {name: tensor.astype(dtype) for name, tensor in golden_base.tensors.items()}
    checkpoint = read_checkpoint(write_checkpoint(tensors=tensors))
    assert {tensor.dtype.name for tensor in checkpoint.tensors.values()} == {"float32"}
    logits = convert_checkpoint(checkpoint)[0](golden_base.audio[0][None])[0]
    np.testing.assert_allclose(logits, golden_base.logits[0], atol=tolerance)


def test_configuration_of_the_base_model_and_its_defaults():
    assert convert_configuration(CTC) == BASE
    assert convert_configuration(CTC | {"conv_dim": [8] * 7, "hidden_dropout": 0.1}).conv_dim == (8,) * 7


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architectures": ["Wav2Vec2ForPreTraining"]}, "CTC head. Received: .'Wav2Vec2ForPreTraining'"),
        ({"model_type": "whisper"}, "model_type must be one of wav2vec2, hubert.* Received: 'whisper'"),
        ({"model_type": ["wav2vec2"]}, "model_type must be a text. Received: .'wav2vec2'"),
        ({"model_type": "hubert"}, "architectures must be .'HubertForCTC'"),
        ({"model_type": "wav2vec2-conformer"}, "-conformer cannot be converted: its layers are Conformers"),
        ({"quantization_config": {"quant_method": "gptq"}}, "weights are quantized"),
        ({"hidden_act": "relu"}, "hidden_act must be 'gelu'. Received: 'relu'"),
        ({"feat_extract_activation": "gelu_new"}, "feat_extract_activation"),
        ({"add_adapter": True}, "add_adapter must be False"),
        ({"num_buckets": 2, "model_type": "wavlm", "architectures": None}, "num_buckets must be 4 or more"),
        ({"position_embeddings_type": "rotary"}, "position_embeddings_type"),
        ({"layer_norm_eps": 1e-6}, "layer_norm_eps must be 1e-05"),
        ({"hidden_size": "64"}, "hidden_size must be a whole number above 0. Received: '64'"),
        ({"hidden_size": 24.0}, "hidden_size must be a whole number"),
        ({"hidden_size": True}, "hidden_size must be a whole number"),
        ({"num_attention_heads": 0}, "num_attention_heads must be a whole number above 0. Received: 0"),
        ({"num_attention_heads": 7}, "multiple of num_attention_heads. Received: 768, 7"),
        ({"num_hidden_layers": -1}, "num_hidden_layers must be"),
        ({"num_conv_pos_embedding_groups": 0}, "num_conv_pos_embedding_groups must be"),
        ({"num_conv_pos_embedding_groups": 5}, "multiple of num_conv_pos_embedding_groups"),
        ({"conv_dim": 512}, "conv_dim must be a list of whole numbers above 0. Received: 512"),
        ({"conv_dim": [512]}, "one entry per convolution"),
        ({"conv_stride": [5, 2, 0]}, "conv_stride must be a list"),
        ({"conv_kernel": "abc"}, "conv_kernel must be a list"),
        ({"conv_bias": "no"}, "conv_bias must be true or false. Received: 'no'"),
        ({"feat_extract_norm": ["group"]}, "feat_extract_norm must be a text"),
        ({"feat_extract_norm": "batch"}, "feat_extract_norm must be one of .*batch"),
    ],
)
def test_configuration_that_has_no_graph_is_refused(fields, message):
    with pytest.raises(ValueError, match=f"^config.json: .*{message}"):
        convert_configuration(CTC | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"do_normalize": False}, "do_normalize must be True.*Received: False"),
        ({"do_normalize": None}, "do_normalize must be True"),
        ({"sampling_rate": 8000}, "sampling_rate must be 16000.*Received: 8000"),
        ({"feature_size": 80}, "feature_size must be 1"),
        (
            {"feature_extractor_type": "SeamlessM4TFeatureExtractor"},
            "feature_extractor_type must be Wav2Vec2",
        ),
        ([1], "must hold one JSON object"),
    ],
)
@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
def test_other_preprocessing_is_refused(name, fields, message):
    place = name
    if name == "processor_config.json":  # transformers 5
        fields, place = {"feature_extractor": fields}, f"{name}: feature_extractor"
    with pytest.raises(ValueError, match=f"{place}:? {message}"):
        conversion.check_preprocessing(dict.fromkeys(DESCRIPTIONS, {}) | {name: fields})


def test_null_is_as_good_as_absent(write_checkpoint, tmp_path, capsys):
    assert convert(write_checkpoint({"vocab_size": None}), tmp_path / "tiny.h5") == 0
    assert "Converted" in capsys.readouterr().out


ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("fields", "tensors", "message"),
    [
        ({"hidden_size": 24 * 10**9}, {}, "conv_dim, conv_kernel and hidden_size do not fit the weights"),
        ({"num_hidden_layers": 10**9}, {}, "layers.2.feed_forward.intermediate_dense.weight is missing"),
        ({"intermediate_size": 10**9}, {}, "intermediate_size and hidden_size do not fit the weights"),
        ({"num_conv_pos_embeddings": 10**9}, {}, "num_conv_pos_embeddings and"),
        ({"conv_dim": [12, 12, 10**9]}, {}, "do not fit the weights"),
        ({"vocab_size": 40}, {}, "vocab_size and hidden_size do not fit the weights"),
        ({}, {"lm_head.weight": None}, "no CTC head"),
        ({}, {"lm_head.bias": None}, r"missing \['lm_head.bias'\]; unused \[\]"),
        ({}, {f"{POSITIONAL}.bias": None}, rf"missing \['{POSITIONAL}.bias'\]; unused \[\]"),
        ({}, {"quantizer": ONES}, r"unused \['quantizer'\]"),
        ({}, {NORM: ONES}, rf"wrong shape \['{NORM} has \(3,\), the model needs \(24,\)'\]"),
        ({}, {"lm_head.bias": ONES}, r"lm_head.bias has \(3,\)"),
        ({}, {LATER_NORM: np.append(np.zeros(23), np.nan)}, f"NaN or infinity: {LATER_NORM}."),
        ({}, {LATER_NORM: np.append(np.zeros(23), np.inf)}, f"NaN or infinity: {LATER_NORM}."),
        ({}, {LATER_NORM: np.append(np.zeros(23), -np.inf)}, f"NaN or infinity: {LATER_NORM}."),
        ({}, {NORM: np.full(24, 1e300)}, f"infinity: {NORM}"),  # beyond float32
        ({}, {DIRECTION: np.ones((24, 6, 6)) * [1, 1, 0, 1, 1, 1]}, f"{DIRECTION}: must not be 0"),
        ({}, {MAGNITUDE: ONES}, rf"{MAGNITUDE}: must have shape \(1, 1, 6\)"),
        ({}, {f"{POSITIONAL}.weight": np.ones((24, 6, 6))}, "hold this convolution twice"),
        (
            {},
            {"lm_head.weight": None, "m.lm_head.weight": ONES, "m.lm_head.bias": ONES},
            "without 'm.'; keep",
        ),
        ({}, {"lm_head.bias": np.ones(32, np.int8)}, "Received: lm_head.bias int8"),
        ({}, {"lm_head.bias": np.ones(32, np.complex64)}, "Received: lm_head.bias complex64"),
        ({}, {"lm_head.bias": np.ones(32, np.bool_)}, "Received: lm_head.bias bool"),
    ],
)
def test_tensors_that_do_not_fit_are_named_in_a_line(
    write_checkpoint, tmp_path, capsys, fields, tensors, message
):
    assert convert(write_checkpoint(fields, tensors), tmp_path / "tiny.h5") == 2
    assert not (tmp_path / "tiny.h5").exists()
    assert re.fullmatch(f"convert-model: .*{message}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lm_head.bias": None}, r"missing \['lm_head.bias'\]"),
        ({"project_q": ONES}, r"unused \['project_q'\]"),
    ],
)
def test_nothing_is_assigned_unless_everything_fits(golden_base_model, golden_base, change, message):
    before = golden_base_model.get_weights()
    tensors = {name: tensor + 1 for name, tensor in golden_base.tensors.items()} | change
    with pytest.raises(ValueError, match=message):
        convert_weights(golden_base_model, {name: x for name, x in tensors.items() if x is not None})
    for old, new in zip(before, golden_base_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


EIGHT_BIT = b'{"lm_head.weight": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}'.ljust(88)


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("model.safetensors", save({"x": ONES})[:-4], ValueError, "model.safetensors: damaged"),
        ("model.safetensors", b"?", ValueError, "not safetensors"),
        (
            "model.safetensors",
            len(EIGHT_BIT).to_bytes(8, "little") + EIGHT_BIT + b"1234",
            ValueError,
            "use a checkpoint that is not quantized. Received: 'float8_e4m3fn'",
        ),
        ("model.safetensors", None, FileNotFoundError, "holds no weights"),
        ("config.json", None, FileNotFoundError, "config.json: missing"),
        ("vocab.json", None, FileNotFoundError, "vocab.json: missing"),
        ("config.json", b"{", ValueError, "config.json: not valid JSON"),
        ("vocab.json", b"[]", ValueError, "must hold one JSON object"),
    ],
)
def test_damaged_and_partial_folders_are_named(checkpoint_folder, name, content, error, message):
    (checkpoint_folder / name).unlink()
    if content is not None:
        (checkpoint_folder / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_checkpoint(checkpoint_folder)


@pytest.mark.parametrize(
    "content", ["null", "[]", "{}", '{"a": 5}', '{"a": "../model.safetensors"}', '{"a": null}', '"x"']
)
@pytest.mark.parametrize("whole", ["model.safetensors", "pytorch_model.bin"])
def test_index_that_names_no_shards(checkpoint_folder, content, whole):
    (checkpoint_folder / "model.safetensors").unlink()
    (checkpoint_folder / f"{whole}.index.json").write_text(f'{{"weight_map": {content}}}')
    with pytest.raises(ValueError, match=f"{whole}.index.json: weight_map must"):
        read_checkpoint(checkpoint_folder)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/folder", "no such folder, and not a hub name"),
        ("facebook/wav2vec2-base-960h", "Without internet.*--from FOLDER"),
    ],
)
def test_checkpoint_that_is_not_there(source, message, monkeypatch):
    def fail(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(FileNotFoundError, match=message):
        find_checkpoint(source)
