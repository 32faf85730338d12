"""Tests of batched inference: same answers as one by one, bounded batches."""

import numpy as np
import pytest

from librispeech_clf.model.inference import bucket_length, pad_logits, plan_batches, predict


@pytest.fixture(scope="module")
def utterances(golden_base):
    generator = np.random.default_rng(0)
    lengths = [2_000, 17_000, 900, 16_500, 16_800, 5]
    return [
        (f"1-2-{index}", generator.standard_normal(n).astype(np.float32)) for index, n in enumerate(lengths)
    ]


def test_predictions_are_those_of_single_unpadded_utterances(golden_base_model, utterances):
    predictions = {p.utterance_id: p for p in predict(golden_base_model, iter(utterances))}
    assert len(predictions) == len(utterances)
    for utterance_id, audio in utterances[:-1]:
        expected = np.asarray(golden_base_model(audio[None]))[0]
        np.testing.assert_allclose(predictions[utterance_id].logits, expected, atol=1e-5)
    assert predictions["1-2-5"].logits.shape == (0, 32)  # shorter than the receptive field
    np.testing.assert_array_equal(predictions["1-2-5"].pooled, 0)


def test_padding_and_batch_bounds_change_nothing(golden_base_model, utterances):
    padded = [(utterance_id, np.pad(audio, (0, 3_000))) for utterance_id, audio in utterances]
    plain = {p.utterance_id: p for p in predict(golden_base_model, utterances)}
    for bounds in ({"batch_samples": 1}, {"window_samples": 1}):
        for prediction in predict(golden_base_model, padded, **bounds):
            np.testing.assert_allclose(prediction.logits, plain[prediction.utterance_id].logits, atol=1e-5)
            np.testing.assert_allclose(prediction.pooled, plain[prediction.utterance_id].pooled, atol=1e-5)


def test_same_input_gives_same_order_and_numbers(golden_base_model, utterances):
    first, second = (list(predict(golden_base_model, utterances)) for _ in range(2))
    assert [p.utterance_id for p in first] == [p.utterance_id for p in second]
    assert [p.utterance_id for p in first][0] == "1-2-1"  # the longest
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.logits, other.logits)


def test_reads_no_further_than_a_window(golden_base_model, utterances):
    read = []

    def read_one_by_one():
        for utterance in utterances:
            read.append(utterance[0])
            yield utterance

    next(predict(golden_base_model, read_one_by_one(), window_samples=2_000))
    assert read == ["1-2-0"]


def test_batches_hold_every_utterance_once_and_stay_in_bounds():
    lengths = list(np.random.default_rng(0).integers(1_000, 562_480, 500))
    batches = plan_batches(lengths, batch_samples=700_000)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    for batch in batches:
        widths = {bucket_length(lengths[index]) for index in batch}
        assert len(widths) == 1
        assert len(batch) == 1 or len(batch) * widths.pop() <= 700_000


def test_buckets_are_few_and_waste_little():
    lengths = np.arange(16_000, 562_480, 997)
    buckets = np.array([bucket_length(n) for n in lengths])
    assert len(set(buckets)) <= 33
    assert (buckets >= lengths).all()
    assert (buckets / lengths).max() < 1.13
    assert bucket_length(3) == bucket_length(16_000) == 16_000


def test_pad_logits_is_what_the_model_gives_for_padded_audio(golden_base_model, golden_base):
    expected = np.asarray(golden_base_model(np.pad(golden_base.audio[0], (0, 1_000))[None]))[0]
    padded = pad_logits(golden_base.logits[0], frames=len(expected))
    np.testing.assert_allclose(padded, expected, atol=1e-5)


def test_pad_logits_refuses_longer_audio():
    with pytest.raises(ValueError, match="logits have 9 frames, the limit is 8"):
        pad_logits(np.zeros((9, 32), np.float32), frames=8)
