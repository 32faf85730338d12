"""A call of two people on two channels: the bundled model makes of its parts what it makes of files cut by hand."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.configuration import PACKAGE_FOLDER

RATE = 16000
SECONDS = 60
SLOT_S = 15
LONGEST_S = 9.0
FORMS = ("csv", "nemo", "kaldi", "stm")


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Write the call, which both speak in at once, in four forms, and its parts as files; return the folder."""
    root = tmp_path_factory.mktemp("call")
    table = pyarrow.parquet.read_table(PACKAGE_FOLDER / "corpus" / "bundled" / "test.parquet")
    spoken: dict[str, list] = {}
    for row in table.to_pylist():
        samples, _ = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        if len(samples) < LONGEST_S * RATE:
            spoken.setdefault(row["speaker_id"], []).append((samples, row["text"]))
    voices = [name for name, utterances in spoken.items() if len(utterances) >= SECONDS // SLOT_S][:2]
    samples = np.zeros((SECONDS * RATE, 2), np.int16)
    parts = []
    for channel, voice in enumerate(voices):
        for number, (said, text) in enumerate(spoken[voice][: SECONDS // SLOT_S]):
            start = number * SLOT_S + 1 + channel
            samples[start * RATE : start * RATE + len(said), channel] = said
            parts.append((f"{number}-{channel}", channel, start, start + len(said) / RATE, text, said))
    for name in (*FORMS, "cut"):
        (root / name).mkdir()
        soundfile.write(root / name / "call.wav", samples, RATE)
    write_tables(root, parts)
    return root


def write_tables(root, parts):
    """Write the tables of every form."""
    rows = [f"{name},call.wav,{start},{end},{channel},{text}" for name, channel, start, end, text, _ in parts]
    (root / "csv/metadata.csv").write_text("\n".join(["id,file_name,start,end,channel,text", *rows]))
    lines = [
        {"audio_filepath": "call.wav", "offset": start, "duration": end - start, "channel_selector": channel}
        | {"text": text, "utt_id": f"n-{name}"}
        for name, channel, start, end, text, _ in parts
    ]
    (root / "nemo/manifest.json").write_text("\n".join(map(json.dumps, lines)))
    tables = {
        "wav.scp": "call-A call.wav\ncall-B call.wav",
        "reco2file_and_channel": "call-A call A\ncall-B call B",
        "segments": "\n".join(f"k-{name} call-{'AB'[c]} {a} {b}" for name, c, a, b, _, _ in parts),
        "text": "\n".join(f"k-{name} {text}" for name, _, _, _, text, _ in parts),
    }
    for name, content in tables.items():
        (root / "kaldi" / name).write_text(f"{content}\n")
    lines = [f"call {'AB'[c]} voice-{c} {a} {b} <o,f0> {text}" for _, c, a, b, text, _ in parts]
    (root / "stm/stm.stm").write_text("\n".join(lines))
    (root / "cut/metadata.csv").write_text(
        "\n".join(["file_name,text", *(f"cut-{name}.wav,{text}" for name, *_, text, _ in parts)])
    )
    for name, *_, said in parts:
        soundfile.write(root / "cut" / f"cut-{name}.wav", said, RATE)


@pytest.mark.slow
def test_parts_and_channels_give_what_files_cut_by_hand_give(call, forked, tmp_path):
    options = ["--source", "files", "--root", call, "--split", ",".join((*FORMS, "cut"))]
    run = forked.run("evaluate", *options, "--out", tmp_path / "out")
    assert run.code == 0, run.log[-2000:]
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    counts = ["word_hits", "word_substitutions", "word_deletions", "word_insertions"]
    by_form = {
        form: sorted(map(tuple, rows[["reference", "hypothesis", *counts]].to_numpy().tolist()))
        for form, rows in results.groupby("subset")
    }
    assert len(by_form["cut"]) == 8 and sum(row[2] for row in by_form["cut"]) > 8
    assert by_form == dict.fromkeys((*FORMS, "cut"), by_form["cut"])
