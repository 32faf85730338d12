import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "benchmark_metadata.py"


@pytest.mark.slow
def test_signal_metadata_costs_at_most_a_third_of_librosa():
    specification = importlib.util.spec_from_file_location("benchmark_metadata", BENCHMARK)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    # other programs slow the two sides unevenly, so a busy machine gets three attempts
    for _ in range(3):
        ratios = {row["part"]: row["ratio"] for row in benchmark.measure_metadata(repetitions=9)}
        if min(ratios["ten features"], ratios["all signal metadata"]) >= 3:
            break

    assert ratios["ten features"] >= 3
    assert ratios["all signal metadata"] >= 3
