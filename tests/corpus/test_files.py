"""Own corpora: which columns are needed, and what is said when they are missing."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus import columns, files
from librispeech_clf.corpus.schema import UNKNOWN, Utterance
from tests.helpers.own_corpora import open_split, write_folder


def test_only_audio_and_text_are_needed(tmp_path, make_parquet, make_rows):
    rows = [{"audio": row["audio"], "text": row["text"]} for row in make_rows()]
    make_parquet(tmp_path / "own.parquet", rows)
    first = files.open_subset(tmp_path, "own")[0]
    assert (first["id"], first["speaker_id"], first["chapter_id"]) == ("12-340-0000", UNKNOWN, UNKNOWN)


def test_ids_of_digits_and_texts_like_null_stay_text(tmp_path):
    (tmp_path / "own").mkdir()
    for name in ("0001.wav", "0002.wav"):
        (tmp_path / "own" / name).write_bytes(b"")
    (tmp_path / "own" / "metadata.csv").write_text(
        'file_name,text,id\n0001.wav,NULL,001\n0002.wav,"A, B",002\n'
    )
    dataset = files.open_subset(tmp_path, "own")
    assert (dataset["id"][:], dataset["text"][:]) == (["001", "002"], ["NULL", "A, B"])


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        (pa.array([b"RIFF"]), {"bytes": b"RIFF", "path": None}),
        (pa.array([{"path": "x.wav", "bytes": b"RIFF"}]), {"bytes": b"RIFF", "path": "x.wav"}),
        (pa.array([b"RIFF"], pa.large_binary()), {"bytes": b"RIFF", "path": None}),
        (pa.array([{"path": "/far/x.wav", "bytes": b"RIFF"}]), {"bytes": b"RIFF", "path": "/far/x.wav"}),
        (pa.array(["x.wav"], pa.large_string()), {"bytes": None, "path": "{folder}/x.wav"}),
        (pa.array([{"path": "x.wav"}]), {"bytes": None, "path": "{folder}/x.wav"}),
    ],
)
def test_forms_of_the_audio_column(tmp_path, audio, expected):
    table = pa.table({"id": ["a"], "text": ["A"], "audio": audio})
    pa.parquet.write_table(table, tmp_path / "own.parquet")
    (tmp_path / "x.wav").write_bytes(b"")
    if expected["path"]:
        expected = {**expected, "path": expected["path"].format(folder=tmp_path)}
    assert files.open_subset(tmp_path, "own")[0]["audio"] == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["A"], "id": ["a"]}, "no column audio or file_name; its columns are text, id"),
        ({"audio": [1.5], "text": ["A"], "id": ["a"]}, "audio: expected binary, got double"),
    ],
)
def test_column_that_does_not_fit_is_named(tmp_path, columns, message):
    pa.parquet.write_table(pa.table(columns), tmp_path / "own.parquet")
    with pytest.raises(ValueError, match=f"own.parquet: {message}"):
        files.open_subset(tmp_path, "own")


def refusal_of(utterance):
    """Why an utterance's audio is not read."""
    with pytest.raises((OSError, ValueError)) as caught:
        read_waveform(utterance, sampling_rate=16000)
    return str(caught.value)


def test_row_without_text_fails_alone_and_is_counted_in_the_whole_file(tmp_path):
    texts = ["A"] * 150
    texts[140] = None
    table = pa.table({"audio": [b"x"] * 150, "text": texts, "id": [str(row) for row in range(150)]})
    pa.parquet.write_table(table, tmp_path / "own.parquet", row_group_size=100)
    split = open_split(tmp_path / "own")
    assert [row for row, problem in enumerate(split.dataset["problem"][:]) if problem] == [140]
    message = refusal_of(split.utterance("140"))
    assert message == f"140: row 140 of {tmp_path / 'own.parquet'} has no text; give it one."


