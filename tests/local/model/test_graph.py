"""Tests of the graph: shapes, silence, gradients, shared weights."""

import numpy as np

from tests.local.model.conftest import build_pooled_model


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


def test_pooled_model_shares_weights(golden_model):
    pooled = build_pooled_model(golden_model)
    assert {id(weight) for weight in pooled.weights} == {id(weight) for weight in golden_model.weights}
