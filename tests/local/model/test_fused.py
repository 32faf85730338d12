"""Fused operations give what the plain layers give."""

import numpy as np
import pytest

from librispeech_clf.local.model import fused

SHORTER, LONGER = 5_000, 9_000


def make_audio() -> np.ndarray:
    audio = np.random.default_rng(0).standard_normal((2, LONGER)).astype(np.float32)
    audio[0, SHORTER:] = 0
    return audio


def names_of_changed(model, original) -> set[str]:
    return {layer.name for layer in model.layers if layer not in original.layers}


@pytest.mark.parametrize(
    "many, slow_step", [(0, 1), (2**31 - 1, 2**31 - 1)], ids=["large arrays", "small arrays"]
)
def test_model_fused_for_inference_gives_the_same_logits(golden_model, monkeypatch, many, slow_step):
    import tensorflow as tf

    from librispeech_clf.local.model import fused

    monkeypatch.setattr(fused, "SMALLEST_FUSED", many)
    monkeypatch.setattr(fused, "MOST_SCORES", many)
    monkeypatch.setattr(fused, "SLOW_STEP", slow_step)
    model = fused.fuse_for_inference(golden_model)
    changed = names_of_changed(model, golden_model)
    expected = {"layer_0_attention_query", "layer_0_intermediate", "layer_0_attention_norm"}
    expected |= set() if golden_model.configuration.num_buckets else {"layer_0_attention_scores"}
    several = golden_model.configuration.num_conv_pos_layers > 1
    assert expected | {"positional_0_gelu" if several else "positional_gelu"} <= changed
    spaced = fused.SpacedDense, fused.SpacedConvolution
    found = {name for name in changed if isinstance(model.get_layer(name), spaced)}
    assert ("layer_0_intermediate" in found) == (slow_step == 1)
    group_norm = golden_model.configuration.feat_extract_norm == "group"
    assert ("feature_encoder_1_convolution" in found) == (slow_step == 1 and group_norm)

    audio = tf.constant(make_audio())
    compiled, _ = tf.function(model)(audio)
    np.testing.assert_allclose(compiled, golden_model(audio), atol=1e-5)


def test_columns_added_to_a_kernel_do_not_show():
    import keras

    dense = keras.layers.Dense(fused.SLOW_STEP, activation="gelu", bias_initializer="random_normal")
    features = np.random.default_rng(0).standard_normal((2, 9, 8), dtype=np.float32)
    expected = dense(features).numpy()
    spaced = fused.SpacedDense(dense, dense.activation)
    result = spaced(features).numpy()
    assert spaced.kernel.shape == (8, fused.SLOW_STEP + fused.SPARE_COLUMNS)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_norm_inside_the_first_convolution_keeps_quiet_channels_exact():
    """Audio with nearly all its power at low frequencies, a kernel that hears the rest: float32 would lose it."""
    import keras
    import tensorflow as tf

    from librispeech_clf.local.model.fused import NormalizedConvolution, Windows

    generator = np.random.default_rng(0)
    samples, frames, valid = 4_000, 799, 500
    loud = 3 * np.sin(np.arange(samples) * 0.002)
    audio = (loud + 1e-2 * generator.standard_normal(samples)).astype(np.float32)[None]
    convolution = keras.layers.Conv1D(3, 10, 5, use_bias=False)
    norm = keras.layers.DepthwiseConv1D(1)
    mask = tf.constant(np.arange(frames)[None] < valid)
    convolution.build((None, None, 1)), norm.build((None, None, 3))
    kernel = generator.standard_normal((10, 1, 3))
    kernel[:, 0, 0] = [1, -4, 6, -4, 1, 0, 0, 0, 0, 0]
    convolution.kernel.assign(kernel)
    gamma, beta = np.array([0.5, 2, -1]), np.array([1, 0, 3])
    norm.kernel.assign(gamma[None, :, None]), norm.bias.assign(beta)

    windows = Windows(10, 5)(audio[:, :, None])
    result = NormalizedConvolution(convolution, norm, 1e-5)([windows, mask])

    exact = np.lib.stride_tricks.sliding_window_view(audio[0].astype(np.float64), 10)[::5]
    exact = exact @ np.asarray(convolution.kernel)[:, 0].astype(np.float64)
    mean, variance = exact[:valid].mean(axis=0), exact[:valid].var(axis=0)
    expected = (exact - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(result[0], expected, atol=2e-3)


def test_fused_model_shares_its_weights(golden_base_model):
    model = fused.fuse_for_inference(golden_base_model)
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in golden_base_model.weights}
