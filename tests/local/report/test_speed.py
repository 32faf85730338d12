"""Seconds and times real time of a run's stages."""

import json

import pandas as pd
import pytest

from librispeech_clf.local.report.speed import Speed, sum_audio, write_speed


def test_stages_are_rated_by_the_audio():
    speed = Speed(120.0, {"evaluation": 3.0, "page": 0.5})
    assert speed.report() == {
        "audio_s": 120.0,
        "evaluation": {"seconds": 3.0, "times_real_time": 40.0},
        "page": {"seconds": 0.5, "times_real_time": 240.0},
    }
    assert write_speed(speed.report()) == (
        "2.0 minutes of audio: evaluation 3.0 s (40 x real time), page 0.5 s (240 x real time)."
    )


def test_measured_stage_is_added():
    speed = Speed(10.0)
    with speed.measure("analysis"):
        pass
    assert 0 <= speed.stages["analysis"] < 1


@pytest.mark.parametrize("table", [pd.DataFrame(), pd.DataFrame({"signal_duration_s": [None, None]})])
def test_run_without_audio_has_a_speed_of_nothing(table):
    speed = Speed(sum_audio(table), {"evaluation": 0.0}).report()
    assert speed["evaluation"] == {"seconds": 0.0, "times_real_time": 0.0}
    assert json.loads(json.dumps(speed)) == speed


def test_failed_rows_have_no_audio():
    assert sum_audio(pd.DataFrame({"signal_duration_s": [1.5, None, 2.0]})) == 3.5
