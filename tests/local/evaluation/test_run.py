"""Requests, windows and sweeps."""

from types import SimpleNamespace

import pytest
from code_loader.contract.sim_config import CategoricalBounds, FloatBounds

from librispeech_clf.local.evaluation.plan import (
    DRAWN,
    WINDOW,
    plan_recordings,
    plan_simulated,
    plan_sweep,
    read_splits,
)

SUBSETS = {"training": ("train-clean-100",), "test": ("test-clean",), "additional": ("test-other",)}
NOISE = SimpleNamespace(
    name="additive_noise",
    sim_config={
        "kind": SimpleNamespace(bounds=CategoricalBounds(["white", "babble"])),
        "ratio_db": SimpleNamespace(bounds=FloatBounds(0.0, 30.0)),
    },
)
TELEPHONE = SimpleNamespace(
    name="telephone", sim_config={"highest_hz": SimpleNamespace(bounds=FloatBounds(1500.0, 3400.0))}
)


class FakeSplit:
    """Subsets of so many utterances."""

    def __init__(self, **row_counts: int) -> None:
        self.row_counts = row_counts
        self.ids = [f"{subset}-{number}" for subset, count in row_counts.items() for number in range(count)]
        self.texts: list[str | None] = ["A"] * len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def tasks_of(windows):
    return [task for window in windows for task in window]


def test_states_and_subsets_can_be_asked_for():
    assert read_splits(["test"], SUBSETS) == {"test-clean": "test"}
    assert read_splits(["test-other"], SUBSETS) == {"test-other": "additional"}
    assert read_splits(["dev-other"], SUBSETS) == {"dev-other": "dev-other"}
    assert list(read_splits(["test, test-clean", "training"], SUBSETS)) == ["test-clean", "train-clean-100"]
    with pytest.raises(ValueError, match="--split: names no subset"):
        read_splits([" ,"], SUBSETS)


def test_windows_hold_every_utterance_once_in_order():
    split = FakeSplit(a=70, b=3)
    windows = plan_recordings(split, {"a": "test", "b": "b"})
    assert [task.utterance_id for task in tasks_of(windows)] == split.ids
    assert [len(window) for window in windows] == [WINDOW, WINDOW, 73 - 2 * WINDOW]
    assert {(task.split, task.subset) for task in tasks_of(windows)} == {("test", "a"), ("b", "b")}


def test_limit_spreads_over_the_corpus():
    windows = plan_recordings(FakeSplit(a=100), {"a": "test"}, limit=4)
    assert [task.utterance_id for task in tasks_of(windows)] == ["a-0", "a-25", "a-50", "a-75"]
    assert len(tasks_of(plan_recordings(FakeSplit(a=3), {}, limit=10))) == 3


def test_sweep_spans_the_declared_bounds():
    sweep = plan_sweep("additive_noise:babble", [NOISE, TELEPHONE])
    assert [severity for severity, _ in sweep.steps] == [0, 7.5, 15, 22.5, 30]
    assert sweep.steps[1][1] == {"kind": "babble", "ratio_db": 7.5}
    assert plan_sweep("additive_noise", [NOISE]).steps[0][1]["kind"] == "white"
    assert plan_sweep("telephone", [TELEPHONE], severities=2).steps[1] == (3400.0, {"highest_hz": 3400.0})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("echo", "known are additive_noise, telephone; received 'echo'"),
        ("additive_noise:pink", "has the kinds white, babble; received 'pink'"),
        ("telephone:white", r"has the kinds \(none\); received 'white'"),
    ],
)
def test_sweep_that_does_not_exist_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        plan_sweep(asked, [NOISE, TELEPHONE])


def test_simulated_utterances_keep_their_original_id():
    split = FakeSplit(a=3)

    def ids_of(name, arguments, count):
        return [f"a-{number}+{name}-{arguments['highest_hz']:g}Hz-s0" for number in range(count)]

    sweep = plan_sweep("telephone", [TELEPHONE], severities=2)
    windows = plan_simulated(sweep, split, {"a": "test"}, ids_of=ids_of, count=24)
    assert [window[0].severity for window in windows] == [1500.0, 3400.0]
    task = windows[0][1]
    assert (task.utterance_id, task.sample_id) == ("a-1", "a-1+telephone-1500Hz-s0")
    assert (task.simulation, task.severity, task.split) == ("telephone", 1500.0, "test")
    assert [len(window) for window in windows] == [3, 3]


@pytest.mark.parametrize(
    ("utterances", "limit", "drawn"), [(100, None, DRAWN), (3, None, 3), (100, 2, 2), (0, None, 0)]
)
def test_few_recordings_are_drawn(utterances, limit, drawn):
    tasks = tasks_of(plan_recordings(FakeSplit(a=utterances), {"a": "test"}, limit=limit))
    chosen = [number for number, task in enumerate(tasks) if task.drawn]
    assert len(chosen) == drawn
    assert chosen[:1] == [0][:drawn]
    assert utterances < 100 or limit or max(chosen) >= 80


@pytest.mark.parametrize(("count", "among"), [(2, {"a-1", "a-7"}), (24, {"a-9"}), (3, {"a-0", "a-5", "a-8"})])
def test_only_recordings_that_are_evaluated_are_simulated(count, among):
    split, drawn = FakeSplit(a=10), []

    def ids_of(name, arguments, number):
        drawn.append(number)
        return [f"a-{3 * row % 10}+{name}-s0" for row in range(number)]

    sweep = plan_sweep("telephone", [TELEPHONE], severities=1)
    windows = plan_simulated(sweep, split, {"a": "test"}, ids_of=ids_of, count=count, among=among)
    assert {task.utterance_id for task in tasks_of(windows)} == among
    assert max(drawn) <= 10
