"""The command `evaluate` over recordings without transcripts."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow
import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.analysis.calibration import fit_calibration
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.commands.transcripts import calibrate, write_transcribe
from tests.helpers.sounds import encode, tone
from tests.helpers.spoken import make_spoken


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


def write(out, files):
    """Write the table and the recordings to transcribe, of one recording a file; return what is said and the table."""
    rows = make_spoken(5, speakers=len(files), utterances=1)
    latent = list(np.random.default_rng(0).normal(size=(len(rows), 8)))
    rows = rows.assign(latent=latent, signal_duration_s=3.0, transcribed=False)
    by_name = dict(zip(rows["utterance_id"], files, strict=True))
    learnt = fit_calibration(Record(make_spoken(0)), corpus="made", split="validation")
    analysis = SimpleNamespace(calibration=learnt, coverage=None)
    said = write_transcribe(out, Record(rows), 9, analysis, by_name.get)
    return said, pd.read_csv(out / "transcribe.csv"), by_name


def test_recordings_to_transcribe_are_named_by_what_they_are(tmp_path):
    files = [encode(tone(), form=form) for form in ("FLAC", "WAV", "OGG", "MP3", "AIFF")]
    _, table, by_name = write(tmp_path, files)
    suffixes = dict(zip(by_name, ("flac", "wav", "ogg", "mp3", "flac"), strict=True))
    assert len(table) == 5
    for row in table.itertuples():
        assert row.file_name.endswith(f".{suffixes[row.id]}")
        assert (tmp_path / row.file_name).read_bytes()[:3] == encode(tone(), form=suffixes[row.id].upper())[
            :3
        ]


def test_a_recording_that_vanished_is_left_out_by_name(tmp_path):
    said, table, by_name = write(tmp_path, [encode(tone()), None, b"?"])
    first, *lost = by_name
    assert list(table["id"]) == [first] and (tmp_path / table["file_name"][0]).stat().st_size > 100
    assert said.startswith("Transcribe first: 1 recordings") and all(name in said for name in lost)


def test_a_damaged_calibration_is_made_again_where_that_is_asked_for(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"weights")
    file = tmp_path / "model.calibration.json"
    file.write_text("{")
    configuration = load_configuration(source="sample", model=tmp_path / "model.h5")
    run = SimpleNamespace(
        request=SimpleNamespace(configuration=configuration), described={"subsets": "validation"}
    )
    table = pyarrow.Table.from_pandas(make_spoken(0))
    with pytest.raises(ValueError, match="not a calibration"):
        calibrate(run, table, False)
    made, _ = calibrate(run, table, True)
    assert made is not None and calibrate(run, table, False)[0] == made
