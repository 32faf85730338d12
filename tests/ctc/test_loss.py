"""CTC loss against a sum over all paths, against TensorFlow, and in the cases without an answer."""

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.ctc.loss import LARGEST_LOSS, ctc_loss
from librispeech_clf.text.vocabulary import BLANK


def brute_force(logits: np.ndarray, labels: tuple[int, ...]) -> float:
    """Negative logarithm of the summed probability of every path that collapses to `labels`."""
    frames, total = log_probabilities(logits), -np.inf
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        if tuple(label for label, _ in itertools.groupby(path) if label != BLANK) == labels:
            total = np.logaddexp(total, sum(float(frames[t, label]) for t, label in enumerate(path)))
    return -float(total)


def pad(logits: np.ndarray, frames: int) -> np.ndarray:
    """Append frames forced to the blank to each utterance of a batch."""
    forced = np.full((len(logits), frames, logits.shape[2]), -1e4, logits.dtype)
    forced[:, :, BLANK] = 1e4
    return np.concatenate([logits, forced], axis=1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "labels", [(), (1,), (2,), (1, 2), (1, 1), (2, 1, 2), (1, 1, 2), (1, 1, 1), (1, 2, 1, 2), (1, 2, 1, 2, 1)]
)
@pytest.mark.parametrize("frames", [5, 6])
def test_equals_the_sum_over_all_paths(
    labels: tuple[int, ...], frames: int, rng: np.random.Generator
) -> None:
    logits = rng.normal(0, 2, (1, frames, 3)).astype(np.float32)
    loss = ctc_loss(logits, np.array([labels], np.float32).reshape(1, -1))
    assert loss.dtype == np.float32
    assert loss == pytest.approx([brute_force(logits[0], labels)], rel=1e-5)


def test_equals_tensorflow(rng: np.random.Generator) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    logits = rng.normal(0, 3, (4, 60, 32)).astype(np.float32)
    labels = np.zeros((4, 20), np.int32)
    for row, length in enumerate((0, 1, 12, 20)):
        labels[row, :length] = rng.integers(4, 32, length)
    expected = tensorflow.nn.ctc_loss(
        labels, logits, (labels != 0).sum(axis=1), [60] * 4, logits_time_major=False, blank_index=BLANK
    )
    np.testing.assert_allclose(ctc_loss(logits, labels), expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("frames", [1, 100])
def test_padding_changes_nothing(dtype: type, frames: int, rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, (3, 40, 32)).astype(dtype)
    labels = rng.integers(4, 32, (3, 9)).astype(dtype)
    padded_labels = np.pad(labels, ((0, 0), (0, 50)))
    np.testing.assert_array_equal(ctc_loss(pad(logits, frames), padded_labels), ctc_loss(logits, labels))


def test_batch_equals_single_utterances(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(4, 30, 32)), rng.integers(4, 32, (4, 8))
    single = [ctc_loss(logits[[row]], labels[[row]])[0] for row in range(4)]
    np.testing.assert_array_equal(ctc_loss(logits, labels), single)


def test_certain_transcript_has_no_loss() -> None:
    logits = np.full((1, 4, 32), -100.0)
    logits[0, np.arange(4), [5, 0, 5, 6]] = 100
    assert ctc_loss(logits, np.array([[5, 5, 6, 0]])) == pytest.approx([0], abs=1e-6)


def test_empty_transcript_has_the_loss_of_the_blanks(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(1, 12, 32))
    expected = -log_probabilities(logits[0])[:, BLANK].sum()
    assert ctc_loss(logits, np.zeros((1, 5))) == pytest.approx([expected], rel=1e-5)
    assert ctc_loss(logits, np.zeros((1, 0))) == pytest.approx([expected], rel=1e-5)


@pytest.mark.parametrize("padding", [0, 200])
@pytest.mark.parametrize("labels", [[5, 6, 7, 8], [5, 5, 6, 0]])
def test_transcript_that_cannot_be_aligned(labels: list[int], padding: int) -> None:
    logits = pad(np.zeros((1, 3, 32), np.float32), padding)
    assert ctc_loss(logits, np.array([labels])) == [LARGEST_LOSS]
    assert np.float16(LARGEST_LOSS) == LARGEST_LOSS


def test_no_valid_frame() -> None:
    forced = pad(np.zeros((2, 0, 32), np.float32), 7)
    labels = np.array([[0, 0], [5, 0]])
    np.testing.assert_array_equal(ctc_loss(forced, labels), [0, LARGEST_LOSS])
    np.testing.assert_array_equal(ctc_loss(forced[:, :0], labels), [0, LARGEST_LOSS])


def test_finite_for_extreme_logits() -> None:
    logits = np.full((2, 6, 32), -4000.0)
    logits[:, :, 7] = 4000
    logits[1] = np.nan
    np.testing.assert_array_equal(ctc_loss(logits, np.array([[5, 6]] * 2)), [LARGEST_LOSS] * 2)


@pytest.mark.parametrize("frame", [0, 2, 5])
@pytest.mark.parametrize("label", [0, 5, 31])
def test_nan_anywhere_is_the_largest_loss(frame: int, label: int) -> None:
    logits = np.zeros((2, 6, 32), np.float16)
    logits[0, frame, label] = np.nan
    losses = ctc_loss(logits, np.array([[5, 6]] * 2)).astype(np.float16)
    assert losses[0] == LARGEST_LOSS
    assert 0 < losses[1] < LARGEST_LOSS
    logits[0] = np.nan
    np.testing.assert_array_equal(ctc_loss(logits[:1], np.array([[0, 0]])), [LARGEST_LOSS])


def test_wrong_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one batch size; received \(2, 5, 32\) and \(3, 4\)"):
        ctc_loss(np.zeros((2, 5, 32)), np.zeros((3, 4)))


@pytest.mark.parametrize("label", [32, -1])
def test_label_outside_of_the_vocabulary_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=rf"must lie in \[0, 31\]; received .*{label}"):
        ctc_loss(np.zeros((1, 5, 32)), np.array([[label, 5]]))


def test_fast_enough_for_the_longest_utterance(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(1, 1747, 32)).astype(np.float32), rng.integers(4, 32, (1, 230))
    ctc_loss(logits[:, :2], labels[:, :1])
    durations = []
    for _ in range(5):
        start = time.thread_time()
        ctc_loss(logits, labels)
        durations.append(time.thread_time() - start)
    assert min(durations) < 0.15


def test_works_where_no_cache_folder_can_be_written() -> None:
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
