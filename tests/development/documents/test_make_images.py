"""The command make-images: what it needs and writes; figures between their marks, findings as their tests have them."""

import json
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest

from librispeech_clf.development.documents import drawing, make_images, pictures
from librispeech_clf.local.analysis.associations import Association
from librispeech_clf.local.analysis.record import Record

END = "<!-- end of figures -->\n"
MARKS = f"# A\n<!-- figures: bundled table -->\n{END}"
RUN = {"source": "openslr", "subsets": "test-clean", "model": "wav2vec.h5", "model SHA-256": "0123456789ab"}
BUNDLED = {"source": "sample", "subsets": "test"}
SHOWN = {name: f"{name} shown" for name in (*make_images.MAP_COLUMNS, "long_utterance", "short_utterance")}


@pytest.fixture
def results(make_results):
    return make_results(60, speakers=8)


@pytest.fixture
def folder(tmp_path, results):
    """An evaluation of the bundled corpus, a simulated row among it."""
    results["subset"] = "test"
    simulated = results.head(1).assign(simulation="tempo")
    pd.concat([results, simulated]).to_parquet(tmp_path / "results.parquet")
    (tmp_path / "summary.json").write_text(json.dumps({"run": BUNDLED}))
    (tmp_path / "README.md").write_text(MARKS)
    return tmp_path


def run(folder, *options):
    places = {"--report": folder, "--images": folder / "images", "--readme": folder / "README.md"}
    return make_images.main([*(str(word) for pair in places.items() for word in pair), *options])


def make_record(*columns: str) -> Record:
    """Make two utterances with rates of 20 and 25 %, in whose order the columns rise."""
    counts = {"hits": [4.0, 3.0], "substitutions": [1.0, 1.0], "deletions": 0.0, "insertions": 0.0}
    words = {f"word_{name}": values for name, values in counts.items()}
    return Record(pd.DataFrame({"utterance_id": ["a", "b"], **words, **dict.fromkeys(columns, [1.0, 2.0])}))


def make_association(column: str, value: float, p: float) -> Association:
    ends = value, value - 0.1, value + 0.1
    return Association("word_error_rate", column, "spearman", *ends, 20, p / 2, p, ())


def test_missing_evaluation_names_the_command(tmp_path, capsys):
    assert make_images.main(["--report", str(tmp_path)]) == 2
    assert "run `poetry run evaluate` first" in capsys.readouterr().err


def test_bundled_section_is_the_terminals_table(folder):
    assert run(folder, "--section", "bundled") == 0
    text = (folder / "README.md").read_text()
    head, table, end = text.partition("```\nError rates\n")
    assert head == MARKS.removesuffix(END) and table and end.endswith(f"```\n{END}")
    assert re.search(r"^ all +59 ", end, re.MULTILINE) and "gender: F" in end
    assert max(map(len, text.splitlines())) <= 80


def test_section_of_another_run_leaves_the_readme(folder, capsys):
    assert run(folder, "--section", "test-clean") == 2
    assert "needs a whole evaluation of subsets test-clean" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == MARKS
    assert not (folder / "images").exists()


def test_pictures_alone_leave_the_readme(folder, results, monkeypatch, capsys):
    def draw_all(results, images, **_):
        return {"map": f"{len(results)} rows, {matplotlib.rcParams['font.size']:.0f} pt"}

    before = dict(matplotlib.rcParams)
    monkeypatch.setattr(pictures, "draw_all", draw_all)
    monkeypatch.setattr(drawing, "screenshot_page", lambda page, path, state: f"{page.name} {state}")
    (folder / "summary.json").unlink()
    assert run(folder) == 0
    worst = results["utterance_id"][results["word_error_rate"].idxmax()]
    assert capsys.readouterr().out == (f"map.png: 60 rows, 9 pt\nreport.png: index.html utterance={worst}\n")
    assert (folder / "README.md").read_text() == MARKS and dict(matplotlib.rcParams) == before


def test_figures_stand_between_their_marks():
    text = f"a\n<!-- figures: one -->\nold\n\nolder\n{END}b\n<!-- figures: two -->\n{END}"
    written = make_images.replace_figures(text, {"one": "new | 1 \\2"})
    assert written == text.replace("old\n\nolder", "new | 1 \\2")
    assert make_images.replace_figures(written, {"one": "new | 1 \\2"}) == written
    for without_or_twice in ("", 2 * text):
        with pytest.raises(ValueError, match="figures: one -->; exactly one"):
            make_images.replace_figures(without_or_twice, {"one": "x"})


@pytest.mark.parametrize(
    ("section", "change", "received"),
    [
        ("test-clean", {"subsets": "test-other"}, "received subsets test-other"),
        ("test-clean", {"limit": "24"}, "received subsets test-clean, limit 24"),
        ("bundled", {}, "received source openslr, subsets test-clean"),
    ],
)
def test_a_section_needs_its_whole_run(section, change, received):
    assert make_images.require_whole(RUN, "test-clean") is None
    with pytest.raises(ValueError, match=received):
        make_images.require_whole(RUN | change, section)


def test_only_significant_correlations_are_findings():
    tested = [("a", 0.3, 0.001), ("b", -0.3, 0.04), ("signal_duration_s", 0.3, 0.05), ("d", 0.2, 0.0001)]
    record, found = make_record(*(own[0] for own in tested)), [make_association(*own) for own in tested]
    lines = make_images.format_traits(record, found).splitlines()
    assert lines[-1] == (
        "Significant at 5 %, corrected for the report's 4 tests: the word error rate rises with a, d and falls with b. "
        "Not significant: duration."
    )
    assert lines[4].startswith("| duration in s | 1 | 20.00 % | 2 | 25.00 % | 0.30 (0.20 to 0.40) |")
    nothing = make_images.format_traits(make_record("c"), [make_association("c", -0.4, 0.6)])
    assert nothing.endswith("corrected for the report's 1 tests: nothing. Not significant: c.")


@pytest.mark.parametrize(("p", "verdict"), [(0.01, "significant"), (0.06, "not significant")])
def test_genders(p, verdict):
    ends, groups = (-0.05, -0.08, -0.02), ("F", "M")
    own = Association("word_error_rate", "record_gender", "difference", *ends, 20, p / 2, p, groups)
    assert make_images.format_genders([own]) == (
        f"Word error rate of gender F minus that of gender M: -5.00 points (-8.0 to -2.0), {verdict} "
        f"(corrected p = {p:.3f})."
    )
    assert make_images.format_genders([]) == ""


def test_test_clean_is_written_whole(results):
    results["signal_rms_std"] = np.linspace(0, 1, len(results))
    shown = SHOWN | {"weak_cluster": "word error rate 0.40, gender F (significantly worse)"}
    figures = make_images.format_test_clean(results, run=RUN, shown=shown)
    table = figures["test-clean table"].splitlines()
    assert table[2].startswith("| all | 59 |") and "60 utterances of 8 speakers" in table[-1]
    assert "1 failed; wav2vec.h5, SHA-256 0123456789ab." in table[-1]
    assert figures["test-clean weak cluster"] == "Word error rate 0.40, gender F (significantly worse)."
    assert figures["test-clean latent space"].count("\n- ") == len(make_images.MAP_COLUMNS) - 1
    assert figures["test-clean first"].startswith(("Nothing stands out (", "Worse than the rest ("))
    assert "CTC loss against the deviation of the RMS level: " in figures["test-clean dashboard"]
