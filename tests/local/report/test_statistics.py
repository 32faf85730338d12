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
    cases = []
    for number in range(120):
        generator = np.random.default_rng(number)
        speakers = int(generator.integers(1, 150 if number % 3 == 0 else 12))
        words = generator.integers(0, 500, speakers)
        errors = generator.binomial(words, generator.uniform(0, 0.6, speakers))
        scale = ("rate", "share", "linear")[number % 3]
        sign = (1, -1)[number % 2] if scale == "rate" else 1
        cases.append(([int(sign * e) for e in errors], [int(w) for w in words], scale))
    cases.append(([0, 0], [10, 10], "rate"))
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