@pytest.mark.parametrize(
    "audio",
    [
        pa.array([b"x", None]),
        pa.array([{"bytes": b"x", "path": "a"}, {"bytes": None, "path": None}]),
        pa.array([{"bytes": b"x", "path": "a"}, None]),
        pa.array([{"bytes": b"x", "path": "a"}, {"bytes": None, "path": ""}]),
    ],
)
def test_row_without_audio_fails_alone(tmp_path, audio):
    pa.parquet.write_table(
        pa.table({"audio": audio, "text": ["A"] * 2, "id": ["a", "b"]}), tmp_path / "own.parquet"
    )
    split = open_split(tmp_path / "own")
    assert split.ids == ["a", "b"] and split.utterance("a").audio_bytes == b"x"
    assert refusal_of(split.utterance("b")) == "b: has neither audio bytes nor an audio path; give it one."


def test_rows_without_names_are_called_by_table_and_row(tmp_path):
    for number in range(2):
        table = pa.table(
            {"audio": [b"x"] * 2, "text": ["A"] * 2, "id": ["a", None] if number else [None, ""]}
        )
        (tmp_path / "own").mkdir(exist_ok=True)
        pa.parquet.write_table(table, tmp_path / "own" / f"test-{number}.parquet")
    assert files.open_subset(tmp_path, "own")["id"][:] == ["test-0-0", "test-0-1", "a", "test-1-1"]


def test_changed_parquet_is_noticed(tmp_path, make_parquet, make_rows):
    make_parquet(tmp_path / "own.parquet")
    assert len(files.open_subset(tmp_path, "own")) == 4
    make_parquet(tmp_path / "own.parquet", make_rows()[:2])
    assert len(files.open_subset(tmp_path, "own")) == 2


def test_indexes_of_two_files_in_a_folder_do_not_disturb_each_other(tmp_path, make_parquet, make_rows, cache):
    make_parquet(tmp_path / "one.parquet")
    make_parquet(tmp_path / "two.parquet", make_rows()[:2])
    assert [len(files.open_subset(tmp_path, name)) for name in ("one", "two", "one")] == [4, 2, 4]
    assert len(list(cache.glob("*.arrow"))) == 2


def test_several_parquet_files_are_read_in_order(tmp_path, make_parquet, make_rows):
    make_parquet(tmp_path / "own" / "0001.parquet", make_rows()[2:])
    make_parquet(tmp_path / "own" / "0000.parquet", make_rows()[:2])
    assert files.open_subset(tmp_path, "own")["id"][:] == [row["id"] for row in make_rows()]


def test_empty_parquet_has_no_rows(tmp_path):
    table = pa.table({"audio": pa.array([], pa.binary()), "text": pa.array([], pa.string())})
    pa.parquet.write_table(table, tmp_path / "own.parquet")
    assert len(files.open_subset(tmp_path, "own")) == 0


def test_recording_that_is_not_there_is_named(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "metadata.csv").write_text("file_name,text\nmissing.wav,A\n")
    with pytest.raises(FileNotFoundError, match="missing.wav: .*metadata.csv lists it"):
        files.open_subset(tmp_path, "own")


def test_one_recording_of_several_that_is_not_there_costs_the_others_nothing(tmp_path):
    write_folder(tmp_path / "own", "file_name,text\na.wav,A\nmissing.wav,B\n", recordings=("a.wav",))
    dataset = files.open_subset(tmp_path, "own")
    assert dataset["id"][:] == ["a", "missing"]
    missing = Utterance("missing", "B", UNKNOWN, UNKNOWN, None, dataset[1]["audio"]["path"])
    with pytest.raises(FileNotFoundError, match="missing.wav: the audio of missing is not there; restore it"):
        read_waveform(missing, sampling_rate=16000)


def test_common_voice_is_read_as_it_unpacks(tmp_path):
    header = "client_id\tpath\tsentence\tup_votes\taccents"
    for state, name in (("train", "cv_1.mp3"), ("test", "cv_2.mp3")):
        write_folder(
            tmp_path, f'{header}\nab12\t{name}\tHi "there".\t2\t\n', name=f"{state}.tsv", recordings=()
        )
    write_folder(tmp_path / "clips", "", name="cv_1.mp3", recordings=("cv_2.mp3",))
    for state, number in (("train", 1), ("test", 2), ("train", 1)):
        (row,) = files.open_subset(tmp_path, state)
        assert (row["id"], row["speaker_id"], row["text"]) == (f"cv_{number}", "ab12", 'Hi "there".')
        assert row["audio"]["path"] == str(tmp_path / "clips" / f"cv_{number}.mp3")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
