"""Parts, channels and several references of recordings, in every form of table."""

import io
import json
from itertools import product

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.audio.reading import measure_length, read_content, read_waveform
from librispeech_clf.configuration import PACKAGE_FOLDER
from librispeech_clf.corpus.schema import read_fields
from tests.helpers.own_corpora import open_split, read_all, refusal_of, write_table
from tests.helpers.sounds import RATE

VOICES = [np.random.default_rng(seed).normal(0, 0.1, 6 * RATE).astype(np.float32) for seed in range(2)]
"""What two people say in a call of 6 s."""
MEAN = (VOICES[0] + VOICES[1]) / 2
FORMS = ("csv", "nemo", "kaldi", "stm")


@pytest.fixture
def folder(tmp_path):
    """A folder with a call of two channels, in WAV, FLAC and Ogg."""
    (tmp_path / "own").mkdir()
    for ending in ("wav", "flac", "ogg"):
        soundfile.write(tmp_path / "own" / f"call.{ending}", np.stack(VOICES, axis=1), RATE)
    return tmp_path / "own"


def assert_is(waveform, voice, start=0, end=6):
    np.testing.assert_allclose(waveform, voice[round(start * RATE) : round(end * RATE)], atol=1e-4)


def read_rows(folder, header, *rows, table="metadata.csv"):
    """Write a table and read all recordings."""
    write_table(folder / table, "\n".join([header, *rows]))
    return list(read_all(folder).values())


def write_call(folder, form, parts):
    """Write the table of a call, call.wav, in a form; of each part name, channel, start, end and text."""
    if form == "csv":
        rows = [
            f"{name},call.wav,{start},{end},{channel},{text}" for name, channel, start, end, text in parts
        ]
        write_table(folder / "metadata.csv", "\n".join(["id,file_name,start,end,channel,text", *rows]))
    elif form == "nemo":
        names = ("utt_id", "channel_selector", "offset", "duration", "text", "audio_filepath")
        rows = [(f"n-{name}", side, start, end - start, text) for name, side, start, end, text in parts]
        lines = [json.dumps(dict(zip(names, (*row, "call.wav"), strict=True))) for row in rows]
        write_table(folder / "manifest.json", "\n".join(lines))
    elif form == "kaldi":
        segments = [f"k-{name} rec-{'AB'[c]} {start} {end}" for name, c, start, end, _ in parts]
        write_table(folder / "wav.scp", "rec-A call.wav\nrec-B call.wav\n")
        write_table(folder / "reco2file_and_channel", "rec-A call A\nrec-B call B\n")
        write_table(folder / "segments", "\n".join(segments))
        write_table(folder / "text", "\n".join(f"k-{name} {text}" for name, *_, text in parts))
    else:
        lines = [f"call {'AB'[c]} s{c} {start} {end} <o,f0> {text}" for _, c, start, end, text in parts]
        write_table(folder / f"{folder.name}.stm", "\n".join([";; comment", *lines]))


@pytest.mark.parametrize("form", FORMS)
def test_call_is_read_by_channel_and_part(folder, form):
    parts = [
        (f"{c}-{start}", c, start, end, "HELLO") for c, (start, end) in product((0, 1), ((0, 2), (2.5, 6)))
    ]
    write_call(folder, form, parts)
    for waveform, (_, channel, start, end, _) in zip(read_all(folder).values(), parts, strict=True):
        assert_is(waveform, VOICES[channel], start, end)


