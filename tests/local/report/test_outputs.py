"""What an evaluation leaves: the speed of its stages."""

import json

from librispeech_clf.local.report.outputs import Speed


def test_stages_are_rated_by_the_audio():
    speed = Speed(120.0, {"evaluation": 3.0, "page": 0.5})
    assert speed.report() == {
        "audio_s": 120.0,
        "evaluation": {"seconds": 3.0, "times_real_time": 40.0},
        "page": {"seconds": 0.5, "times_real_time": 240.0},
    }
    assert str(speed) == (
        "2.0 minutes of audio: evaluation 3.0 s (40 x real time), page 0.5 s (240 x real time)."
    )


def test_measured_stage_is_added():
    speed = Speed(10.0)
    with speed.measure("analysis"):
        pass
    assert 0 <= speed.stages["analysis"] < 1


def test_run_without_audio_has_a_speed_of_nothing():
    speed = Speed(0.0, {"evaluation": 0.0}).report()
    assert speed["evaluation"] == {"seconds": 0.0, "times_real_time": 0.0}
    assert json.loads(json.dumps(speed)) == speed
