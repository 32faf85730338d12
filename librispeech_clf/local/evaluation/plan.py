"""Plan an evaluation: which utterances, in which windows, under which simulated conditions.

In: what the command line asks for. Out: windows of tasks. The plan depends only on the request, never on what is
already finished, so a run that resumes after being killed gives the same results as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from librispeech_clf.corpus.schema import UNLABELED
from librispeech_clf.local.evaluation.engine import Task

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split

WINDOW = 32
"""Utterances encoded before inference: their inputs take 72 MB. It is also the most that a killed run loses."""
SEVERITIES = 5
DRAWN = 8
"""Recordings, spread over the corpus, for which every visualizer is run."""
ListIds = Callable[[str, dict[str, Any], int], list[str]]
Window = tuple[Task, ...]
"""Tasks that are encoded and stored together."""


def read_splits(names: Sequence[str], subsets_by_state: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find the subsets that `--split` names: states or subsets of the chosen source, or several joined by commas.

    Returns:
        subset -> the state it belongs to, or its own name; in the requested order.
    """
    states = {subset: state for state, subsets in subsets_by_state.items() for subset in subsets}
    found: dict[str, str] = {}
    for name in [part.strip() for given in names for part in given.split(",") if part.strip()]:
        for subset in subsets_by_state.get(name, [name]):
            found.setdefault(subset, name if name in subsets_by_state else states.get(name, name))
    if not found:
        raise ValueError(
            "--split: names no subset; give a state such as test, or a subset such as test-clean."
        )
    return found


def plan_recordings(
    split: Split, split_by_subset: Mapping[str, str], *, limit: int | None = None, scored: bool = True
) -> list[Window]:
    """Plan the unchanged recordings.

    Args:
        split: the split of the subsets asked for.
        split_by_subset: names each subset's split.
        scored: whether transcripts are read, except those of the state unlabeled.
        limit: number to evaluate, spread evenly over the corpus (the first ones would be a single speaker's).
    """
    subsets = list_subsets(split)
    count = len(subsets) if limit is None else min(limit, len(subsets))
    rows = [number * len(subsets) // count for number in range(count)]
    drawn = {rows[number * count // DRAWN] for number in range(DRAWN)} if rows else set()
    tasks, texts = [], split.texts
    for row in rows:
        state = split_by_subset.get(subsets[row], subsets[row])
        known = texts[row] is not None and state != UNLABELED
        own = split.ids[row], split.ids[row], state, subsets[row]
        tasks.append(Task(*own, drawn=row in drawn, transcribed=known, labeled=known and scored))
    return [w for own in (True, False) for w in cut_windows([task for task in tasks if task.labeled == own])]


def list_subsets(split: Split) -> list[str]:
    """Return the subset of each row."""
    return [subset for subset, count in split.row_counts.items() for _ in range(count)]


def cut_windows(tasks: Sequence[Task]) -> list[Window]:
    """Cut tasks into windows of `WINDOW`."""
    return [tuple(tasks[start : start + WINDOW]) for start in range(0, len(tasks), WINDOW)]


class Sweep(NamedTuple):
    """A simulation at rising severities, each with its arguments; its name in the results and its registered name."""

    name: str
    simulation: str
    steps: tuple[tuple[float, dict[str, Any]], ...]


def plan_sweep(asked: str, simulations: Sequence[Any], *, severities: int = SEVERITIES) -> Sweep:
    """Spread severities over a simulation's declared bounds.

    Args:
        asked: "additive_noise", or "additive_noise:babble" for one of its categories; without it the first.
        simulations: the registered ones, from code-loader's `setup_container.simulations`.
        severities: number of steps.

    Raises:
        ValueError: there is no such simulation or category, or the simulation has no numeric parameter.
    """
    from code_loader.contract.sim_config import CategoricalBounds, sample_sim_params

    name, _, category = asked.partition(":")
    declared = {simulation.name: simulation.sim_config for simulation in simulations}
    if name not in declared:
        raise ValueError(f"--simulate: known are {', '.join(declared)}; received {name!r}.")
    bounds = {key: parameter.bounds for key, parameter in declared[name].items()}
    categorical = [key for key, bound in bounds.items() if isinstance(bound, CategoricalBounds)]
    numeric = [key for key in bounds if key not in categorical]
    legal = bounds[categorical[0]].values if categorical else []
    if category and category not in legal:
        raise ValueError(
            f"--simulate: {name} has the kinds {', '.join(legal) or '(none)'}; received {category!r}."
        )
    if not numeric:
        raise ValueError(f"--simulate: {name} has no numeric parameter to vary; choose another.")
    low, high = bounds[numeric[0]].min, bounds[numeric[0]].max
    last = max(severities - 1, 1)
    levels = [float(f"{low + (high - low) * step / last:.6g}") for step in range(severities)]
    chosen = sample_sim_params(declared[name]) | ({categorical[0]: category} if category else {})
    return Sweep(asked, name, tuple((level, chosen | {numeric[0]: level}) for level in levels))


def plan_simulated(
    sweep: Sweep,
    split: Split,
    split_by_subset: Mapping[str, str],
    *,
    ids_of: ListIds,
    count: int,
    among: Collection[str] | None = None,
) -> list[Window]:
    """Plan the utterances of a sweep.

    Args:
        sweep: the simulation and its steps.
        split: the split of the subsets asked for.
        split_by_subset: names each subset's split.
        ids_of: returns the sample ids of a simulation, given its arguments and a number of utterances. A sample
            id is an utterance id, "+" and the conditions.
        count: utterances per severity, at most those of the split.
        among: ids of the recordings that are evaluated; no others are simulated. None for the whole split.
    """
    subset_of = dict(zip(split.ids, list_subsets(split), strict=True))
    recordings = frozenset(split.ids if among is None else among)
    count, most = min(count, len(recordings)), len(split)
    windows: list[Window] = []
    for severity, arguments in sweep.steps:
        drawn = min(most, -(-count * most // len(recordings)))
        while True:  # draw more until enough are among the recordings, or the whole split has been drawn
            ids = ids_of(sweep.simulation, arguments, drawn)
            kept = [name for name in ids if name.rpartition("+")[0] in recordings]
            if len(kept) >= count or drawn == most or not ids:
                break
            drawn = min(most, 2 * drawn)
        tasks: dict[str, Task] = {}
        for sample_id in kept[:count]:
            original = sample_id.rpartition("+")[0]
            subset = subset_of[original]
            asked = split_by_subset.get(subset, subset)
            task = Task(original, sample_id, asked, subset, sweep.name, severity, drawn=not tasks)
            tasks.setdefault(original, task)
        windows += cut_windows(list(tasks.values()))
    return windows
