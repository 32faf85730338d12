"""Wrappers' prefixes, sizes and values of a checkpoint's tensors, and what convert-model says of them."""

import json

import ml_dtypes
import numpy as np
import pytest

from librispeech_clf.local.commands.convert_model import main
from librispeech_clf.local.model.convert.checkpoint import read_checkpoint
from librispeech_clf.local.model.convert.conversion import convert_checkpoint
from librispeech_clf.local.model.convert.weights import name_as_wav2vec2

POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
DIRECTION = f"{POSITIONAL}.parametrizations.weight.original1"


@pytest.fixture
def refuse(golden_base, write_checkpoint, tmp_path, capsys):
    """Convert a changed checkpoint; return the one line that says why not."""

    def refuse(fields=(), tensors=()):
        folder = write_checkpoint(
            golden_base.configuration | dict(fields), golden_base.tensors | dict(tensors)
        )
        assert main(["--from", str(folder), "--to", str(tmp_path / "m.h5")]) == 2
        assert not (tmp_path / "m.h5").exists()
        error = capsys.readouterr().err
        (line,) = [line for line in error.splitlines() if line.startswith("convert-model: ")]
        assert "Traceback" not in error
        return line

    return refuse


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "base.model."])
def test_prefix_of_a_wrapper_is_taken_off(prefix, golden_base, write_checkpoint):
    tensors = {prefix + name: tensor for name, tensor in golden_base.tensors.items()}
    assert set(name_as_wav2vec2(tensors, "wav2vec2")) == set(golden_base.tensors)
    model, *_ = convert_checkpoint(read_checkpoint(write_checkpoint(golden_base.configuration, tensors)))
    np.testing.assert_allclose(model(golden_base.audio[0][None])[0], golden_base.logits[0], atol=1e-5)


def test_names_with_and_without_prefix_collide():
    one = np.ones(1, np.float32)
    with pytest.raises(ValueError, match="with and without 'm.'"):
        name_as_wav2vec2({"m.lm_head.weight": one, "m.x": one, "x": one}, "wav2vec2")


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float16, 0.02), (ml_dtypes.bfloat16, 0.1), (np.float64, 1e-5)]
)
def test_other_precisions_are_read(dtype, tolerance, golden_base, write_checkpoint):
    tensors = {name: tensor.astype(dtype) for name, tensor in golden_base.tensors.items()}
    checkpoint = read_checkpoint(write_checkpoint(golden_base.configuration, tensors))
    assert {tensor.dtype.name for tensor in checkpoint.tensors.values()} == {"float32"}
    logits = convert_checkpoint(checkpoint)[0](golden_base.audio[0][None])[0]
    np.testing.assert_allclose(logits, golden_base.logits[0], atol=tolerance)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": "64"}, "config.json: hidden_size must be a whole number above 0. Received: '64'"),
        ({"hidden_size": 24.0}, "hidden_size must be a whole number"),
        ({"hidden_size": True}, "hidden_size must be a whole number"),
        ({"num_attention_heads": 0}, "num_attention_heads must be a whole number above 0. Received: 0"),
        ({"num_hidden_layers": -1}, "num_hidden_layers must be"),
        ({"num_conv_pos_embedding_groups": 0}, "num_conv_pos_embedding_groups must be"),
        ({"conv_dim": 512}, "conv_dim must be a list of whole numbers above 0. Received: 512"),
        ({"conv_stride": [5, 2, 0]}, "conv_stride must be a list"),
        ({"conv_kernel": "abc"}, "conv_kernel must be a list"),
        ({"conv_bias": "no"}, "conv_bias must be true or false. Received: 'no'"),
        ({"feat_extract_norm": ["group"]}, "feat_extract_norm must be a text"),
        ({"quantization_config": {"bits": 8}}, "weights are quantized"),
        (
            {"hidden_size": 24 * 10**9, "num_attention_heads": 2},
            "conv_dim, conv_kernel and hidden_size do not fit the weights",
        ),
        ({"num_hidden_layers": 10**9}, "layers.2.feed_forward.intermediate_dense.weight is missing"),
        ({"intermediate_size": 10**9}, "intermediate_size and hidden_size do not fit the weights"),
        ({"num_conv_pos_embeddings": 10**9}, "num_conv_pos_embeddings and"),
        ({"conv_dim": [12, 12, 10**9]}, "do not fit the weights"),
        ({"vocab_size": 40}, "vocab_size and hidden_size do not fit the weights"),
    ],
)
def test_impossible_sizes_are_named(refuse, fields, message):
    assert message in refuse(fields)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_named(refuse, golden_base, value):
    name = "wav2vec2.encoder.layers.1.final_layer_norm.bias"
    tensor = golden_base.tensors[name].copy()
    tensor[3] = value
    assert f"NaN or infinity: {name}." in refuse(tensors={name: tensor})


