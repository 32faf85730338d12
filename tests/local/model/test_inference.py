"""Batched inference: same answers as one by one, bounded batches, fused operations that give what plain layers give."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from librispeech_clf.local.model import fused, inference
from librispeech_clf.local.model.inference import BATCH_SAMPLES, bucket_length, pad_logits, plan_batches
from tests.local.model.conftest import build_pooled_model

compile_once = functools.cache(inference.compile_model)
LENGTHS = [2_000, 17_000, 900, 16_500, 16_800, 5]


@pytest.mark.parametrize("batch_samples", [1, 100_000])
def test_predictions_are_those_of_single_unpadded_utterances(golden_base_model, batch_samples):
    generator, pooled_model = np.random.default_rng(0), build_pooled_model(golden_base_model)
    waveforms = [generator.standard_normal(length).astype(np.float32) for length in LENGTHS]
    predict, count_frames = compile_once(golden_base_model), golden_base_model.configuration.count_frames
    for batch in plan_batches(LENGTHS, batch_samples=batch_samples):
        chosen = [waveforms[index] for index in batch]
        logits, pooled = inference.predict_batch(predict, chosen, count_frames=count_frames)
        again = inference.predict_batch(predict, chosen, count_frames=count_frames)
        assert [x.tobytes() for x in again] == [logits.tobytes(), pooled.tobytes()]
        for index, rows, mean in zip(batch, logits, pooled, strict=True):
            frames = count_frames(LENGTHS[index])
            if frames:
                single, single_mean = pooled_model(waveforms[index][None])
                np.testing.assert_allclose(rows[:frames], single[0], atol=1e-5)
                np.testing.assert_allclose(mean, single_mean[0], atol=1e-5)
            else:
                np.testing.assert_array_equal(mean, 0)
            np.testing.assert_array_equal(rows, pad_logits(rows[:frames], frames=len(rows)))


def test_batches_are_longest_first():
    assert plan_batches(LENGTHS, batch_samples=100_000) == [[1, 4], [3], [0, 2], [5]]


def test_batches_hold_every_utterance_once_and_stay_in_bounds():
    lengths = list(np.random.default_rng(0).integers(1_000, 562_480, 500))
    batches = plan_batches(lengths, batch_samples=700_000)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    for batch in batches:
        (width,) = {bucket_length(lengths[index]) for index in batch}
        assert len(batch) == 1 or len(batch) * width <= 700_000
        assert len(batch) in (1, 2, 4, 8, 16, 32)


def test_buckets_are_few_and_waste_little():
    lengths = np.arange(16_000, 562_480, 997)
    buckets = np.array([bucket_length(n) for n in lengths])
    assert len(set(buckets)) <= 22
    assert 1 <= (buckets / lengths).min() and (buckets / lengths).max() < 1.2
    assert (buckets / lengths).mean() < 1.1
    assert bucket_length(3) == bucket_length(16_000) == 16_000
    assert bucket_length(512_001) == bucket_length(BATCH_SAMPLES) == BATCH_SAMPLES
    assert bucket_length(BATCH_SAMPLES + 1) > BATCH_SAMPLES


def test_pad_logits_refuses_longer_audio():
    with pytest.raises(ValueError, match="logits have 9 frames, the limit is 8"):
        pad_logits(np.zeros((9, 32), np.float32), frames=8)


@pytest.mark.parametrize(
    ("slow_step", "most_scores"), [(1, 0), (2**31 - 1, 2**22)], ids=["spare columns, head by head", "neither"]
)
def test_model_fused_for_inference_gives_the_same_logits(golden_model, monkeypatch, slow_step, most_scores):
    monkeypatch.setattr(fused, "SLOW_STEP", slow_step)
    monkeypatch.setattr(fused, "MOST_SCORES", most_scores)
    model = fused.fuse_for_inference(golden_model)
    changed = {layer.name for layer in model.layers if layer not in golden_model.layers}
    assert "layer_0_attention_norm" in changed
    spaced = {name for name in changed if isinstance(model.get_layer(name), fused.SpacedConvolution)}
    group_norm = golden_model.configuration.feat_extract_norm == "group"
    assert ("feature_encoder_1_convolution" in spaced) == (slow_step == 1 and group_norm)

    audio = np.random.default_rng(0).standard_normal((2, 9_000)).astype(np.float32)
    audio[0, 5_000:] = 0
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
