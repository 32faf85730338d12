"""The fused loops give what the plain layers give, forwards and backwards; Muon's step on kernels of any rank."""

import numpy as np
import pytest

SHORTER, LONGER = 5_000, 9_000


def make_audio() -> np.ndarray:
    audio = np.random.default_rng(0).standard_normal((2, LONGER)).astype(np.float32)
    audio[0, SHORTER:] = 0
    return audio


@pytest.mark.parametrize("smallest", [0, 2**22])
def test_fused_model_gives_the_same_logits_and_gradients(golden_model, smallest):
    import tensorflow as tf

    from librispeech_clf.model.fused import fuse

    fused = fuse(golden_model, smallest=smallest)
    changed = [layer for layer in fused.layers if layer not in golden_model.layers]
    expected = {layer.name for layer in golden_model.layers if layer.name.endswith("_gelu")}
    assert {layer.name for layer in changed} == expected != set()

    audio = tf.constant(make_audio())
    results = {}
    for name, model in (("plain", golden_model), ("fused", fused)):
        weights = [weight.value for weight in golden_model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(audio)
            logits = model(audio)
            loss = tf.reduce_sum(tf.nn.log_softmax(logits[:, :, 4:8])[..., 0])
        results[name] = logits, tape.gradient(loss, [audio, *weights])
    np.testing.assert_allclose(results["fused"][0], results["plain"][0], atol=1e-5)
    for fused_gradient, plain_gradient in zip(results["fused"][1], results["plain"][1], strict=True):
        scale = np.abs(plain_gradient).max() + 1e-3
        np.testing.assert_allclose(fused_gradient / scale, plain_gradient / scale, atol=1e-4)


def test_fused_model_shares_its_weights(golden_base_model):
    from librispeech_clf.model.fused import fuse

    fused = fuse(golden_base_model)
    assert {id(weight) for weight in fused.weights} == {id(weight) for weight in golden_base_model.weights}


def test_muon_turns_a_kernel_of_rank_three_by_an_orthogonal_matrix():
    import keras

    from librispeech_clf.model.optimizer import MatrixMuon

    generator = np.random.default_rng(0)
    kernel = keras.Variable(np.zeros((32, 4, 16), np.float32), name="kernel")
    bias = keras.Variable(np.zeros(64, np.float32), name="bias")
    optimizer = MatrixMuon(1.0, rms_rate=None, weight_decay=None, adam_weight_decay=None)
    gradients = [generator.standard_normal(variable.shape).astype(np.float32) for variable in (kernel, bias)]
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], [kernel, bias])

    singular = np.linalg.svd(kernel.numpy().reshape(32, 64), compute_uv=False)
    assert 0.6 < singular.min() and singular.max() < 1.3  # Newton-Schulz comes near 1, not to it
    np.testing.assert_allclose(bias.numpy(), -np.sign(gradients[1]), atol=1e-2)  # Adam's first step
