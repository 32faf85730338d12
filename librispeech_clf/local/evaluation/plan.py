"""Plan an evaluation: which utterances, in which windows, and which conditions are simulated.

In: what the command line asks for. Out: tasks in windows. The plan depends on the request only, never on
what is finished already, so a run that goes on after a kill gives the same results as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split

WINDOW = 32
"""Utterances encoded before inference: their inputs take 72 MB. Also what a kill can cost."""
SEVERITIES = 5
DRAWN = 8
"""Recordings, spread over the corpus, for which every visualizer is run."""


@dataclass(frozen=True)
class Task:
    """One row of the results table to fill.

    Attributes:
        utterance_id: in the corpus.
        sample_id: as LeapLoader knows it; another one for an utterance of a simulation.
        split: the state or subset that was asked for.
        subset: the corpus' subset.
        simulation: registered name of the simulation, None for the recording as it is.
        severity: the simulation's numeric parameter, in its own unit.
        drawn: whether every visualizer is run, as on the platform; else only those whose text is kept.
    """

    utterance_id: str
    sample_id: str
    split: str
    subset: str
    simulation: str | None = None
    severity: float | None = None
    drawn: bool = False


ListIds = Callable[[str, dict[str, Any], int], list[str]]
Window = tuple[Task, ...]
"""Tasks that are encoded and stored together."""


@dataclass(frozen=True)
class Request:
    """The subsets to evaluate.

    Attributes:
        split_by_subset: subset -> the state it belongs to, or its own name; in the order asked for.
    """

    split_by_subset: dict[str, str]

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets, each once."""
        return tuple(self.split_by_subset)


@dataclass(frozen=True)
class Sweep:
    """A simulation at rising severities.

    Attributes:
        name: as it stands in the results: the registered name, with the category chosen behind a colon.
        simulation: registered name.
        steps: severity and the simulation's arguments.
    """

    name: str
    simulation: str
    steps: tuple[tuple[float, dict[str, Any]], ...]


def read_request(names: Sequence[str], subsets_by_state: Mapping[str, Sequence[str]]) -> Request:
    """Find the subsets of what `--split` names.

    Args:
        names: states or subsets, or several joined by commas.
        subsets_by_state: of the chosen source.
    """
    states = {subset: state for state, subsets in subsets_by_state.items() for subset in subsets}
    found: dict[str, str] = {}
    for name in [part.strip() for given in names for part in given.split(",") if part.strip()]:
        for subset in subsets_by_state.get(name, [name]):
            found.setdefault(subset, name if name in subsets_by_state else states.get(name, name))
    return Request(found)


def plan_recordings(split: Split, request: Request, *, limit: int | None = None) -> list[Window]:
    """Plan the recordings as they are.

    Args:
        split: of the subsets asked for.
        request: names each subset's split.
        limit: evaluate so many, spread evenly over the corpus (its first ones would be a single speaker's).

    Raises:
        ValueError: the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"--limit: at least 1 utterance is evaluated; received {limit}.")
    subsets = [subset for subset, count in split.row_counts.items() for _ in range(count)]
    count = len(subsets) if limit is None else min(limit, len(subsets))
    rows = [number * len(subsets) // count for number in range(count)]
    drawn = {rows[number * count // DRAWN] for number in range(DRAWN)} if rows else set()
    tasks = [
        Task(
            split.ids[row],
            split.ids[row],
            request.split_by_subset.get(subsets[row], subsets[row]),
            subsets[row],
            drawn=row in drawn,
        )
        for row in rows
    ]
    return cut_windows(tasks)


def cut_windows(tasks: Sequence[Task]) -> list[Window]:
    """Cut tasks into windows of `WINDOW`."""
    return [tuple(tasks[start : start + WINDOW]) for start in range(0, len(tasks), WINDOW)]


def plan_sweep(asked: str, simulations: Sequence[Any], *, severities: int = SEVERITIES) -> Sweep:
    """Spread severities over a simulation's declared bounds.

    Args:
        asked: "additive_noise", or "additive_noise:babble" for one of its categories; without it the first.
        simulations: the registered ones, of code-loader's `setup_container.simulations`.
        severities: number of steps.

    Raises:
        ValueError: there is no such simulation or category, or the simulation has no numeric parameter.
    """
    from code_loader.contract.sim_config import CategoricalBounds, sample_sim_params

    name, _, category = asked.partition(":")
    declared = {simulation.name: simulation.sim_config for simulation in simulations}
    if name not in declared:
        raise ValueError(f"--simulate: one of {', '.join(declared)} is known; received {name!r}.")
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
    levels = [
        float(f"{low + (high - low) * step / max(severities - 1, 1):.6g}") for step in range(severities)
    ]
    chosen = sample_sim_params(declared[name]) | ({categorical[0]: category} if category else {})
    return Sweep(asked, name, tuple((level, chosen | {numeric[0]: level}) for level in levels))


def plan_simulated(
    sweep: Sweep,
    split: Split,
    request: Request,
    *,
    ids_of: ListIds,
    count: int,
    among: Collection[str] | None = None,
) -> list[Window]:
    """Plan the utterances of a sweep.

    Args:
        sweep: the simulation and its steps.
        split: of the subsets asked for.
        request: names each subset's split.
        ids_of: gives the sample ids of a simulation with its arguments and a number of utterances. A sample
            id is an utterance id, "+" and the conditions.
        count: utterances per severity, at most those of the split.
        among: ids of the recordings that are evaluated, no others are simulated; None for the whole split.
    """
    subsets = [subset for subset, count in split.row_counts.items() for _ in range(count)]
    subset_of = dict(zip(split.ids, subsets, strict=True))
    recordings = frozenset(split.ids if among is None else among)
    windows: list[Window] = []
    for severity, arguments in sweep.steps:
        tasks: dict[str, Task] = {}
        for sample_id in _draw(
            partial(ids_of, sweep.simulation, arguments),
            recordings,
            count=min(count, len(recordings)),
            most=len(split),
        ):
            original = sample_id.rpartition("+")[0]
            subset = subset_of[original]
            asked = request.split_by_subset.get(subset, subset)
            tasks.setdefault(
                original,
                Task(original, sample_id, asked, subset, sweep.name, severity, drawn=not tasks),
            )
        windows += cut_windows(list(tasks.values()))
    return windows


def _draw(
    ids_of: Callable[[int], list[str]], recordings: frozenset[str], *, count: int, most: int
) -> list[str]:
    """Draw simulated utterances until `count` are of the recordings, or until the whole split was drawn."""
    drawn = min(most, -(-count * most // len(recordings)))
    while True:
        ids = ids_of(drawn)
        kept = [sample_id for sample_id in ids if sample_id.rpartition("+")[0] in recordings]
        if len(kept) >= count or drawn == most or not ids:
            return kept[:count]
        drawn = min(most, 2 * drawn)
