"""The page's interval is the evaluation's, digit for digit."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from librispeech_clf.local.analysis.rates import find_interval
from librispeech_clf.local.report.page import TEMPLATE


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_script_and_python_give_the_same_interval():
    cases = [([0, 0], [10, 10], "rate")]
    for number in range(120):
        generator = np.random.default_rng(number)
        words = generator.integers(0, 500, generator.integers(1, 150 if number % 3 == 0 else 12))
        errors = generator.binomial(words, generator.uniform(0, 0.6, len(words)))
        scale = ("rate", "share", "linear")[number % 3]
        sign = -1 if scale == "rate" and number % 2 else 1
        cases.append(((sign * errors).tolist(), words.tolist(), scale))
    script = (TEMPLATE / "statistics.js").read_text() + (
        "const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(cases.map((c) => findInterval(c[0], c[1], c[2]))));"
    )
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    for (errors, words, scale), found in zip(cases, json.loads(done.stdout), strict=True):
        low, high = find_interval(np.array([errors, words], float).T, scale)
        assert found == ([None, None] if low is None else pytest.approx([low, high], rel=1e-8, abs=1e-12))
