"""Tests of batched inference: same answers as one by one, bounded batches."""

import functools

import numpy as np
import pytest

from librispeech_clf.local.model.inference import (
    BATCH_SAMPLES,
    bucket_length,
    compile_model,
    pad_logits,
    plan_batches,
    predict_batch,
)
from librispeech_clf.text.vocabulary import BLANK

compile_once = functools.cache(compile_model)
LENGTHS = [2_000, 17_000, 900, 16_500, 16_800, 5]


@pytest.fixture(scope="module")
def waveforms(golden_base):
    generator = np.random.default_rng(0)
    return [generator.standard_normal(length).astype(np.float32) for length in LENGTHS]


def predict_all(model, waveforms, *, batch_samples=100_000):
    """Logits and pooled hidden state of each waveform, batch by batch."""
    predict, found = compile_once(model), {}
    for batch in plan_batches([len(waveform) for waveform in waveforms], batch_samples=batch_samples):
        logits, pooled = predict_batch(
            predict, [waveforms[index] for index in batch], count_frames=model.configuration.count_frames
        )
        found |= {index: pair for index, *pair in zip(batch, logits, pooled, strict=True)}
    return [found[index] for index in range(len(waveforms))]


def test_predictions_are_those_of_single_unpadded_utterances(golden_base_model, waveforms):
    for waveform, (logits, _) in zip(waveforms[:-1], predict_all(golden_base_model, waveforms), strict=False):
        expected = np.asarray(golden_base_model(waveform[None]))[0]
        np.testing.assert_allclose(logits[: len(expected)], expected, atol=1e-5)
        np.testing.assert_array_equal(
            logits[len(expected) :], pad_logits(expected[:0], frames=len(logits) - len(expected))
        )


def test_utterance_below_the_receptive_field_is_blank(golden_base_model, waveforms):
    logits, pooled = predict_all(golden_base_model, waveforms)[-1]
    assert (logits.argmax(axis=1) == BLANK).all()
    np.testing.assert_array_equal(pooled, 0)


def test_batch_bounds_change_nothing(golden_base_model, waveforms):
    together = predict_all(golden_base_model, waveforms)
    alone = predict_all(golden_base_model, waveforms, batch_samples=1)
    for (logits, pooled), (single, single_pooled) in zip(together, alone, strict=True):
        np.testing.assert_allclose(logits[: len(single)], single, atol=1e-5)
        np.testing.assert_allclose(pooled, single_pooled, atol=1e-5)


def test_same_input_gives_the_same_numbers(golden_base_model, waveforms):
    first, second = (predict_all(golden_base_model, waveforms) for _ in range(2))
    for (logits, pooled), (again, pooled_again) in zip(first, second, strict=True):
        np.testing.assert_array_equal(logits, again)
        np.testing.assert_array_equal(pooled, pooled_again)


def test_batches_are_longest_first():
    assert plan_batches(LENGTHS, batch_samples=100_000) == [[1, 4], [3], [0, 2], [5]]


def test_batches_hold_every_utterance_once_and_stay_in_bounds():
    lengths = list(np.random.default_rng(0).integers(1_000, 562_480, 500))
    batches = plan_batches(lengths, batch_samples=700_000)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    for batch in batches:
        widths = {bucket_length(lengths[index]) for index in batch}
        assert len(widths) == 1
        assert len(batch) == 1 or len(batch) * widths.pop() <= 700_000
        assert len(batch) in (1, 2, 4, 8, 16, 32)


def test_buckets_are_few_and_waste_little():
    lengths = np.arange(16_000, 562_480, 997)
    buckets = np.array([bucket_length(n) for n in lengths])
    assert len(set(buckets)) <= 22
    assert (buckets >= lengths).all()
    assert (buckets / lengths).max() < 1.2
    assert (buckets / lengths).mean() < 1.1
    assert bucket_length(3) == bucket_length(16_000) == 16_000
    assert bucket_length(512_001) == bucket_length(BATCH_SAMPLES) == BATCH_SAMPLES
    assert bucket_length(BATCH_SAMPLES + 1) > BATCH_SAMPLES


def test_pad_logits_is_what_the_model_gives_for_padded_audio(golden_base_model, golden_base):
    expected = np.asarray(golden_base_model(np.pad(golden_base.audio[0], (0, 1_000))[None]))[0]
    padded = pad_logits(golden_base.logits[0], frames=len(expected))
    np.testing.assert_allclose(padded, expected, atol=1e-5)


def test_pad_logits_refuses_longer_audio():
    with pytest.raises(ValueError, match="logits have 9 frames, the limit is 8"):
        pad_logits(np.zeros((9, 32), np.float32), frames=8)