def test_values_beyond_float32_are_named(refuse):
    bias = np.full(24, 1e300)
    assert "infinity: wav2vec2.encoder.layer_norm.bias" in refuse(
        tensors={"wav2vec2.encoder.layer_norm.bias": bias}
    )


def test_direction_of_length_0_and_a_second_kernel_are_named(refuse, golden_base):
    direction = golden_base.tensors[DIRECTION].copy()
    direction[..., 2] = 0
    assert f"{DIRECTION}: must not be 0" in refuse(tensors={DIRECTION: direction})


def test_a_kernel_in_two_spellings_is_named(refuse, golden_base):
    kernel = {f"{POSITIONAL}.weight": golden_base.tensors[DIRECTION]}
    assert "hold this convolution twice" in refuse(tensors=kernel)


@pytest.mark.parametrize("dtype", [np.int8, np.complex64, np.bool_])
def test_quantized_and_complex_weights_are_named(refuse, dtype):
    assert f"Received: lm_head.bias {np.dtype(dtype).name}" in refuse(
        tensors={"lm_head.bias": np.ones(32, dtype)}
    )


def test_older_name_of_the_mask_is_not_needed(golden_base, write_checkpoint, tmp_path, capsys):
    tensors = dict(golden_base.tensors)
    tensors["wav2vec2.mask_time_emb_vector"] = tensors.pop("wav2vec2.masked_spec_embed")
    folder = write_checkpoint(golden_base.configuration, tensors)
    assert main(["--from", str(folder), "--to", str(tmp_path / "m.h5")]) == 0
    assert "wav2vec2.mask_time_emb_vector" in capsys.readouterr().out


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
    ("extractor", "message"),
    [
        ({"do_normalize": False}, "feature_extractor: do_normalize must be True.*Received: False"),
        ({"do_normalize": None}, "do_normalize must be True"),
        ({"sampling_rate": 8000}, "sampling_rate must be 16000.*Received: 8000"),
        ({"feature_size": 80}, "feature_size must be 1"),
        (
            {"feature_extractor_type": "SeamlessM4TFeatureExtractor"},
            "feature_extractor_type must be Wav2Vec2",
        ),
        ([1], "feature_extractor must hold one JSON object"),
    ],
)
def test_processor_of_transformers_5_is_read(checkpoint_folder, extractor, message):
    (checkpoint_folder / "processor_config.json").write_text(json.dumps({"feature_extractor": extractor}))
    with pytest.raises(
        ValueError, match=f"processor_config.json: .*{message}|processor_config.json: {message}"
    ):
        convert_checkpoint(read_checkpoint(checkpoint_folder))


def test_frame_duration_is_told_and_no_foreign_noise(checkpoint_folder, tmp_path, capsys, caplog):
    assert main(["--from", str(checkpoint_folder), "--to", str(tmp_path / "m.h5")]) == 0
    printed = capsys.readouterr()
    assert "one every 1.25 ms" in printed.out
    assert "WARNING" not in printed.err and caplog.records == []


def test_eight_bit_floats_are_refused_in_a_sentence(checkpoint_folder, tmp_path, capsys):
    header = json.dumps(
        {"lm_head.weight": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}
    ).encode()
    header += b" " * (-len(header) % 8)
    content = len(header).to_bytes(8, "little") + header + b"1234"
    (checkpoint_folder / "model.safetensors").write_bytes(content)
    assert main(["--from", str(checkpoint_folder), "--to", str(tmp_path / "m.h5")]) == 2
    assert "use a checkpoint that is not quantized. Received: 'float8_e4m3fn'" in " ".join(
        capsys.readouterr().err.split()
    )