@pytest.mark.parametrize(
    ("header", "row", "start", "end"),
    [
        ("start,end", "1,2.5", 1, 2.5),
        ("begin_time,end_time", "1,2.5", 1, 2.5),
        ("start_time,end_time", "00:00:01,0:02.5", 1, 2.5),
        ("start_ms,end_ms", "1000,2500", 1, 2.5),
        ("segment_start_time,segment_end_time", "1,2.5", 1, 2.5),
        ("Start_Time_Ms,Duration_Ms", "1000,1500", 1, 2.5),
        ("offset,duration", "1,1.5", 1, 2.5),
        ("offset,duration", ",1.5", 0, 1.5),  # NVIDIA-NeMo/Speech#1248
        ("begin", "4", 4, 6),
        ("Start Time,End Time", "1,2.5", 1, 2.5),
        ("start (s),end (s)", "1,2.5", 1, 2.5),
        ("start-time-ms,end-time-ms", "1000,2500", 1, 2.5),
        ("offset,duration,sampling_rate", "2.5,1.25,16000", 2.5, 3.75),  # NVIDIA-NeMo/Speech#10060
    ],
)
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_part_of_a_recording_is_read(folder, header, row, start, end, ending):
    (waveform,) = read_rows(folder, f"file_name,channel,text,{header}", f"call.{ending},1,A,{row}")
    voice = VOICES[1] if ending != "ogg" else soundfile.read(folder / "call.ogg")[0][:, 1]
    assert_is(waveform, voice, start, end)
    split = open_split(folder)
    assert split.ids[0].startswith(f"call-{start:.2f}")
    utterance = split.utterance(split.ids[0])
    assert measure_length(utterance) == end - start
    assert_is(soundfile.read(io.BytesIO(read_content(utterance)))[0], voice, start, end)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,1,0", "starts at 2 s and ends at 1 s"),
        ("-1,1,0", "starts at -1 s"),
        ("soon,1,0", "no valid time in its column start"),
        ("1,inf,0", "no valid time in its column end"),
        ("7,8,0", "the part from 7 to 8 s of a recording of 6.00 s"),
        ("5,9,0", "the part from 5 to 9 s of a recording of 6.00 s"),
        ("0,1,2", "names channel 2 (the first is 0), but the recording has 2"),
    ],
)
def test_impossible_part_costs_its_utterance_only(folder, row, reason):
    rows = f"call.wav,A,0,1,0\ncall.wav,B,{row}"
    write_table(folder / "metadata.csv", f"file_name,text,start,end,channel\n{rows}")
    split = open_split(folder)
    read_waveform(split.utterance(split.ids[0]), sampling_rate=RATE)
    told = refusal_of(split.utterance(split.ids[1]))
    assert told.startswith(f"{split.ids[1]}: ") and reason in told


def test_times_of_files_that_are_cut_already_are_not_read(folder, capsys):
    rows = ("call.wav,501,507,A", "call.flac,0,6,B")
    waveforms = read_rows(folder, "file_name,begin_time,end_time,text", *rows)
    assert [len(waveform) for waveform in waveforms] == [6 * RATE] * 2
    assert "its files were cut from; the files are read whole" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["start_sample,end_sample", "frame_offset,num_frames", "Start (samples)"])
def test_counts_of_samples_are_not_passed_by_in_silence(folder, capsys, header):
    (waveform,) = read_rows(
        folder, f"file_name,text,{header}", f"call.wav,A,16000{',32000' * header.count(',')}"
    )
    assert len(waveform) == 6 * RATE and "samples are not read" in capsys.readouterr().err


