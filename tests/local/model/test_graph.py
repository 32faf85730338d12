"""The graph: parity with transformers without torch, shapes, gradients, masks.

Golden arrays are those of tiny random models (`make_golden.py`). Tolerance: the issue asks for 1e-4; float32 sums in
another order differ by some 1e-6 here.
"""

import numpy as np
import pytest

from librispeech_clf.local.model.architecture import BASE
from librispeech_clf.local.model.layers import Keras3Layers, load_keras_2_layers
from librispeech_clf.local.model.save import build_engine_model, save_model
from librispeech_clf.local.push.engine import check_model_file
from tests.local.model.conftest import build_pooled_model

TOLERANCE = 1e-5
TOO_SHORT = np.ones(9, np.float32)
ANSWER = """
import sys, numpy, tf_keras
from librispeech_clf.local.model.load import load_model
batch = numpy.load(sys.argv[1])
models = load_model(sys.argv[2]), tf_keras.models.load_model(sys.argv[2])
numpy.save(sys.argv[3], [numpy.asarray(model(batch)) for model in models])
"""


def pad_batch(golden, samples):
    """Pad what transformers heard; behind it silence, and audio too short for a frame."""
    rows = [*golden.audio, TOO_SHORT[:0], TOO_SHORT]
    return np.stack([np.pad(row, (0, samples - len(row))) for row in rows])


def assert_golden(batch, golden):
    """Assert the logits that transformers gives, and forced blanks at every padded frame."""
    for padded, logits in zip(batch, [*golden.logits, np.zeros((0, 32)), np.zeros((0, 32))], strict=True):
        np.testing.assert_allclose(padded[: len(logits)], logits, atol=TOLERANCE)
        assert (padded[len(logits) :] == np.where(np.arange(32) == 0, 1e4, -1e4)).all()


@pytest.mark.parametrize("engine", [False, True], ids=["Keras 3", "Keras 2"])
def test_logits(golden, golden_model, engine):
    model = build_engine_model(golden_model) if engine else golden_model
    for audio, logits in zip(golden.audio, golden.logits, strict=True):
        np.testing.assert_allclose(model(audio[None])[0], logits, atol=TOLERANCE)
    for samples in (3_501, 3_502, 20_000):
        assert_golden(np.asarray(model(pad_batch(golden, samples))), golden)


def test_pooled_last_hidden_state(golden, golden_model):
    _, pooled = build_pooled_model(golden_model)(pad_batch(golden, 5_000))
    np.testing.assert_allclose(pooled[:3], golden.pooled, atol=TOLERANCE)
    np.testing.assert_array_equal(pooled[3:], 0)


def test_file_holds_what_the_importer_knows(golden_model, tmp_path):
    save_model(golden_model, tmp_path / "tiny.h5")
    assert [finding.problem for finding in check_model_file(tmp_path / "tiny.h5")] == [None]


def test_saved_model_passes_in_a_fresh_process(golden_base, saved, forked, tmp_path):
    """Once through `load_model`, once through a bare `load_model` of Keras 2."""
    np.save(tmp_path / "batch.npy", pad_batch(golden_base, 5_000))
    run = forked.run("execute", ANSWER, tmp_path / "batch.npy", saved, tmp_path / "logits.npy")
    assert run.code == 0, run.log
    for answer in np.load(tmp_path / "logits.npy"):
        assert_golden(answer, golden_base)


def test_any_length_one_input_one_output(golden_model):
    assert golden_model.input.shape == (None, None)
    assert golden_model.output.shape[-1] == 32
    assert golden_model(np.ones((2, 999), np.float32)).shape == golden_model.compute_output_shape((2, 999))


def test_gradients_are_finite_and_zero_at_padding(golden_model, golden):
    import tensorflow as tf

    audio = tf.constant(np.pad(golden.audio[0], (0, 800))[None])
    frames = len(golden.logits[0])
    with tf.GradientTape() as tape:
        tape.watch(audio)
        total = tf.reduce_sum(golden_model(audio)[:, :frames, 5])
    gradients = tape.gradient(total, [audio, *golden_model.trainable_variables])
    # WavLM's relative positions are an embedding, whose gradient is sparse.
    assert all(np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in gradients)
    assert np.abs(gradients[0][0, : len(golden.audio[0])]).max() > 0
    assert np.abs(gradients[0][0, len(golden.audio[0]) :]).max() == 0


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
