"""Tests of the graph: shapes, padding, gradients, shared weights."""

import numpy as np
import pytest

from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.ctc.loss import ctc_loss
from librispeech_clf.local.model.architecture import BASE, Wav2Vec2Configuration
from librispeech_clf.local.model.graph import build_pooled_model
from tests.helpers.letters import VOCABULARY


def test_base_configuration_counts_frames():
    assert BASE.count_frames(559_280) == 1_747


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conv_dim": (512,)}, "one entry per convolution"),
        ({"feat_extract_norm": "batch"}, "feat_extract_norm must be one of .*batch"),
        ({"num_attention_heads": 7}, "multiple of num_attention_heads. Received: 768, 7"),
        ({"num_conv_pos_embedding_groups": 5}, "multiple of num_conv_pos_embedding_groups"),
    ],
)
def test_configuration_refuses_what_has_no_graph(fields, message):
    with pytest.raises(ValueError, match=message):
        Wav2Vec2Configuration(**fields)


def test_any_length_one_input_one_output(golden_model):
    assert golden_model.input.shape == (None, None)
    assert golden_model.output.shape[-1] == 32
    assert golden_model(np.ones((2, 999), np.float32)).shape == golden_model.compute_output_shape((2, 999))


def test_text_and_loss_do_not_depend_on_padding(golden_model, golden):
    audio = golden.audio[0]
    labels = np.zeros((1, 8), np.float32)
    labels[0, :3] = [7, 11, 5]
    unpadded, padded = (
        np.asarray(golden_model(np.pad(audio, (0, samples))[None]), np.float32) for samples in (0, 7_777)
    )
    assert greedy_text(unpadded[0], VOCABULARY) == greedy_text(padded[0], VOCABULARY)
    np.testing.assert_allclose(ctc_loss(unpadded, labels), ctc_loss(padded, labels), rtol=1e-5)


def test_silent_and_too_short_audio_is_all_blank(golden_model):
    audio = np.zeros((2, 500), np.float32)
    audio[1, :10] = 1
    assert (np.asarray(golden_model(audio)).argmax(axis=-1) == 0).all()


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