def test_what_recordings_decide_is_decided_again_when_they_change(folder):
    """A recording that was cut off, and one that was missing, are restored beside an unchanged table."""
    whole = (folder / "call.flac").read_bytes()
    (folder / "call.flac").unlink()
    soundfile.write(folder / "call.wav", np.stack(VOICES, axis=1)[: RATE // 2], RATE)
    write_table(folder.parent / "own.csv", "file_name,start,end,text\ncall.wav,1,2,A\ncall.flac,0,3,B\n")
    assert open_split(folder).column("start_s").null_count == 2
    soundfile.write(folder / "call.wav", np.stack(VOICES, axis=1), RATE)
    (folder / "call.flac").write_bytes(whole)
    assert [len(waveform) / RATE for waveform in read_all(folder).values()] == [1, 3]


def test_times_beside_encoded_audio_are_not_read(folder):
    audio = {"bytes": (folder / "call.wav").read_bytes(), "path": "x.wav"}
    row = {"audio": audio, "text": "A", "begin_time": 1.0, "end_time": 2.0, "channel": 1}
    write_table(folder / "0.parquet", [row])
    assert_is(*read_all(folder).values(), MEAN)
    split = open_split(folder)
    fields = read_fields(split.utterance(split.ids[0]).fields, split.field_types)
    assert fields == {"begin_time": 1.0, "end_time": 2.0, "channel": 1.0}


def test_length_of_a_whole_recording_is_no_part(folder):
    (waveform,) = read_rows(folder, "file_name,duration,text", "call.wav,1.5,A")
    assert (open_split(folder).ids, len(waveform)) == (["call"], 6 * RATE)


@pytest.mark.parametrize(
    ("name", "values", "voices"),
    [
        ("channel", "01", VOICES),
        ("channel", "12", VOICES),
        ("channel", "AB", VOICES),  # google/speaker-id#40: Fisher's sides
        ("channel", "LR", VOICES),  # Azure-Samples/cognitive-services-speech-sdk#2158
        ("channel", ["left", "right"], VOICES),
        ("channel_selector", "11", [VOICES[1]] * 2),
        ("Channel", "01", VOICES),
        ("channel", ["ch1", "ch2"], VOICES),
        ("channel_selector", ["1", "average"], [VOICES[1], MEAN]),  # NeMo's, beside numbers and lists
        ("channel", ["phone", "radio"], [MEAN] * 2),
    ],
)
def test_channel_is_the_one_named(folder, name, values, voices):
    rows = [f"u{row},call.wav,{value},A" for row, value in enumerate(values)]
    for found in zip(read_rows(folder, f"id,file_name,{name},text", *rows), voices, strict=True):
        assert_is(*found)


def test_a_list_of_one_channel_is_that_channel(folder):
    rows = [{"audio_filepath": "call.wav", "text": "A", "channel_selector": [side]} for side in (0, 1)]
    write_table(
        folder / "manifest.json", "\n".join(json.dumps({**row, "id": str(n)}) for n, row in enumerate(rows))
    )
    for found in zip(read_all(folder).values(), VOICES, strict=True):
        assert_is(*found)


def test_names_of_columns_may_have_capitals(folder):
    write_table(folder / "metadata.csv", "ID,File_Name,Text,Speaker_ID\nu,call.wav,HELLO,ann\n")
    utterance = open_split(folder).utterance("u")
    assert (utterance.text, utterance.speaker_id, utterance.fields) == ("HELLO", "ann", None)


def test_channels_that_cancel_each_other_are_not_averaged(folder, capsys):
    soundfile.write(folder / "call.wav", np.stack([VOICES[0], -VOICES[0]], axis=1), RATE)
    first, second = read_rows(folder, "file_name,text", "call.wav,A", "call.flac,A")
    assert_is(first, VOICES[0])
    assert_is(second, MEAN)
    cancel, averaged = capsys.readouterr().err.splitlines()
    assert "cancel" in cancel and "averaged" in averaged


@pytest.mark.parametrize(
    ("table", "content", "more_texts"),
    [
        # jitsi/jiwer#37: equivalent spellings
        ("metadata.jsonl", '{"id": "u", "file_name": "call.wav", "text": ["ONE", "WON", null]}', ("WON",)),
        ("metadata.csv", "id,file_name,text,text_2\nu,call.wav,ONE,WON\n", ("WON",)),
        ("metadata.csv", "id,file_name,sentence_1,text_1,text_2\nu,call.wav,x,ONE,WON\n", ("WON",)),
        ("metadata.csv", "id,file_name,text\nu,call.wav,ONE\nu,call.wav,WON\n", ("WON",)),
        ("0.parquet", [{"id": "u", "audio": "call.wav", "text": ["ONE", "WON"]}], ("WON",)),
        # usnistgov/SCTK#47: "double reference text for id"
        ("text", "u ONE\nu WON\n", ("WON",)),
        # chuyq/MESC#7: one row twice is no second reference
        ("metadata.csv", "id,file_name,text\nu,call.wav,ONE\nu,call.wav,ONE\n", ()),
    ],
)
def test_several_references_belong_to_one_utterance(folder, table, content, more_texts):
    write_table(folder / table, content)
    if table == "text":
        write_table(folder / "wav.scp", "u call.wav\n")
    split = open_split(folder)
    utterance = split.utterance("u")
    assert (split.ids, utterance.text, utterance.more_texts) == (["u"], "ONE", more_texts)
    assert split.more_texts == ({"u": more_texts} if more_texts else {})


def test_nobody_is_nobody(folder):
    names = ("", "null", "NaN", "None", "Unknown", "N/A", "<NA>", "ann")
    rows = [f"u{row},call.wav,A,{name},{name}" for row, name in enumerate(names)]
    write_table(folder / "metadata.csv", "\n".join(["id,file_name,text,speaker,gender", *rows]))
    split = open_split(folder)
    utterances = [split.utterance(name) for name in split.ids]
    assert [utterance.speaker_id for utterance in utterances] == [""] * 7 + ["ann"]
    genders = [read_fields(utterance.fields, split.field_types)["gender"] for utterance in utterances]
    assert genders == [None] * 7 + ["ann"]


@pytest.mark.parametrize("text", ["", "   ", None])
def test_row_without_a_transcript_is_listed_as_having_none(folder, text):
    rows = [{"id": name, "file_name": "call.wav", "text": said} for name, said in (("u", text), ("v", "A"))]
    table = write_table(folder / "metadata.jsonl", rows)
    told = refusal_of(open_split(folder).utterance("u"))
    assert told == f"u: row 0 of {table} has no text; add it."


def test_what_is_not_to_be_scored_is_left_out_and_counted(folder, capsys):
    lines = ["call 1 s1 0 1 <o> HELLO", "call 1 inter_segment_gap 2 3 <o>"]
    lines.append("call 1 s2 1 2 <o> ignore_time_segment_in_scoring")
    write_table(folder / "own.stm", "\n".join(lines))
    assert open_split(folder).texts == ["HELLO"]
    assert "2 rows say ignore_time_segment_in_scoring; they are left out" in capsys.readouterr().err


@pytest.mark.slow
def test_the_model_makes_of_parts_what_it_makes_of_files_cut_by_hand(forked, tmp_path):
    """Two speak at once in a call of a minute."""
    spoken: dict[str, list] = {}
    for row in pyarrow.parquet.read_table(PACKAGE_FOLDER / "corpus/bundled/test.parquet").to_pylist():
        samples, _ = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        if len(samples) < 9 * RATE:
            spoken.setdefault(row["speaker_id"], []).append((samples, row["text"]))
    voices = [utterances for utterances in spoken.values() if len(utterances) >= 4][:2]
    samples = np.zeros((60 * RATE, 2), np.int16)
    parts, cut = [], []
    for channel, number in product(range(2), range(4)):
        (said, text), start = voices[channel][number], 15 * number + 1 + channel
        samples[start * RATE : start * RATE + len(said), channel] = said
        parts.append((f"{number}-{channel}", channel, start, start + len(said) / RATE, text))
        cut.append({"file_name": f"cut-{number}-{channel}.wav", "text": text})
        (tmp_path / "cut").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "cut" / cut[-1]["file_name"], said, RATE)
    write_table(tmp_path / "cut/metadata.csv", cut)
    for form in FORMS:
        write_call(tmp_path / form, form, parts)
        soundfile.write(tmp_path / form / "call.wav", samples, RATE)
    options = ["--source", "files", "--root", tmp_path, "--split", ",".join((*FORMS, "cut"))]
    run = forked.run("evaluate", *options, "--out", tmp_path / "out")
    assert run.code == 0, run.log[-2000:]
    results = pd.read_parquet(tmp_path / "out/results.parquet")
    counts = ["word_hits", "word_substitutions", "word_deletions", "word_insertions"]
    by_form = {
        form: sorted(map(tuple, rows[["reference", "hypothesis", *counts]].to_numpy().tolist()))
        for form, rows in results.groupby("subset")
    }
    assert len(by_form["cut"]) == 8 and sum(row[2] for row in by_form["cut"]) > 8
    assert by_form == dict.fromkeys((*FORMS, "cut"), by_form["cut"])
