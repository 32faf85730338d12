"""The page's interval is the evaluation's, digit for digit."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from librispeech_clf.local.analysis.rates import compare_paired, find_interval
from librispeech_clf.local.report.page import TEMPLATE

NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def run_script(call, cases):
    """Return what a call of the page's script gives for each case, which it knows as `c`."""
    script = (TEMPLATE / "statistics.js").read_text() + (
        "const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        f"console.log(JSON.stringify(cases.map((c) => {call})));"
    )
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@NEEDS_NODE
def test_script_and_python_give_the_same_interval():
    cases = [([0, 0], [10, 10], "rate")]
    for number in range(120):
        generator = np.random.default_rng(number)
        words = generator.integers(0, 500, generator.integers(1, 150 if number % 3 == 0 else 12))
        errors = generator.binomial(words, generator.uniform(0, 0.6, len(words)))
        if number % 3 != 1:  # words may be inserted where no reference has any
            errors += generator.integers(0, 3, len(words)) * (words < 50)
        scale = ("rate", "share", "linear")[number % 3]
        sign = -1 if scale == "rate" and number % 2 else 1
        cases.append(((sign * errors).tolist(), words.tolist(), scale))
    for (errors, words, scale), found in zip(
        cases, run_script("findInterval(c[0], c[1], c[2])", cases), strict=True
    ):
        low, high = find_interval(np.array([errors, words], float).T, scale)
        assert found == ([None, None] if low is None else pytest.approx([low, high], rel=1e-8, abs=1e-12))


@NEEDS_NODE
def test_script_and_python_compare_two_systems_alike():
    """Over words of their own, too: of several references, the nearest to each system's text counts."""
    cases = []
    for number in range(60):
        generator = np.random.default_rng(number)
        words = generator.integers(0, 300, (2, generator.integers(1, 40)))
        words[1] = (
            np.maximum(words[0] + generator.integers(-3, 4, words[0].size), 0) if number % 2 else words[0]
        )
        errors = generator.binomial(words, 0.3) + generator.integers(0, 2, words.shape)
        cases.append(
            [
                {"numerators": e.tolist(), "denominators": w.tolist()}
                for e, w in zip(errors, words, strict=True)
            ]
        )
    for (second, first), found in zip(cases, run_script("findDifference(...c)", cases), strict=True):
        errors, words = (
            np.array([first[key], second[key]], float).T for key in ("numerators", "denominators")
        )
        tested = compare_paired(errors, words)
        assert found == (
            [None, None] if tested is None else pytest.approx([tested.low, tested.high], rel=1e-8)
        )
