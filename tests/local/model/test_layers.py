"""The graph's mask against counted frames, for both kinds of Keras; parity with transformers holds the other layers."""

import numpy as np
import pytest

from librispeech_clf.local.model.architecture import BASE
from librispeech_clf.local.model.layers import Keras3Layers, load_keras_2_layers


@pytest.fixture(params=[Keras3Layers, load_keras_2_layers], ids=["Keras 3", "Keras 2"])
def mask(request):
    """Return what masks frames of ones: from audio (B, N), their number, kernels and strides to (B, T)."""
    layers = request.param()

    def run(audio, frames, *shape):
        inputs = [layers.keras.Input((None,)), layers.keras.Input((None, 1))]
        model = layers.keras.Model(
            inputs, layers.mask_frames(layers.count_samples(inputs[0]), inputs[1], *shape)
        )
        return np.asarray(model([audio, np.zeros((len(audio), frames, 1), np.float32)]))

    return run


def test_mask_reaches_to_the_last_nonzero_sample(mask):
    audio = np.zeros((3, 20), np.float32)
    audio[0, :] = 1
    audio[1, [0, 11]] = 1  # silence before the last sample counts as audio
    # 20 samples: 9, then 4 frames; 12 samples: 5, then 2; none: 0.
    expected = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(mask(audio, 4, (4, 2), (2, 2)), expected)


@pytest.mark.parametrize("samples", [559_279, 559_280, 562_480])
def test_mask_is_exact_at_the_longest_audio(mask, samples):
    audio = np.zeros((1, 562_480), np.float32)
    audio[0, samples - 1] = 1e-6
    masked = mask(audio, BASE.count_frames(562_480), BASE.conv_kernel, BASE.conv_stride)
    assert masked.sum() == BASE.count_frames(samples)
