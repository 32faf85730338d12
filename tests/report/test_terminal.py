"""The terminal's list of what to look at first."""

from rich.console import Console

from librispeech_clf.analysis.candidates import Condition
from librispeech_clf.analysis.finding import Finding
from librispeech_clf.analysis.slices import Search
from librispeech_clf.report.terminal import show_findings

WOMEN = Finding(
    name="women",
    where="gender F",
    kind="category",
    conditions=(Condition("record_gender", "women", "gender F", equals="F"),),
    utterances=60,
    speakers=20,
    words=1000,
    errors=120,
    error_rate=0.12,
    rest_error_rate=0.05,
    effect_points=7.0,
    low=4.5,
    high=9.5,
    avoidable_errors=70.0,
    p=0.0025,
    also_differs=("high voices",),
    examples=("a-1", "[b]-2"),
    utterance_ids=("a-1", "[b]-2"),
)


def write(search) -> str:
    console = Console(width=200, file=open("/dev/null", "w"), record=True)  # noqa: SIM115
    for part in show_findings(search):
        console.print(part)
    return console.export_text()


def test_a_finding_has_its_figures_and_examples_and_no_markup():
    assert write(Search((WOMEN,), 483, 0.02, None)) == (
        "What to look at first (p < 0.02 over all 483 slices):\n"
        "  1  women: 60 utterances of 20 speakers, WER 12.00 against 5.00 %, +7.0 points (+4.5 to +9.5), p 0.003\n"
        "     gender F\n"
        "     also: high voices\n"
        "     for example a-1, [b]-2\n\n"
    )


def test_nothing_found_says_how_much_was_looked_at():
    search = Search((), 483, 0.02, "too many utterances and metadata to look at pairs")
    assert write(search) == (
        "What to look at first: nothing stands out in 483 slices (too many utterances and metadata to look at "
        "pairs).\n"
    )
