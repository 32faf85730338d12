"""CTC loss against a sum over all paths, against TensorFlow, and in the cases without an answer."""

import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow

from librispeech_clf.ctc.loss import LARGEST_LOSS, ctc_loss
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.beam_search import sum_paths
from tests.helpers.letters import pad


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "labels", [(), (1,), (2,), (1, 2), (1, 1), (2, 1, 2), (1, 1, 2), (1, 1, 1), (1, 2, 1, 2), (1, 2, 1, 2, 1)]
)
@pytest.mark.parametrize("frames", [5, 6])
def test_equals_the_sum_over_all_paths(labels, frames, rng):
    logits = rng.normal(0, 2, (1, frames, 3)).astype(np.float32)
    loss = ctc_loss(logits, np.array([labels], np.float32).reshape(1, -1))
    assert loss.dtype == np.float32
    assert loss == pytest.approx([-sum_paths(logits[0])[labels]], rel=1e-5)


def test_equals_tensorflow(rng):
    logits = rng.normal(0, 3, (4, 60, 32)).astype(np.float32)
    lengths = np.array([0, 1, 12, 20])
    labels = np.where(np.arange(20) < lengths[:, None], rng.integers(4, 32, (4, 20)), 0)
    expected = tensorflow.nn.ctc_loss(
        labels.astype(np.int32), logits, lengths, [60] * 4, logits_time_major=False, blank_index=BLANK
    )
    np.testing.assert_allclose(ctc_loss(logits, labels), expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("frames", [1, 100])
def test_padding_and_other_utterances_of_a_batch_change_nothing(dtype, frames, rng):
    logits = rng.normal(0, 3, (3, 40, 32)).astype(dtype)
    labels = rng.integers(4, 32, (3, 9)).astype(dtype)
    single = [ctc_loss(logits[[row]], labels[[row]])[0] for row in range(3)]
    np.testing.assert_array_equal(ctc_loss(pad(logits, frames), np.pad(labels, ((0, 0), (0, 50)))), single)


def test_certain_transcript_has_no_loss():
    logits = np.full((1, 4, 32), -100.0)
    logits[0, np.arange(4), [5, 0, 5, 6]] = 100
    assert ctc_loss(logits, np.array([[5, 5, 6, 0]])) == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize("padding", [0, 200])
@pytest.mark.parametrize("labels", [[5, 6, 7, 8], [5, 5, 6, 0]])
def test_transcript_that_cannot_be_aligned(labels, padding):
    assert ctc_loss(pad(np.zeros((1, 3, 32), np.float32), padding), np.array([labels])) == [LARGEST_LOSS]
    assert np.float16(LARGEST_LOSS) == LARGEST_LOSS


@pytest.mark.parametrize("padding", [0, 7])
def test_no_valid_frame(padding):
    forced = pad(np.zeros((2, 0, 32), np.float32), padding)
    np.testing.assert_array_equal(ctc_loss(forced, np.array([[0, 0], [5, 0]])), [0, LARGEST_LOSS])


def test_finite_for_extreme_logits():
    logits = np.full((2, 6, 32), -4000.0)
    logits[:, :, 7] = 4000
    logits[1] = np.nan
    np.testing.assert_array_equal(ctc_loss(logits, np.array([[5, 6]] * 2)), [LARGEST_LOSS] * 2)


@pytest.mark.parametrize("frame", [0, 2, 5])
@pytest.mark.parametrize("label", [0, 5, 31])
def test_nan_anywhere_is_the_largest_loss(frame, label):
    logits = np.zeros((2, 6, 32), np.float16)
    logits[0, frame, label] = np.nan
    losses = ctc_loss(logits, np.array([[5, 6]] * 2)).astype(np.float16)
    assert losses[0] == LARGEST_LOSS
    assert 0 < losses[1] < LARGEST_LOSS
    logits[0] = np.nan
    assert ctc_loss(logits[:1], np.array([[0, 0]])) == [LARGEST_LOSS]


def test_wrong_batches_are_refused():
    with pytest.raises(ValueError, match=r"one batch size; received \(2, 5, 32\) and \(3, 4\)"):
        ctc_loss(np.zeros((2, 5, 32)), np.zeros((3, 4)))


@pytest.mark.parametrize("label", [32, -1])
def test_label_outside_of_the_vocabulary_is_refused(label):
    with pytest.raises(ValueError, match=rf"must lie in \[0, 31\]; received .*{label}"):
        ctc_loss(np.zeros((1, 5, 32)), np.array([[label, 5]]))


def test_fast_enough_for_the_longest_utterance(rng):
    logits, labels = rng.normal(size=(1, 1747, 32)).astype(np.float32), rng.integers(4, 32, (1, 230))
    ctc_loss(logits[:, :2], labels[:, :1])
    durations = []
    for _ in range(5):
        start = time.thread_time()
        ctc_loss(logits, labels)
        durations.append(time.thread_time() - start)
    assert min(durations) < 0.15


def test_works_where_no_cache_folder_can_be_written():
    # numba raises this error when neither the module's folder nor the user's cache folder can be written.
    code = (
        "import numba, numpy as np\n"
        "compile = numba.njit\n"
        "def njit(*args, **options):\n"
        "    if options.get('cache'): raise RuntimeError('cannot cache function: no locator available')\n"
        "    return compile(*args, **options)\n"
        "numba.njit = njit\n"
        "from librispeech_clf.ctc.loss import ctc_loss\n"
        "print(ctc_loss(np.zeros((1, 1, 4)), np.array([[1]])))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(result.stdout.strip("[]\n")) == pytest.approx(np.log(4))