def test_table_beside_the_subsets_folder_is_read(tmp_path, ending):
    line = '{"file_name": "own/a.wav", "text": "A"}' if "json" in ending else "file_name,text\nown/a.wav,A"
    write_folder(tmp_path, line, name=f"own.{ending}", recordings=("own/a.wav",))
    (row,) = files.open_subset(tmp_path, "own")
    assert (row["id"], row["audio"]["path"]) == ("own/a", str(tmp_path / "own/a.wav"))


def test_subset_that_is_not_there_names_the_forms_and_those_that_are(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"subset own is not there; expected own.parquet, own/\*.parquet.*wav.scp.$"
    ):
        files.open_subset(tmp_path, "own")
    write_folder(tmp_path, "", name="calls.csv", recordings=())
    for name in ("train-0.parquet", "test-0.parquet", "kept/metadata.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="there are calls, kept, test-0, train-0, see --split"):
        files.open_subset(tmp_path, "own")


def test_recordings_in_the_subsets_folder_are_found_from_the_table_beside_it(tmp_path):
    write_folder(tmp_path, "file_name,text\na.wav,A", name="own.csv", recordings=("own/a.wav",))
    (row,) = files.open_subset(tmp_path, "own")
    assert row["audio"]["path"] == str(tmp_path / "own/a.wav")


@pytest.mark.parametrize("ending", ["", ".wav", ".flac"])
def test_ljspeech_has_no_header(tmp_path, ending):
    given = "LJ-1.wav" if not ending else "LJ-1"
    write_folder(
        tmp_path / "own", f'{given}|It cost $2|It "cost two\n\n', recordings=(f"wavs/{given}{ending}",)
    )
    (row,) = files.open_subset(tmp_path, "own")
    assert (row["id"], row["text"]) == (given, 'It "cost two')
    assert row["audio"]["path"] == str(tmp_path / f"own/wavs/{given}{ending}")


def test_ids_of_sentences_give_way_to_paths(tmp_path, capsys):
    content = "id,file_name,text\n1,a.wav,A\n1,b.wav,A\n2,c.wav,C\n"  # FLEURS: an id a sentence
    write_folder(tmp_path / "own", content, recordings=("a.wav", "b.wav", "c.wav"))
    assert files.open_subset(tmp_path, "own")["id"][:] == ["a", "b", "c"]
    assert (
        "its ids name more than one recording each; the recordings' paths are taken"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "audio", [{"path": "a.wav"}, {"path": "a.wav", "bytes": None, "sampling_rate": 16000}]
)
def test_audio_object_of_datasets_in_json_lines(tmp_path, audio):
    line = json.dumps({"id": "u", "audio": audio, "text": "A"})
    write_folder(tmp_path / "own", line, name="metadata.jsonl")
    assert files.open_subset(tmp_path, "own")[0]["audio"]["path"] == str(tmp_path / "own" / "a.wav")


@pytest.mark.parametrize("second", ["metadata.jsonl", "0.parquet", "call.stm", "wav.scp", "../own.tsv"])
def test_two_tables_of_a_subset_are_refused_by_name(tmp_path, second):
    write_folder(tmp_path / "own", "file_name,text\na.wav,A\n")
    (tmp_path / "own" / second).write_bytes(b"")
    with pytest.raises(
        ValueError, match=f"{second.removeprefix('../')}.*the same subset own; remove one of them"
    ):
        files.open_subset(tmp_path, "own")


@pytest.mark.parametrize(
    "names", [("0012", "12"), ("p225", "p226"), ("2021-03-04", "1e5"), ("9" * 23, "9" * 22 + "8")]
)
def test_speakers_stay_as_written(tmp_path, names):
    rows = [f"a.wav,HI,{names[0]}", f"b.wav,HO,{names[1]}"]
    write_folder(tmp_path / "own", "\n".join(["file_name,text,speaker_id", *rows]))
    assert files.open_subset(tmp_path, "own")["speaker_id"][:] == list(names)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pa.array([7, None]), ["7", UNKNOWN]),
        (pa.array([7.0, float("nan")]), ["7", UNKNOWN]),
        (pa.array(["", "7"]), [UNKNOWN, "7"]),
        (pa.array([2**62, 1]), [str(2**62), "1"]),
    ],
)
def test_speakers_of_other_types_become_text(tmp_path, values, names):
    table = pa.table({"id": ["a", "b"], "audio": [b"x"] * 2, "text": ["A"] * 2, "speaker": values})
    pa.parquet.write_table(table, tmp_path / "own.parquet")
    assert files.open_subset(tmp_path, "own")["speaker_id"][:] == names


