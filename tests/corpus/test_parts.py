"""Parts, channels and several references of recordings, in every form of table."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.audio.reading import measure_length, read_content, read_waveform
from librispeech_clf.corpus import columns
from librispeech_clf.corpus.schema import read_fields
from tests.helpers.own_corpora import open_split

RATE = 16000
VOICES = [np.random.default_rng(seed).normal(0, 0.1, 6 * RATE).astype(np.float32) for seed in range(2)]
"""What two people say in a call of 6 s."""


@pytest.fixture(autouse=True)
def forget_lines():
    """Lines that are printed once are printed once a test."""
    columns.tell.cache_clear()


@pytest.fixture
def folder(tmp_path):
    """A folder with a call of two channels, in WAV, FLAC and Ogg."""
    (tmp_path / "own").mkdir()
    for ending in ("wav", "flac", "ogg"):
        soundfile.write(tmp_path / "own" / f"call.{ending}", np.stack(VOICES, axis=1), RATE)
    return tmp_path / "own"


def read_all(folder):
    split = open_split(folder)
    return {name: read_waveform(split.utterance(name), sampling_rate=RATE) for name in split.ids}


def assert_is(waveform, voice, start, end, tolerance=1e-4):
    np.testing.assert_allclose(waveform, voice[round(start * RATE) : round(end * RATE)], atol=tolerance)


def write_kaldi(folder, **tables):
    (folder / "wav.scp").write_text("rec-A call.wav\nrec-B call.wav\n")
    (folder / "reco2file_and_channel").write_text("rec-A call A\nrec-B call B\n")
    for name, content in tables.items():
        (folder / name).write_text(content)


def write_call(folder, form):
    """The call as four utterances: each of two people says something from 0 to 2 and from 2.5 to 6 s."""
    rows = [(start, end, channel) for channel in (0, 1) for start, end in ((0.0, 2.0), (2.5, 6.0))]
    if form == "csv":
        lines = [f"call.wav,{start},{end},{channel},A" for start, end, channel in rows]
        (folder / "metadata.csv").write_text("\n".join(["file_name,start,end,channel,text", *lines]))
    elif form == "nemo":
        lines = [
            {
                "audio_filepath": "call.wav",
                "offset": a,
                "duration": b - a,
                "channel_selector": channel,
                "text": "A",
            }
            for a, b, channel in rows
        ]
        (folder / "manifest.json").write_text("\n".join(map(json.dumps, lines)))
    elif form == "kaldi":
        segments = [
            f"{'AB'[channel]}-{start} rec-{'AB'[channel]} {start} {end}" for start, end, channel in rows
        ]
        texts = [f"{segment.split()[0]} HELLO" for segment in segments]
        write_kaldi(folder, segments="\n".join(segments), text="\n".join(texts))
    else:
        lines = [
            f"call {'AB'[channel]} s{channel} {start} {end} <o,f0> HELLO" for start, end, channel in rows
        ]
        (folder / "own.stm").write_text("\n".join([";; comment", *lines]))


@pytest.mark.parametrize("form", ["csv", "nemo", "kaldi", "stm"])
def test_call_is_read_by_channel_and_part(folder, form):
    write_call(folder, form)
    waveforms = list(read_all(folder).values())
    expected = [(voice, start, end) for voice in VOICES for start, end in ((0.0, 2.0), (2.5, 6.0))]
    assert len(waveforms) == 4
    for waveform, part in zip(waveforms, expected, strict=True):
        assert_is(waveform, *part)


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
        ("offset,duration,sampling_rate", "2.5,1.25,16000", 2.5, 3.75),  # NVIDIA-NeMo/Speech#10060
    ],
)
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_part_of_a_recording_is_read(folder, header, row, start, end, ending):
    (folder / "metadata.csv").write_text(f"file_name,channel,text,{header}\ncall.{ending},1,A,{row}\n")
    ((name, waveform),) = read_all(folder).items()
    voice = VOICES[1] if ending != "ogg" else soundfile.read(folder / "call.ogg")[0][:, 1]
    assert_is(waveform, voice, start, end)
    assert name.startswith(f"call-{start:.2f}")
    utterance = open_split(folder).utterance(name)
    assert measure_length(utterance) == end - start
    held, _ = soundfile.read(io.BytesIO(read_content(utterance)))
    assert_is(held, voice, start, end)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,1", "starts at 2 s and ends at 1 s"),
        ("-1,1", "starts at -1 s"),
        ("soon,1", "no time in its column start"),
        ("7,8", "the part from 7 to 8 s of a recording of 6.00 s"),
        ("5,9", "the part from 5 to 9 s of a recording of 6.00 s"),
    ],
)
def test_impossible_part_costs_its_utterance_only(folder, row, reason):
    (folder / "metadata.csv").write_text(f"file_name,start,end,text\ncall.wav,0,1,A\ncall.wav,{row},B\n")
    split = open_split(folder)
    read_waveform(split.utterance(split.ids[0]), sampling_rate=RATE)
    with pytest.raises(ValueError, match=reason):
        read_waveform(split.utterance(split.ids[1]), sampling_rate=RATE)


def test_times_of_files_that_are_cut_already_are_not_read(folder, capsys):
    (folder / "metadata.csv").write_text(
        "file_name,begin_time,end_time,text\ncall.wav,501,507,A\ncall.flac,0,6,B\n"
    )
    assert {len(waveform) for waveform in read_all(folder).values()} == {6 * RATE}
    assert "its files were cut from; files are read whole" in capsys.readouterr().err


def test_times_beside_encoded_audio_are_not_read(folder):
    audio = [{"bytes": (folder / "call.wav").read_bytes(), "path": "x.wav"}]
    table = {"audio": audio, "text": ["A"], "begin_time": [1.0], "end_time": [2.0], "channel": [1]}
    pa.parquet.write_table(pa.table(table), folder / "0.parquet")
    (waveform,) = read_all(folder).values()
    assert_is(waveform, (VOICES[0] + VOICES[1]) / 2, 0, 6)
    split = open_split(folder)
    fields = read_fields(split.utterance(split.ids[0]).fields, split.field_types)
    assert fields == {"begin_time": 1.0, "end_time": 2.0, "channel": 1.0}


def test_length_of_a_whole_recording_is_no_part(folder):
    (folder / "metadata.csv").write_text("file_name,duration,text\ncall.wav,1.5,A\n")
    ((name, waveform),) = read_all(folder).items()
    assert (name, len(waveform)) == ("call", 6 * RATE)


@pytest.mark.parametrize(
    ("name", "values", "voices"),
    [
        ("channel", "01", (0, 1)),
        ("channel", "12", (0, 1)),
        ("channel", "AB", (0, 1)),  # google/speaker-id#40: Fisher's sides
        ("channel", "LR", (0, 1)),  # Azure-Samples/cognitive-services-speech-sdk#2158
        ("channel", ["left", "right"], (0, 1)),
        ("channel_selector", "11", (1, 1)),
        ("channel", ["phone", "radio"], None),
    ],
)
def test_channel_is_the_one_named(folder, name, values, voices):
    lines = [f"u{row},call.wav,{value},A" for row, value in enumerate(values)]
    (folder / "metadata.csv").write_text("\n".join([f"id,file_name,{name},text", *lines]))
    waveforms = list(read_all(folder).values())
    for row, waveform in enumerate(waveforms):
        assert_is(waveform, (VOICES[0] + VOICES[1]) / 2 if voices is None else VOICES[voices[row]], 0, 6)


def test_channel_that_a_recording_lacks_costs_its_utterance(folder):
    soundfile.write(folder / "mono.wav", VOICES[0], RATE)
    (folder / "metadata.csv").write_text("file_name,channel,text\nmono.wav,1,A\nmono.wav,0,A\n")
    split = open_split(folder)
    with pytest.raises(ValueError, match="mono-1: .*names channel 1 .*the recording has 1"):
        read_waveform(split.utterance("mono-1"), sampling_rate=RATE)


def test_channels_that_cancel_each_other_are_not_averaged(folder, capsys):
    soundfile.write(folder / "call.wav", np.stack([VOICES[0], -VOICES[0]], axis=1), RATE)
    (folder / "metadata.csv").write_text("file_name,text\ncall.wav,A\ncall.flac,A\n")
    first, second = read_all(folder).values()
    assert_is(first, VOICES[0], 0, 6)
    assert_is(second, (VOICES[0] + VOICES[1]) / 2, 0, 6)
    lines = capsys.readouterr().err.splitlines()
    assert [word for line in lines for word in ("cancel", "averaged") if word in line] == [
        "cancel",
        "averaged",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.jsonl", '{"id": "u", "file_name": "call.wav", "text": ["ONE", "WON", null]}'),
        ("metadata.csv", "id,file_name,text,text_2\nu,call.wav,ONE,WON\n"),
        ("metadata.csv", "id,file_name,sentence_1,text_1,text_2\nu,call.wav,x,ONE,WON\n"),
        ("metadata.csv", "id,file_name,text\nu,call.wav,ONE\nu,call.wav,WON\n"),
        ("0.parquet", [{"id": "u", "audio": "call.wav", "text": ["ONE", "WON"]}]),
    ],
)
def test_several_references_belong_to_one_utterance(folder, name, content):
    if name.endswith("parquet"):
        pa.parquet.write_table(pa.Table.from_pylist(content), folder / name)
    else:
        (folder / name).write_text(content)
    split = open_split(folder)
    utterance = split.utterance("u")
    assert (split.ids, utterance.text, utterance.more_texts) == (["u"], "ONE", ("WON",))


def test_nobody_is_nobody(folder):
    nothing = ("", "null", "NaN", "None", "Unknown", "N/A", "<NA>")
    lines = [f"u{row},call.wav,A,{value},{value}" for row, value in enumerate([*nothing, "ann"])]
    (folder / "metadata.csv").write_text("\n".join(["id,file_name,text,speaker,gender", *lines]))
    split = open_split(folder)
    assert [split.utterance(name).speaker_id for name in split.ids] == [""] * len(nothing) + ["ann"]
    genders = [read_fields(split.utterance(name).fields, split.field_types)["gender"] for name in split.ids]
    assert genders == [None] * len(nothing) + ["ann"]


@pytest.mark.parametrize("text", ["", "   ", None])
def test_row_without_a_transcript_is_listed_as_having_none(folder, text):
    rows = [
        {"id": "u", "file_name": "call.wav", "text": text},
        {"id": "v", "file_name": "call.wav", "text": "A"},
    ]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="u: row 0 of .* has no text; give it one"):
        read_waveform(open_split(folder).utterance("u"), sampling_rate=RATE)


def test_what_is_not_to_be_scored_is_left_out_and_counted(folder, capsys):
    lines = ["call 1 s1 0 1 <o> HELLO", "call 1 inter_segment_gap 2 3 <o>"]
    lines.append("call 1 s2 1 2 <o> ignore_time_segment_in_scoring")
    (folder / "own.stm").write_text("\n".join(lines))
    assert open_split(folder).texts == ["HELLO"]
    assert "2 rows say ignore_time_segment_in_scoring; they are left out" in capsys.readouterr().err
