"""Kills at random moments: what was whole stays whole, and the next run ends as one that was never killed."""

import pytest

from librispeech_clf.local.model.load import load_model
from tests.helpers.bad_servers import SUBSET
from tests.helpers.trials import assert_equal_runs, assert_no_half_files, assert_whole_or_absent

pytestmark = pytest.mark.fault
KILLS = 50
KILLS_IN_A_ROW = 5
CONVERSIONS = 10


@pytest.mark.parametrize("number", range(KILLS))
def test_evaluate_survives_a_kill(evaluation, number):
    evaluation.kill()
    assert_no_half_files(evaluation.folder, evaluation.whole)
    if number % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1:
        run = evaluation.finish()
        assert run.code == 0 and "Traceback" not in run.log, run.log
        assert_equal_runs(evaluation.folder, evaluation.whole)
        evaluation.begin_anew()


@pytest.mark.parametrize("number", range(KILLS))
def test_prepare_data_survives_a_kill(preparation, number):
    preparation.kill()
    assert_whole_or_absent(preparation.folder, preparation.members)
    if number % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1:
        run = preparation.finish()
        assert run.code == 0 and "Traceback" not in run.log, run.log
        assert assert_whole_or_absent(preparation.folder, preparation.members)
        left = {path.name for path in (preparation.folder / ".prepare-data").iterdir()}
        assert left <= {f"{SUBSET}.lock"}
        preparation.begin_anew()


@pytest.mark.parametrize("number", range(CONVERSIONS))
def test_convert_model_survives_a_kill(conversion, number):
    conversion.kill()
    if (conversion.folder / "tiny.h5").exists():
        load_model(conversion.folder / "tiny.h5")
    if number % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1:
        run = conversion.finish()
        assert run.code == 0 and "Traceback" not in run.log, run.log
        assert {path.name for path in conversion.folder.iterdir()} == {"tiny.h5", "tiny.vocabulary.json"}
        conversion.begin_anew()
