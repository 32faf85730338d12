"""The terminal's list of what to look at first."""

import re

import numpy as np
import pytest
from rich.console import Console

from librispeech_clf.audio.simulations import NOISE_KINDS, SIMULATION_PARAMETERS
from librispeech_clf.local.analysis.candidates import Condition
from librispeech_clf.local.analysis.error_kinds import ErrorKind, TermRecall
from librispeech_clf.local.analysis.slices import Finding, Search
from librispeech_clf.local.analysis.summary import Worst
from librispeech_clf.local.analysis.suspect_references import Suspicion
from librispeech_clf.local.analysis.systems import compare_systems
from librispeech_clf.local.analysis.thresholds import Crossing
from librispeech_clf.local.commands.evaluate import EPILOG
from librispeech_clf.local.report.terminal import (
    Line,
    format_crossing,
    show_error_kinds,
    show_findings,
    show_rates,
    show_suspect_references,
    show_systems,
    show_terms,
    show_worst,
)
from tests.local.analysis.test_rates import make_record

SEEN = Condition("record_gender", "women", "gender F", equals="F")
COUNTS = {"utterances": 60, "speakers": 20, "words": 1000, "errors": 120, "avoidable_errors": 70.0}
RATES = {"error_rate": 0.12, "rest_error_rate": 0.05, "effect_points": 7.0, "low": 4.5, "high": 9.5}
NAMES = {"also_differs": ("high voices",), "examples": ("a-1", "[b]-2"), "utterance_ids": ("a-1", "[b]-2")}
WOMEN = Finding(
    "women", "gender F", "category", (SEEN,), p=0.0025, p_is_bound=True, **COUNTS, **RATES, **NAMES
)


def write(parts, width=200) -> str:
    console = Console(width=width, file=open("/dev/null", "w"), record=True)  # noqa: SIM115
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in console.export_text().splitlines())


def test_a_finding_has_its_figures_and_examples_and_no_markup_and_hangs_behind_its_number():
    search = Search((WOMEN,), 483, 0.02, None)
    assert write(show_findings(search)) == (
        "What to look at first (p < 0.02 over all 483 slices):\n"
        "  1  women: 60 utterances of 20 speakers, WER 12.00 against 5.00 %, +7.0 points (+4.5 to +9.5), p <= 0.003\n"
        "     gender F\n"
        "     also: high voices\n"
        "     for example a-1, [b]-2\n\n"
    )
    lines = write(show_findings(search), width=60).splitlines()
    assert lines[1].startswith("  1  women: ") and all(line.startswith("     ") for line in lines[2:] if line)
    assert max(map(len, lines)) <= 60


def test_nothing_found_says_how_much_was_looked_at():
    note = "too many utterances and metadata to look at pairs"
    written = write(show_findings(Search((), 483, 0.02, note)))
    assert written == f"What to look at first: nothing stands out in 483 slices ({note}).\n"


def test_kinds_of_errors_fit_into_a_narrow_terminal():
    kinds = (
        ErrorKind("near miss", "", 12, 0.6, 0.4, 0.8, (("THIN", "THI", 2), ("A", "[b]", 1)), ()),
        ErrorKind("joined words", "", 8, 0.4, 0.2, 0.6, (("WAKE UP", "WAKEUP", 4),) * 3, ()),
        ErrorKind("insertion", "", 0, 0.0, 0.0, 0.1, (), ()),
    )
    written = write(show_error_kinds(kinds), width=80)
    assert "near miss 12 60.00 (40.0-80.0) THIN / THI, A / [b]" in " ".join(written.split())
    assert "joined words" in written and "insertion" not in written
    assert write(show_error_kinds(())) == ""


def test_systems_keep_the_end_of_their_names_and_every_figure_in_80_columns():
    errors = {"s3.s2+db-rnnt.biasing_1000": [1, 2, 3, 2, 1], "s3.s2+db-rnnt.biasing_2000": [9, 8, 8, 9, 7]}
    words, speakers = np.full(60, 10), [f"s{row // 5}" for row in range(60)]
    systems = compare_systems(
        {name: make_record(np.array(of * 12), words, speakers) for name, of in errors.items()}
    )
    for width in (80, 120):
        shown = write([show_systems(systems)], width)
        assert "…" not in shown and "< 0.001" in shown
        assert all(name[-4:] in shown for name in errors)


def tabulate_everything():
    """One table of each kind, with figures as wide as they get."""
    usual = {"utterances": 600, "units": 12082, "rate": 0.13412, "low": 0.1823, "high": 0.3101}
    usual |= {"resampled": "speakers", "note": ""}
    worst = usual | {"rate": 1.3412, "low": 0.8823, "high": 2.3101}
    groups = {"groups": {"accent": {"British Isles": usual, "Caribbean": worst}}, "all": usual}
    of_unit = groups | {"split": {"test": usual}, "subset": {"own": usual}, "length": {"short": usual}}
    yield show_rates({"word": of_unit, "character": of_unit, "length": "duration", "groups": []})
    yield from show_error_kinds([ErrorKind("substitution", "", 1234, 1.0, 0.9123, 1.0, (("A", "B", 3),), ())])
    yield from show_terms([TermRecall("Straße am Wasserturm", 1000, 500, 12, 0.5, 0.1, 0.999)])
    yield show_worst([Worst("an-utterance-of-some-length", 13, 17, "A B C", "A")])


@pytest.mark.parametrize("width", [40, 44, 50, 56, 60, 64, 72, 80])
def test_figures_are_whole_on_every_width(width):
    """mattyopon/faultray#73, ccusage/ccusage#946, patonlab/GoodVibes#107: figures cut where a terminal is narrow."""
    figure = re.compile(r"\d[\d.]*")
    wide, narrow = (write(tabulate_everything(), width=columns) for columns in (200, width))
    assert sorted(figure.findall(narrow)) == sorted(figure.findall(wide))
    assert max(map(len, narrow.splitlines())) <= width


def test_terms_references_and_thresholds_are_told():
    terms = (TermRecall(None, 3, 2, 1, 2 / 3, 0.1, 0.9), TermRecall("NEW YORK", 3, 2, 1, 2 / 3, None, None))
    written = write(show_terms(terms), width=80)
    told = " ".join(written.split())
    assert "all terms 3 2 1 66.67 (10.0-90.0)" in told
    assert "NEW YORK 3 2 1 66.67 (-)" in told
    suspicions = [Suspicion(f"u-{number}", ("too fast",), 4.0, None, 30.0, "A", "B") for number in range(7)]
    written = write(show_suspect_references(suspicions), width=80)
    assert "References that may be wrong; listen to them first (7, see findings.json):" in written
    assert "u-4: too fast" in written and "u-5" not in written
    assert format_crossing(Crossing("wer > 0.3", 0.31, True)) == "Threshold wer > 0.3: crossed, it is 0.31."


def test_texts_end_with_a_whole_word():
    (line,) = write([Line("ONE " + "ABCDEFGHIJ " * 20)], width=40).splitlines()
    assert line == "ONE ABCDEFGHIJ ABCDEFGHIJ ABCDEFGHIJ…"
    assert write([Line("X" * 99)], width=20) == f"{'X' * 19}…\n"


def test_help_names_every_simulation_and_kind_of_noise():
    for name in (*SIMULATION_PARAMETERS, *NOISE_KINDS):
        assert name in EPILOG
    assert max(map(len, EPILOG.splitlines())) < 80
