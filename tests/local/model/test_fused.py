"""Fused operations give what the plain layers give."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from librispeech_clf.local.model import fused

SHORTER, LONGER = 5_000, 9_000


@pytest.mark.parametrize("slow_step", [1, 2**31 - 1], ids=["spare columns", "none"])
def test_model_fused_for_inference_gives_the_same_logits(golden_model, monkeypatch, slow_step):
    monkeypatch.setattr(fused, "SLOW_STEP", slow_step)
    model = fused.fuse_for_inference(golden_model)
    changed = {layer.name for layer in model.layers if layer not in golden_model.layers}
    assert "layer_0_attention_norm" in changed
    spaced = {name for name in changed if isinstance(model.get_layer(name), fused.SpacedConvolution)}
    group_norm = golden_model.configuration.feat_extract_norm == "group"
    assert ("feature_encoder_1_convolution" in spaced) == (slow_step == 1 and group_norm)

    audio = np.random.default_rng(0).standard_normal((2, LONGER)).astype(np.float32)
    audio[0, SHORTER:] = 0
    compiled, _ = tf.function(model)(tf.constant(audio))
    np.testing.assert_allclose(compiled, golden_model(audio), atol=1e-5)


def test_norm_inside_the_first_convolution_keeps_quiet_channels_exact():
    """Audio with nearly all its power at low frequencies, a kernel that hears the rest: float32 would lose it."""
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

    windows = fused.Windows(10, 5)(audio[:, :, None])
    result = fused.NormalizedConvolution(convolution, norm, 1e-5)([windows, mask])

    exact = np.lib.stride_tricks.sliding_window_view(audio[0].astype(np.float64), 10)[::5]
    exact = exact @ np.asarray(convolution.kernel)[:, 0].astype(np.float64)
    mean, variance = exact[:valid].mean(axis=0), exact[:valid].var(axis=0)
    expected = (exact - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(result[0], expected, atol=2e-3)


def test_fused_model_shares_its_weights(golden_base_model):
    model = fused.fuse_for_inference(golden_base_model)
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in golden_base_model.weights}
