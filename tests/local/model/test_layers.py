"""Tests of the graph's layers against plain numpy and Keras' own attention, for both kinds of Keras."""

import keras
import numpy as np
import pytest

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.graph import pool
from librispeech_clf.local.model.layers import Keras3Layers, load_keras_2_layers

MASK = np.array([[1] * 7, [1] * 4 + [0] * 3], np.float32)


@pytest.fixture(params=[Keras3Layers, load_keras_2_layers], ids=["Keras 3", "Keras 2"])
def layers(request):
    return request.param()


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(1, 2, (2, 7, 8)).astype(np.float32)


def build(layers, function, *shapes):
    inputs = [layers.keras.Input(shape) for shape in shapes]
    return layers.keras.Model(inputs, function(*inputs))


def test_mask_reaches_to_the_last_nonzero_sample(layers):
    audio = np.zeros((3, 20), np.float32)
    audio[0, :] = 1
    audio[1, [0, 11]] = 1  # silence before the last sample counts as audio
    frames = np.zeros((3, 4, 1), np.float32)
    model = build(
        layers,
        lambda a, x: layers.mask_frames(layers.count_samples(a), x, (4, 2), (2, 2)),
        (None,),
        (None, 1),
    )
    # 20 samples: 9, then 4 frames; 12 samples: 5, then 2; none: 0.
    expected = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(model([audio, frames]), expected)


@pytest.mark.parametrize("samples", [559_279, 559_280, 562_480])
def test_mask_is_exact_at_the_longest_audio(layers, samples):
    configuration = Wav2Vec2Configuration()
    audio = np.zeros((1, 562_480), np.float32)
    audio[0, samples - 1] = 1e-6
    frames = np.zeros((1, configuration.count_frames(562_480), 1), np.float32)
    shape = configuration.conv_kernel, configuration.conv_stride
    model = build(
        layers, lambda a, x: layers.mask_frames(layers.count_samples(a), x, *shape), (None,), (None, 1)
    )
    assert np.asarray(model([audio, frames])).sum() == configuration.count_frames(samples)


def test_group_norm_takes_statistics_of_valid_frames_only(layers):
    generator = np.random.default_rng(0)
    audio = generator.standard_normal((3, 40)).astype(np.float32)
    audio[1, 25:] = 0
    audio[2] = 0
    sizes = {"conv_dim": (6,), "conv_kernel": (10,), "conv_stride": (5,)}
    configuration = Wav2Vec2Configuration(**sizes)

    def normalize(a):
        samples = layers.count_samples(a)
        return layers.normalized_convolution(a[:, :, None], samples, configuration, "first")

    model = build(layers, normalize, (None,))
    kernel = np.asarray(model.get_layer("first_convolution").get_weights()[0])[:, 0]
    normed = np.asarray(model(audio))
    for row, count in ((0, 7), (1, 4)):
        valid = np.lib.stride_tricks.sliding_window_view(audio[row], 10)[::5][:count].astype(np.float64)
        valid = valid @ kernel
        expected = (valid - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-5)
        scale, shift = (np.asarray(w) for w in model.get_layer("first_norm").get_weights())
        np.testing.assert_allclose(normed[row, :count], expected * scale[0, :, 0] + shift, atol=1e-5)
    assert np.isfinite(normed).all()


@pytest.mark.parametrize("kernel_size", [4, 5])
def test_positional_convolution_is_a_grouped_convolution(layers, features, kernel_size):
    model = build(layers, lambda x: layers.grouped_convolution(x, 8, kernel_size, 2, "positional"), (None, 8))
    left = kernel_size // 2
    padded = np.pad(features, ((0, 0), (left, kernel_size - 1 - left), (0, 0)))
    expected = np.zeros_like(features)
    for group, channels in enumerate((slice(0, 4), slice(4, 8))):
        kernel = np.asarray(model.get_layer(f"positional_{group}").get_weights()[0])
        for frame in range(7):
            window = padded[:, frame : frame + kernel_size, channels]
            expected[:, frame, channels] = np.einsum("bkc,kco->bo", window, kernel)
    np.testing.assert_allclose(model(features), expected, atol=1e-5)


@pytest.fixture
def attention(layers):
    return build(layers, lambda x, mask: layers.attention(x, mask, 2, "attention"), (None, 8), (None,))


def test_attention_is_keras_attention_with_a_mask(attention, features):
    reference = keras.layers.MultiHeadAttention(2, 4)
    reference.build(features.shape, features.shape)
    weights = []
    for part in ("query", "key", "value", "output"):
        kernel, bias = attention.get_layer(f"attention_{part}").get_weights()
        shape = (2, 4, 8) if part == "output" else (8, 2, 4)
        weights += [kernel.reshape(shape), bias if part == "output" else bias.reshape(2, 4)]
    reference.set_weights(weights)
    expected = reference(features, features, attention_mask=MASK[:, None, :])
    np.testing.assert_allclose(attention([features, MASK]), expected, atol=1e-6)


def test_attention_ignores_what_padded_keys_hold(attention, features):
    changed = np.where(MASK[:, :, None] == 1, features, 50).astype(np.float32)
    before, after = (np.asarray(attention([inputs, MASK])) for inputs in (features, changed))
    np.testing.assert_array_equal(before[1, :4], after[1, :4])


def test_attention_without_a_valid_key_is_finite(attention, features):
    assert np.isfinite(np.asarray(attention([features, np.zeros_like(MASK)]))).all()


def test_pool_is_the_mean_of_valid_frames(layers, features):
    model = build(layers, lambda x, mask: pool(x, mask, layers), (None, 8), (None,))
    pooled = np.asarray(model([features, MASK]))
    np.testing.assert_allclose(pooled[0], features[0].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(pooled[1], features[1, :4].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(model([features, np.zeros_like(MASK)]), np.zeros((2, 8)))
