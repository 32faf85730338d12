"""A corpus of LibriSpeech's size opens in seconds and bounded memory."""

import pytest

from tests.benchmarks import benchmark_opening

LIMIT_S, LIMIT_BYTES = 10.0, 1e9


@pytest.mark.slow
def test_whole_librispeech_opens_in_seconds_and_bounded_memory(tmp_path):
    benchmark_opening.make_tree(tmp_path)
    first, second = benchmark_opening.measure(tmp_path), benchmark_opening.measure(tmp_path)
    for opening in (first, second):
        assert opening["ids"] == benchmark_opening.UTTERANCES
        assert opening["seconds"] < LIMIT_S
        assert opening["bytes"] < LIMIT_BYTES
        assert opening["utterance_s"] < 0.005
