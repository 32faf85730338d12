"""Tests of the custom layers against plain numpy and Keras."""

import keras
import numpy as np
import pytest

from librispeech_clf.model.layers import (
    CUSTOM_LAYERS,
    FORCED_LOGIT,
    ForceBlank,
    FrameMask,
    MaskedGroupNormalization,
    MaskedMean,
    MaskedSelfAttention,
    PositionalConvolution,
    ZeroPaddedFrames,
)

MASK = np.array([[True] * 7, [True] * 4 + [False] * 3])


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(1, 2, (2, 7, 8)).astype(np.float32)


def test_every_layer_survives_its_configuration():
    arguments = {
        FrameMask: {"kernels": (3, 2), "strides": (2, 1)},
        PositionalConvolution: {"kernel_size": 4, "groups": 2},
        MaskedSelfAttention: {"num_heads": 2, "key_dim": 4},
    }
    for layer_class in CUSTOM_LAYERS:
        layer = layer_class(name="layer", **arguments.get(layer_class, {}))
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert type(again) is layer_class
        assert again.get_config() == layer.get_config()


def test_frame_mask_is_true_up_to_the_last_nonzero_sample():
    audio = np.zeros((3, 20), np.float32)
    audio[0, :] = 1
    audio[1, [0, 11]] = 1  # silence before the last sample counts as audio
    mask = np.asarray(FrameMask((4, 2), (2, 2))(audio))
    # 20 samples: 9, then 4 frames; 12 samples: 5, then 2; none: 0.
    np.testing.assert_array_equal(mask.sum(axis=1), [4, 2, 0])
    np.testing.assert_array_equal(mask, np.sort(mask, axis=1)[:, ::-1])


def test_group_norm_takes_statistics_of_valid_frames_only(features):
    layer = MaskedGroupNormalization(epsilon=1e-5)
    normed = np.asarray(layer([features, MASK]))
    for row, count in enumerate(MASK.sum(axis=1)):
        valid = features[row, :count].astype(np.float64)
        expected = (valid - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-5)
        np.testing.assert_allclose(normed[row, :count], expected, atol=1e-5)


def test_group_norm_without_a_valid_frame_is_finite(features):
    assert np.isfinite(np.asarray(MaskedGroupNormalization()([features, np.zeros_like(MASK)]))).all()


def test_zero_padded_frames(features):
    zeroed = np.asarray(ZeroPaddedFrames()([features, MASK]))
    np.testing.assert_array_equal(zeroed, np.where(MASK[:, :, None], features, 0))


@pytest.mark.parametrize("kernel_size", [4, 5])
def test_positional_convolution_is_a_grouped_convolution(features, kernel_size):
    layer = PositionalConvolution(kernel_size, groups=2)
    convolved = np.asarray(layer(features))
    kernel, left = np.asarray(layer.kernel), kernel_size // 2
    padded = np.pad(features, ((0, 0), (left, kernel_size - 1 - left), (0, 0)))
    expected = np.zeros_like(features)
    for frame in range(7):
        for group in (slice(0, 4), slice(4, 8)):
            window = padded[:, frame : frame + kernel_size, group]
            expected[:, frame, group] = np.einsum("bkc,kco->bo", window, kernel[:, :, group])
    np.testing.assert_allclose(convolved, expected, atol=1e-5)


def test_attention_is_keras_attention_with_a_mask(features):
    layer = MaskedSelfAttention(2, 4)
    attended = np.asarray(layer([features, MASK]))
    reference = keras.layers.MultiHeadAttention(2, 4)
    reference.build(features.shape, features.shape)
    reference.set_weights(layer.get_weights())
    expected = np.asarray(reference(features, features, attention_mask=MASK[:, None, :]))
    np.testing.assert_allclose(attended, expected, atol=1e-6)


def test_attention_ignores_what_padded_keys_hold(features):
    layer = MaskedSelfAttention(2, 4)
    changed = np.where(MASK[:, :, None], features, 50).astype(np.float32)
    before, after = (np.asarray(layer([inputs, MASK])) for inputs in (features, changed))
    np.testing.assert_array_equal(before[1, :4], after[1, :4])


def test_attention_without_a_valid_key_is_finite(features):
    assert np.isfinite(np.asarray(MaskedSelfAttention(2, 4)([features, np.zeros_like(MASK)]))).all()


def test_force_blank():
    logits = np.random.default_rng(0).normal(size=(2, 7, 32)).astype(np.float32)
    forced = np.asarray(ForceBlank()([logits, MASK]))
    np.testing.assert_array_equal(forced[MASK], logits[MASK])
    assert (forced[1, 4:, 0] == FORCED_LOGIT).all()
    assert (forced[1, 4:, 1:] == -FORCED_LOGIT).all()
    assert np.isfinite(forced.astype(np.float16)).all()


def test_masked_mean(features):
    pooled = np.asarray(MaskedMean()([features, MASK]))
    np.testing.assert_allclose(pooled[0], features[0].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(pooled[1], features[1, :4].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(MaskedMean()([features, np.zeros_like(MASK)]), np.zeros((2, 8)))
