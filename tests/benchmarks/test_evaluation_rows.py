"""What the benchmark says of a run is what its summary holds."""

from tests.benchmarks import benchmark_evaluation


def test_stages_stand_in_the_table_against_real_time():
    speed = {
        "audio_s": 600.0,
        "evaluation": {"seconds": 10.0, "times_real_time": 60.0},
        "analysis": {"seconds": 4.0, "times_real_time": 150.0},
        "page": {"seconds": 2.0, "times_real_time": 300.0},
    }
    rows = benchmark_evaluation.rate_run({"failed": 0, "utterances": 113, "speed": speed}, cpu_s=20.0)
    assert {measured: ratio for measured, _, ratio in rows} == {
        "whole run over 113 utterances": 30.0,
        "evaluation of 113 utterances": 60.0,
        "analysis of 113 utterances": 150.0,
        "page of 113 utterances": 300.0,
        "analysis and page of 113 utterances": 5.0,
    }
