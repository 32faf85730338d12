"""The command `evaluate` over recordings without transcripts."""

import csv
import json

import pandas as pd
import pytest


@pytest.mark.slow
def test_unlabeled_split_is_predicted_and_its_lacks_are_named(forked, tmp_path):
    done = forked.run("evaluate", "--split", "unlabeled", "--transcribe", "1", "--out", tmp_path)
    assert done.code == 0, done.stderr
    results = pd.read_parquet(tmp_path / "results.parquet")
    assert results["transcribed"].value_counts().to_dict() == {True: 113, False: 40}
    empty = ["word_error_rate", "character_hits", "ctc_loss", "reference", "text_word_count"]
    assert results[empty].isna().all(axis=None)
    summary, findings = (json.loads((tmp_path / f"{x}.json").read_text()) for x in ("summary", "findings"))
    assert not {"word", "character"} & set(summary)
    lacks = findings["coverage"]["lacks"][:3]
    accents = results.set_index("utterance_id")["corpus_accent"]
    shares = [(accents[lack["utterance_ids"]] == "German").mean() for lack in lacks]
    assert max(shares) > 0.9 and any("noisy recordings" in lack["name"] for lack in lacks)
    with (tmp_path / "transcribe.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 50 < sum(float(row["seconds"]) for row in rows) <= 60
    assert all((tmp_path / row["file_name"]).is_file() and row["text"] == "" for row in rows)


@pytest.mark.parametrize("option", [["--fail-if", "wer > 0.3"], ["--simulate", "tempo"]])
def test_what_needs_transcripts_is_refused_before_work(option, forked, tmp_path):
    done = forked.run("evaluate", "--split", "unlabeled", *option, "--out", tmp_path / "out")
    assert done.code == 2 and "transcripts" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", [b"id,text\na,\nb,SPOKEN WORDS\n", b"id;text\na;SPOKEN\n", b"id,text\na,\xe4\n"]
)
def test_a_filled_table_is_never_overwritten(content, forked, tmp_path):
    (tmp_path / "transcribe.csv").write_bytes(content)
    options = ["--split", "unlabeled", "--limit", "4", "--transcribe", "1"]
    done = forked.run("evaluate", *options, "--out", tmp_path)
    assert done.code == 2 and "transcribe.csv was changed" in done.stderr
    assert (tmp_path / "transcribe.csv").read_bytes() == content
    assert not (tmp_path / "results.parquet").exists()
