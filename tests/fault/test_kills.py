"""Kills at random moments: what was whole stays whole, and the next run ends as one that was never killed."""

import pytest

pytestmark = pytest.mark.fault
KILLS = {"evaluation": 50, "preparation": 50, "conversion": 10}
KILLS_IN_A_ROW = 5


@pytest.mark.parametrize(
    ("name", "number"), [(name, at) for name, kills in KILLS.items() for at in range(kills)]
)
def test_killed_command_leaves_nothing_half_and_can_be_finished(request, name, number):
    trial = request.getfixturevalue(name)
    trial.kill()
    if number % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1:
        trial.finish(trial.folder)
        trial.begin_anew()
