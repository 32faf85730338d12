"""The command make-images: what it needs, what it writes."""

import json

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.development.documents import drawing, make_images, pictures

MARKS = "# A\n<!-- figures: bundled table -->\n<!-- end of figures -->\n"


def make_results() -> pd.DataFrame:
    """Make 40 utterances of 8 speakers with two words each, every fourth wrong."""
    counts = {
        "hits": 2 - np.arange(40) % 4 // 3,
        "substitutions": np.arange(40) % 4 // 3,
        "deletions": 0,
        "insertions": 0,
    }
    columns = {f"{unit}_{name}": value for unit in ("word", "character") for name, value in counts.items()}
    names = [f"u{number:02d}" for number in range(40)]
    speakers = [str(number % 8) for number in range(40)]
    return pd.DataFrame(
        {
            "utterance_id": names,
            "record_speaker_id": speakers,
            "error": None,
            "subset": "test",
            **columns,
            "word_error_rate": columns["word_substitutions"] / 2,
        }
    )


@pytest.fixture(name="folder")
def finished_evaluation(tmp_path):
    """Write an evaluation of the bundled corpus."""
    results = make_results()
    results.to_parquet(tmp_path / "results.parquet")
    (tmp_path / "summary.json").write_text(json.dumps({"run": {"source": "sample", "subsets": "test"}}))
    (tmp_path / "README.md").write_text(MARKS)
    return tmp_path


def run(folder, *options):
    paths = [
        "--report",
        str(folder),
        "--images",
        str(folder / "images"),
        "--readme",
        str(folder / "README.md"),
    ]
    return make_images.main([*paths, *options])


def test_missing_evaluation_names_the_command(tmp_path, capsys):
    assert make_images.main(["--report", str(tmp_path)]) == 2
    assert "run `poetry run evaluate` first" in capsys.readouterr().err


def test_bundled_section(folder):
    assert run(folder, "--section", "bundled") == 0
    text = (folder / "README.md").read_text()
    assert "80  12.50" in text and text.endswith("```\n<!-- end of figures -->\n")


def test_section_of_another_run_leaves_the_readme(folder, capsys):
    assert run(folder, "--section", "test-clean") == 2
    assert "needs a whole evaluation of subsets test-clean" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == MARKS
    assert not (folder / "images").exists()


def test_pictures_alone_leave_the_readme(folder, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "draw_all", lambda results, images, **_: {"map": f"{len(results)} rows"})
    monkeypatch.setattr(drawing, "screenshot_page", lambda page, path, state: f"{page.name} {state}")
    assert run(folder) == 0
    assert capsys.readouterr().out == "map.png: 40 rows\nreport.png: index.html utterance=u03\n"
    assert (folder / "README.md").read_text() == MARKS


def test_simulated_rows_are_left_out(folder):
    results = make_results()
    results["simulation"] = ["tempo"] * 10 + [None] * 30
    results.to_parquet(folder / "results.parquet")
    assert len(make_images.read_recordings(folder)) == 30
    (folder / "summary.json").unlink()
    assert make_images.read_run(folder) == {}