@pytest.mark.parametrize(
    ("recordings", "ids"),
    [
        (("s1/001.wav", "s2/001.wav", "s2/0.1.wav"), ["s1/001", "s2/001", "s2/0.1"]),
        (("a.wav", "a.flac", "b.wav"), ["a.wav", "a.flac", "b"]),
    ],
)
def test_ids_are_the_paths_without_endings_where_these_tell_nothing(tmp_path, recordings, ids):
    lines = "".join(f"{name},A\n" for name in recordings)
    write_folder(tmp_path / "own", f"file_name,text\n{lines}", recordings=recordings)
    assert files.open_subset(tmp_path, "own")["id"][:] == ids


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.jsonl", '{"file_name": "a.wav", "text": "2021-03-04", "id": 7, "duration": 1.50}\n'),
        (
            "manifest.json",
            '{"audio_filepath": "a.wav", "duration": 1.5, "text": "2021-03-04", "utt_id": "7"}\n',
        ),
        ("metadata.tsv", "path\tsentence\tclient_id\tid\na.wav\t2021-03-04\tx\t7\n"),
        ("metadata.csv", "file_name,transcription,id\na.wav,2021-03-04,7\n".encode("utf-16")),
        ("metadata.csv", b'\xef\xbb\xbffile,transcript,utterance_id\r\n"a.wav","2021-03-04",7\r\n\r\n'),
        ("metadata.csv", "file_name , text, id\na.wav , 2021-03-04 ,7\n"),
        ("metadata.csv", '"sep=;"\nfile_name;text;id\na.wav;2021-03-04;7\n'),
        ("metadata.csv", "SEP=,\r\nfile_name,text,id\r\na.wav,2021-03-04,7\r\n"),
        ("metadata.tsv", '"file_name"\t"text"\t"id"\n"a.wav"\t"2021-03-04"\t"7"\n'),
        ("metadata.tsv", 'file_name\ttext\tid\n"a.wav"\t"2021-03-04"\t"7"\n'),
    ],
)
def test_tables_of_other_makers_are_read_as_text(tmp_path, name, content):
    write_folder(tmp_path / "own", content, name=name)
    row = files.open_subset(tmp_path, "own")[0]
    assert (row["id"], row["text"], row["audio"]["path"]) == (
        "7",
        "2021-03-04",
        str(tmp_path / "own" / "a.wav"),
    )


