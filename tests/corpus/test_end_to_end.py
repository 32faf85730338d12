"""From people's own files to the report: one evaluation a form, with a small random model."""

import json

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.analysis.summary import group_failures
from librispeech_clf.local.commands.check_push import read_result
from tests.helpers import sounds
from tests.helpers.own_corpora import write_table, write_tree
from tests.helpers.sounds import RATE

REHEARSE = "from librispeech_clf.local.push import rehearsal; rehearsal.main()"


@pytest.fixture
def evaluate(forked, tiny_model, tmp_path):
    """Run the command; return the run, the results and the summary."""

    def run(*arguments):
        out = tmp_path / "out"
        done = forked.run("evaluate", "--model", tiny_model, "--root", tmp_path, "--out", out, *arguments)
        assert done.code in (0, 1), done.stderr
        assert (out / "index.html").is_file()
        results = pd.read_parquet(out / "results.parquet").set_index("utterance_id", drop=False)
        return done, results, json.loads((out / "summary.json").read_text())

    return run


def make_speech(seconds=0.5, *, rate=RATE, channels=1):
    """Noise that swells and falls."""
    count = round(seconds * rate)
    noise = np.random.default_rng(count).normal(0, 0.1, (count, channels))
    return noise * np.sin(np.pi * np.arange(count) / count)[:, None] ** 2


def encode(samples=None, *, rate=RATE, form="WAV", subtype=None):
    return sounds.encode(make_speech(rate=rate) if samples is None else samples, rate, form, subtype)


def test_own_files_of_four_forms_are_evaluated_in_one_run(evaluate, tmp_path):
    for name in ("wavs/a", "wavs/b", "nemo/c", "nemo/d", "kaldi/e", "kaldi/f"):
        write_table(tmp_path / f"{name}.wav", encode())
    rows = "a.wav,THE CAT,0012,scottish,30\nb.wav,IT'S ME,12,,41"
    write_table(tmp_path / "wavs/metadata.csv", f"file_name,text,speaker_id,accent,age\n{rows}")
    audio = {"audio": [{"bytes": encode(form="FLAC"), "path": None}] * 2, "sentence": ["A DOG", "NO DOG"]}
    table = audio | {"accent": ["irish", None], "noisy": [True, False]}
    write_table(tmp_path / "hub/test-00000-of-00001.parquet", table)
    lines = [{"audio_filepath": f"{name}.wav", "duration": 0.5, "text": "A BIRD"} for name in ("c", "d")]
    write_table(tmp_path / "nemo/manifest.json", lines)
    write_table(tmp_path / "kaldi/wav.scp", "utt-1 e.wav\nutt-2 f.wav\n")
    write_table(tmp_path / "kaldi/text", "utt-1 A HORSE\nutt-2 THE HORSES\n")
    write_table(tmp_path / "kaldi/utt2spk", "utt-1 ada\nutt-2 bob\n")
    run, results, summary = evaluate("--source", "files", "--split", "wavs,hub,nemo,kaldi")
    assert (run.code, summary["failed"]) == (0, 0)
    told = {"Column sentence is used as text.", "Column audio_filepath is used as audio."}
    assert set(run.stderr.splitlines()) == told
    hub = "test-00000-of-00001-0", "test-00000-of-00001-1"
    subsets = {"wavs": ["a", "b"], "hub": [*hub], "nemo": ["c", "d"], "kaldi": ["utt-1", "utt-2"]}
    assert {name: [*rows.index] for name, rows in results.groupby("subset")} == subsets
    assert results.loc[["a", "b", "utt-1"], "record_speaker_id"].tolist() == ["0012", "12", "ada"]
    fields = {"age": {"a": 30.0, "b": 41.0}, "accent": {"a": "scottish", hub[0]: "irish"}}
    fields |= {"duration": {"c": 0.5, "d": 0.5}, "noisy": {hub[0]: True, hub[1]: False}}
    assert {name: results[f"corpus_{name}"].dropna().to_dict() for name in fields} == fields
    assert '"corpus_accent"' in (tmp_path / "out/index.html").read_text()


def test_librispeech_tree_is_evaluated(evaluate, tmp_path):
    write_tree(tmp_path)
    run, results, summary = evaluate("--source", "openslr", "--split", "test-clean")
    assert (run.code, run.stderr, summary["failed"]) == (0, "", 0)
    readers = dict.fromkeys(("12-340-0000", "12-340-0001", "12-341-0000"), 'Ada, "the" O\'Reader')
    assert results["record_reader_name"].to_dict() == readers | {"60-7-0000": "|CBW|Simon"}
    assert not [name for name in results.columns if name.startswith("corpus_")]


SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM")
GOOD = {
    **{f"wav-{subtype}": encode(subtype=subtype) for subtype in SUBTYPES},
    **{f"form-{form}": encode(form=form) for form in ("FLAC", "OGG", "MP3", "AIFF", "AU", "W64", "CAF")},
    **{f"rate-{rate}": encode(rate=rate) for rate in (8_000, 48_000)},
    "stereo": encode(make_speech(channels=2)),
    "silence": encode(np.zeros(RATE)),
}


def spoil(position, value):
    samples = make_speech()
    samples[position] = value
    return encode(samples, subtype="FLOAT")


BAD = {
    "junk": (b"junk", "A", "cannot be decoded"),
    "page": (b"<!DOCTYPE html><html>404</html>", "A", "cannot be decoded"),
    "nothing": (b"", "A", "it has no bytes"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "A", "git lfs pull"),
    "half-wav": (encode()[:8_000], "A", "cut off"),
    "half-aiff": (encode(form="AIFF")[:8_000], "A", "cut off"),
    "half-flac": (encode(form="FLAC")[:4_000], "A", "cannot be decoded"),
    "no-samples": (encode(np.zeros(0)), "A", "no samples"),
    "nan": (spoil(5, np.nan), "A", "NaN or infinity"),
    "infinity": (spoil(-1, np.inf), "A", "NaN or infinity"),
    "loud": (spoil(7, 1e30), "A", "full scale is 1"),
    "slow": (encode(rate=RATE).replace(RATE.to_bytes(4, "little"), b"\1\0\0\0", 1), "A", "declares 1 Hz"),
    "long": (encode(make_speech(36.0)), "A", "audio.max_samples"),
    "gone": (None, "A", "the audio of gone does not exist"),
    "digits": (encode(), "ROOM 12", "Spell numbers out"),
    "cyrillic": (encode(), "\u041a\u041e\u0422", "letters A-Z"),
    "wordy": (encode(), "A" * 641, "text.max_letters"),
    "wordless": (encode(), None, "has no text; add it"),
}


def test_twenty_bad_recordings_of_different_kinds_cost_twenty_good_ones_nothing(evaluate, tmp_path):
    secret = write_table(tmp_path.with_name(f"{tmp_path.name}.secret"), encode())
    rows = [("outside", str(secret), "A"), ("silent", None, "A")]
    files = {name: (content, "SOME WORDS") for name, content in GOOD.items()}
    files |= {name: (content, text) for name, (content, text, _) in BAD.items()}
    for name, (content, text) in files.items():
        rows.append((name, f"{name}.audio", text))
        if content is not None:
            write_table(tmp_path / f"own/{name}.audio", content)
    names = ("id", "file_name", "text")
    write_table(tmp_path / "own/metadata.jsonl", [dict(zip(names, row, strict=True)) for row in rows])
    run, results, summary = evaluate("--source", "files", "--split", "own")
    assert (run.code, summary["utterances"], summary["failed"]) == (1, 40, 20), run.stderr
    assert set(results.index[results["error"].isna()]) == set(GOOD)
    reasons = {name: reason for name, (_, _, reason) in BAD.items()}
    reasons |= {"outside": "names its recording outside", "silent": "neither audio bytes nor an audio path"}
    assert set(summary["failures"]) == set(reasons)
    for name, reason in reasons.items():
        assert reason in summary["failures"][name] and name in summary["failures"][name], name
    groups = group_failures(summary["failures"])
    assert 10 < len(groups) < 20 and all(names[0] in run.told for _, names in groups)


def test_platform_sees_the_same_columns_and_types_in_every_split(forked, tmp_path):
    splits = {
        "training": {"accent": [None, "irish"], "age": ["", "30"], "noisy": [None, True]},
        "validation": {"accent": ["welsh", None], "age": ["41", ""]},
        "test": {"accent": [None, None], "device": ["phone", "phone"]},
    }
    for state, further in splits.items():
        table = {"audio": [encode(), encode(rate=8_000)], "text": ["A CAT", "NO CAT"], **further}
        write_table(tmp_path / f"{state}.parquet", table)
    settings = {"LIBRISPEECH_SOURCE": "files", "LIBRISPEECH_ROOT": str(tmp_path)}
    result = read_result(forked.run("execute", REHEARSE, PROJECT_ROOT, environment=settings).stdout)
    assert (result["valid"], result["error"], result["warnings"]) == (True, None, [])
    columns = {"corpus_accent", "corpus_age", "corpus_device", "corpus_noisy"}
    assert {name for name in result["payloads"] if name.startswith("corpus")} == columns
    assert not any(result["payloads"].values())
