"""Thresholds that a run may not cross: "wer > 0.30", for all utterances or a group of them.

In: a condition's text, and what findings.json holds. Out: the figure, and whether the condition holds.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from librispeech_clf.local.analysis.groups import simplify

UNITS = {"wer": "word", "cer": "character"}
COMPARISONS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
EXAMPLES = '"wer > 0.30", "cer.low > 0.1", "wer of accent: british > 0.4", "wer.change > 0.01", "failed > 0"'
LENGTHS = ("duration in s:", "reference words:")
"""Titles of groups whose bounds follow from the results."""
_PATTERN = re.compile(
    r"(?P<figure>failed|findings|[wc]er\.change(\.low|\.high)?|[wc]er(\.low|\.high)?(?: of (?P<group>.+?))?)"
    r" *(?P<sign>[<>]=?) *(?P<limit>[-+.\w]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Threshold:
    """A condition under which a run fails.

    Attributes:
        text: the condition as given.
        figure: "wer" or "cer", with a part of it after a dot; "failed" or "findings".
        group: the group whose figure it is, None for all utterances.
        limit: the limit; error rates are shares: 0.30 for 30 %.
    """

    text: str
    figure: str
    group: str | None
    sign: str
    limit: float


@dataclass(frozen=True)
class Crossing:
    """A threshold as given, the run's figure, and whether the run fails because of it."""

    condition: str
    value: float
    violated: bool


def read_threshold(text: str) -> Threshold:
    """Read a condition.

    Raises:
        ValueError: it is not a condition.
    """
    found = _PATTERN.fullmatch(" ".join(text.split()))
    try:
        limit = float(found["limit"]) if found else math.nan
    except ValueError:
        limit = math.nan
    if found is None or not math.isfinite(limit):
        raise ValueError(
            f"a threshold is a figure, a comparison and a number, such as {EXAMPLES}; received {text!r}."
        )
    figure = found["figure"].split()[0].lower()
    return Threshold(text, figure, found["group"], found["sign"], limit)


def check_threshold(threshold: Threshold, summary: Mapping[str, Any]) -> Crossing:
    """Compare a run's figure, from the content of findings.json, with a threshold.

    Raises:
        ValueError: the run has no such group or figure.
    """
    value = _find_figure(threshold, summary)
    if value is None:
        raise ValueError(
            f"{threshold.text!r}: the run has no such figure (no interval, or nothing to compare with)."
        )
    return Crossing(threshold.text, value, bool(COMPARISONS[threshold.sign](value, threshold.limit)))


def _find_figure(threshold: Threshold, summary: Mapping[str, Any]) -> float | None:
    if threshold.figure == "failed":
        return float(summary["failed"])
    if threshold.figure == "findings":
        return float(len(summary["findings"]))
    unit, _, part = threshold.figure.partition(".")
    if part.startswith("change"):
        pairs = (summary["systems"] or {}).get("pairs" if unit == "wer" else "characters", ())
        older = [pair for pair in pairs if pair["second"] == summary["run"].get("compared with")]
        if not older or older[0]["difference"] is None:
            return None
        # A pair's difference is the older run's rate minus the first system's; a threshold is on the opposite.
        name = {"low": "high", "high": "low"}.get(part.partition(".")[2], "difference")
        return None if older[0][name] is None else -older[0][name]
    if threshold.group is None:
        return summary[UNITS[unit]]["all"][part or "rate"]
    groups = list_groups(summary, UNITS[unit])
    return groups[_find_group(threshold, groups)][part or "rate"]


def refuse_misfits(thresholds: Iterable[Threshold], groups: Iterable[str], *, compare: bool) -> None:
    """Refuse, before anything is recognized, thresholds on figures that the run will not have.

    The groups are those that the corpus determines, by name; those of a length are known only from the results.

    Raises:
        ValueError: a threshold is on a group that does not exist, or on a change without an older run to compare with.
    """
    known = dict.fromkeys(groups)
    for threshold in thresholds:
        if ".change" in threshold.figure and not compare:
            raise ValueError(
                f"{threshold.text!r}: a change is measured from an older run; name its folder with --compare."
            )
        if threshold.group is not None and not simplify(threshold.group).startswith(LENGTHS):
            _find_group(threshold, known)


def _find_group(threshold: Threshold, known: Mapping[str, Any]) -> str:
    """Return the name of a threshold's group among the existing ones."""
    asked = " ".join((threshold.group or "").replace(":", ": ").split())
    wanted = simplify(asked)
    fitting = [name for name in known if simplify(name) == wanted]
    exact = [name for name in fitting if name.partition(": ")[2] == asked.partition(": ")[2]]
    if len(found := exact or fitting) == 1:
        return found[0]
    if fitting:
        raise ValueError(f"{threshold.text!r}: may be {' or '.join(fitting)}; write the name as it is.")
    names = [simplify(name) for name in known]
    near = [name for name in names if name.startswith(f"{wanted.partition(':')[0]}:")] or names
    raise ValueError(
        f"{threshold.text!r}: no group of utterances has this name; there are {', '.join(near[:20])}. Numbers are "
        "cut where groups in config.yaml says."
    )


def list_groups(summary: Mapping[str, Any], unit: str) -> dict[str, Mapping[str, Any]]:
    """Return the groups by name, as the terminal shows them: "accent: british", "subset: test-clean"."""
    titled = [(name, summary[unit][name]) for name in ("split", "subset", "speaker")]
    titled += [(summary["length"], summary[unit]["length"]), *summary[unit]["groups"].items()]
    return {f"{title}: {name}": rate for title, rates in titled for name, rate in rates.items()}