def test_what_was_taken_for_what_is_printed_once(tmp_path, capsys):
    columns.tell.cache_clear()
    write_folder(tmp_path / "own", "path,sentence\na.wav,A\nb.wav,B\n")
    files.open_subset(tmp_path, "own")
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "Column path is taken for audio.", "Column sentence is taken for text."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "metadata.csv",
            "file_name,text\na.wav,café\n".encode("latin-1"),
            "metadata.csv:2: is not UTF-8; save",
        ),
        ("metadata.csv", "", "metadata.csv: is empty; a header"),
        (
            "metadata.csv",
            "file_name,text\na.wav,A, B\n",
            "metadata.csv:2: has 3 fields, the header 2; put texts",
        ),
        ("metadata.csv", "file_name,text\na.wav\n", "metadata.csv:2: has 1 fields"),
        ("metadata.jsonl", '\n{"text": \n', "metadata.jsonl:2: is no JSON object"),
        ("metadata.jsonl", "[1]\n", "metadata.jsonl:1: expected a JSON object"),
        (
            "metadata.csv",
            "file_name;text\na.wav;A\n",
            "a single column, 'file_name;text'; .*by commas, not by ';'",
        ),
        (
            "metadata.tsv",
            "path,sentence\na.wav,A\n",
            "a single column, 'path,sentence'; .*by tabs, not by ','",
        ),
        ("metadata.parquet", b"junk", "metadata.parquet: cannot be read as parquet"),
        ("0.parquet", b"version https://git-lfs.github.com/spec/v1\n", "0.parquet: .*git lfs pull"),
        ("0.parquet", b"", "0.parquet: cannot be read as parquet"),
    ],
)
def test_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    write_folder(tmp_path / "own", content, name=name)
    with pytest.raises(ValueError, match=message):
        files.open_subset(tmp_path, "own")


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        (
            "metadata.csv",
            ["file_name,text", "a.wav,A, B", "b.wav,C"],
            "metadata.csv:2: has 3 fields, the header 2",
        ),
        (
            "metadata.csv",
            ["file_name,text", "a.wav", "b.wav,C"],
            "metadata.csv:2: has 1 fields, the header 2",
        ),
        (
            "metadata.tsv",
            ["file_name\ttext", 'a.wav\t"A\tB"', "b.wav\tC"],
            "metadata.tsv:2: has 3 fields, the header 2; write no tab",
        ),
        (
            "metadata.jsonl",
            ['{"file_name": "a.wav', '{"file_name": "b.wav", "text": "C"}'],
            ":1: is no JSON object",
        ),
        ("metadata.jsonl", ["[1]", '{"file_name": "b.wav", "text": "C"}'], ":1: expected a JSON object"),
        ("metadata.jsonl", ["[" * 5000, '{"file_name": "b.wav", "text": "C"}'], ":1: is no JSON object"),
    ],
)
def test_row_that_does_not_fit_costs_itself_only(tmp_path, name, lines, reason):
    write_folder(tmp_path / "own", "\n".join(lines), name=name)
    split = open_split(tmp_path / "own")
    assert split.texts[1] == "C" and split.utterance(split.ids[1]).problem is None
    assert split.ids == ["a" if name.endswith("sv") else "metadata-0", "b"]
    assert reason in refusal_of(split.utterance(split.ids[0]))
    assert split.field_types == {}


def test_decoded_arrays_are_refused_with_the_remedy(tmp_path):
    audio = pa.array([{"path": "a", "array": [0.1], "sampling_rate": 16000}])
    pa.parquet.write_table(pa.table({"audio": audio, "text": ["A"]}), tmp_path / "own.parquet")
    with pytest.raises(ValueError, match=r"own.parquet: audio: holds decoded samples \(array.*decode=False"):
        files.open_subset(tmp_path, "own")


def test_columns_of_unusual_names_are_set(tmp_path):
    table = {"text": ["wrong"], "said": ["A"], "clip": [b"x"], "who": ["ada"], "id": ["a"]}
    pa.parquet.write_table(pa.table(table), tmp_path / "own.parquet")
    chosen = {"text": "said", "audio": "clip", "speaker_id": "who"}
    row = files.open_subset(tmp_path, "own", columns=chosen)[0]
    assert (row["text"], row["audio"]["bytes"], row["speaker_id"], row["id"]) == ("A", b"x", "ada", "a")
    with pytest.raises(
        ValueError, match="own.parquet: no column said2, which corpus.columns names; its columns"
    ):
        files.open_subset(tmp_path, "own", columns={"text": "said2"})


def test_columns_are_configured():
    columns_of = lambda text: load_configuration(environment={"LIBRISPEECH_COLUMNS": text}).corpus.columns  # noqa: E731
    assert columns_of("text=said, audio=clip") == {"text": "said", "audio": "clip"}
    with pytest.raises(ValueError, match="corpus.columns: unknown texts; known: text, audio, id"):
        columns_of("texts=said")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "metadata.csv",
            'file_name,text\na.wav,"ONE\nb.wav,TWO\n',
            r"metadata.csv:3: is no row .*close the quotation",
        ),
        (
            "metadata.csv",
            "file_name,text\na.wav," + "A" * 200_000,
            r"metadata.csv:2: is no row of a table .field larger",
        ),
        (
            "metadata.csv",
            "file_name,text,text\na.wav,A,B\n",
            "the column text occurs more than once; keep one",
        ),
        ("metadata.jsonl", "\n", "metadata.jsonl: is empty; a JSON object"),
        (
            "metadata.jsonl",
            '{"file_name": "a.wav", "text": "\\ud800"}',
            "jsonl:1: holds half of a surrogate pair",
        ),
    ],
)
def test_tables_whose_rows_are_not_clear_are_refused_by_line(tmp_path, name, content, message):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        files.open_subset(tmp_path, "own")
