"""Figures for the README: between their marks, findings as their tests have them."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.development.documents import readme
from librispeech_clf.local.analysis.associations import Association
from librispeech_clf.local.analysis.record import Record

RUN = {"source": "openslr", "subsets": "test-clean", "model": "wav2vec.h5", "model SHA-256": "0123456789ab"}
SHOWN = {name: f"{name} shown" for name in (*readme.MAP_COLUMNS, "long_utterance", "short_utterance")}


def make_record(*columns: str) -> Record:
    """Make two utterances with rates of 20 and 25 %, in whose order the columns rise."""
    counts = {
        "word_hits": [4.0, 3.0],
        "word_substitutions": [1.0, 1.0],
        "word_deletions": 0.0,
        "word_insertions": 0.0,
    }
    numbers = {column: [1.0, 2.0] for column in columns}
    return Record(pd.DataFrame({"utterance_id": ["a", "b"], **counts, **numbers}))


def make_association(column: str, value: float, p: float) -> Association:
    ends = value, value - 0.1, value + 0.1
    return Association("word_error_rate", column, "spearman", *ends, 20, p / 2, p, ())


def test_figures_stand_between_their_marks():
    end = "<!-- end of figures -->\n"
    text = f"a\n<!-- figures: one -->\nold\n\nolder\n{end}b\n<!-- figures: two -->\n{end}"
    written = readme.replace_figures(text, {"one": "new | 1 \\2"})
    assert written == text.replace("old\n\nolder", "new | 1 \\2")
    assert readme.replace_figures(written, {"one": "new | 1 \\2"}) == written


@pytest.mark.parametrize("text", ["", "<!-- figures: one -->\n<!-- end of figures -->\n" * 2])
def test_a_mark_stands_once(text):
    with pytest.raises(ValueError, match="figures: one -->; exactly one"):
        readme.replace_figures(text, {"one": "x"})


@pytest.mark.parametrize(
    ("section", "change", "received"),
    [
        ("test-clean", {"subsets": "test-other"}, "received subsets test-other"),
        ("test-clean", {"limit": "24"}, "received subsets test-clean, limit 24"),
        ("bundled", {}, "received source openslr, subsets test-clean"),
    ],
)
def test_a_section_needs_its_whole_run(section, change, received):
    with pytest.raises(ValueError, match=received):
        readme.require_whole(RUN | change, section)


def test_whole_runs_are_taken():
    assert readme.require_whole(RUN, "test-clean") is None
    assert readme.require_whole({"source": "sample", "subsets": "test"}, "bundled") is None


@pytest.mark.parametrize(
    ("value", "p", "finding"),
    [
        (0.4, 0.01, "the word error rate rises with duration."),
        (-0.4, 0.01, "the word error rate falls with duration."),
        (0.4, 0.05, "nothing. Not significant: duration."),
        (-0.4, 0.6, "nothing. Not significant: duration."),
    ],
)
def test_only_significant_correlations_are_findings(value, p, finding):
    column = "signal_duration_s"
    text = readme.format_traits(make_record(column), [make_association(column, value, p)])
    assert text.endswith(f"Significant at 5 %, corrected for the report's 1 tests: {finding}")
    row = text.splitlines()[2]
    assert row.startswith("| duration in s | 1 | 20.00 % | 2 | 25.00 % |")
    assert f"{value:.2f} ({value - 0.1:.2f} to {value + 0.1:.2f})" in row


def test_findings_of_both_signs():
    tested = [("a", 0.3, 0.001), ("b", -0.3, 0.04), ("c", 0.3, 0.2), ("d", 0.2, 0.0001)]
    found = [make_association(*own) for own in tested]
    text = readme.format_traits(make_record(*"abcd"), found).splitlines()[-1]
    assert text == (
        "Significant at 5 %, corrected for the report's 4 tests: the word error rate rises with a, d and falls with b. "
        "Not significant: c."
    )


@pytest.mark.parametrize(("p", "verdict"), [(0.01, "significant"), (0.06, "not significant")])
def test_genders(p, verdict):
    ends, groups = (-0.05, -0.08, -0.02), ("F", "M")
    own = Association("word_error_rate", "record_gender", "difference", *ends, 20, p / 2, p, groups)
    text = readme.format_genders([own])
    assert text == (
        f"Word error rate of gender F minus that of gender M: -5.00 points (-8.0 to -2.0), {verdict} "
        f"(corrected p = {p:.3f})."
    )
    assert readme.format_genders([]) == ""


def test_test_clean_is_written_whole(make_results):
    results = make_results(60, speakers=8)
    results["signal_rms_std"] = np.linspace(0, 1, len(results))
    shown = SHOWN | {"weak_cluster": "word error rate 0.40, gender F (significantly worse)"}
    figures = readme.format_test_clean(results, run=RUN, shown=shown)
    table = figures["test-clean table"].splitlines()
    assert table[2].startswith("| all | 59 |")
    assert (
        "60 utterances of 8 speakers" in table[-1]
        and "1 failed; wav2vec.h5, SHA-256 0123456789ab." in table[-1]
    )
    assert figures["test-clean weak cluster"] == "Word error rate 0.40, gender F (significantly worse)."
    assert figures["test-clean latent space"].count("\n- ") == len(readme.MAP_COLUMNS) - 1
    assert figures["test-clean first"].startswith(("Nothing stands out (", "Worse than the rest ("))
    assert "CTC loss against the deviation of the RMS level: " in figures["test-clean dashboard"]


def test_bundled_table_is_the_terminals(make_results):
    table = readme.format_bundled(make_results(60, speakers=8))["bundled table"]
    assert table.startswith("```\nError rates\n")
    assert max(map(len, table.splitlines())) <= 80
    assert " all " in table and "gender: F" in table
