"""Tests of batched inference: same answers as one by one, bounded batches."""

import functools

import numpy as np
import pytest

from librispeech_clf.local.model import inference
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
