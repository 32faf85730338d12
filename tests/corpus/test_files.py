"""Own corpora: which columns are needed, how they are read, and what is said when they do not fit."""

import pyarrow as pa
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import UNKNOWN
from tests.helpers.own_corpora import IDS, corpus_rows, open_split, refusal_of, write_table

HEADER = "file_name,text\n"
LONG = "9" * 22


def two(**columns):
    """The columns of a table of two rows."""
    return {"id": ["a", "b"], "audio": [b"x"] * 2, "text": ["A"] * 2} | columns


def test_only_audio_and_text_are_needed(tmp_path):
    rows = [{"audio": row["audio"], "text": row["text"]} for row in corpus_rows()]
    write_table(tmp_path / "own.parquet", rows)
    first = files.open_subset(tmp_path, "own")[0]
    assert (first["id"], first["speaker_id"], first["chapter_id"]) == ("12-340-0000", UNKNOWN, UNKNOWN)


CSV, TSV, JSONL = "own/metadata.csv", "own/metadata.tsv", "own/metadata.jsonl"
PARQUET = "own/0.parquet"
BESIDE = ("own/a", "A", "own/a.wav")
CLIP = ("a", "A", "clips/a.wav")
OWN_CLIP = ("clips/a", "A", "own/clips/a.wav")
INSIDE = ("a", "A", "own/a.wav")
LJ = ("LJ-1", 'It "cost two')
DATED = ("7", "2021-03-04", "own/a.wav")


@pytest.mark.parametrize(
    ("table", "content", "row"),
    [
        ("own.csv", f"{HEADER}own/a.wav,A", BESIDE),
        ("own.csv", f"{HEADER}a.wav,A", BESIDE),  # csikasote/BembaSpeech#2
        ("own.jsonl", '{"file_name": "own/a.wav", "text": "A"}', BESIDE),
        ("own.json", '{"file_name": "own/a.wav", "text": "A"}', BESIDE),
        ("own.tsv", "path\tsentence\nclips/a.wav\tA\n", CLIP),  # mozilla/DeepSpeech#2646
        ("own.tsv", "path\tsentence\na.wav\tA\n", CLIP),  # common-voice/common-voice#2075
        (CSV, "file_name, text\nclips/a.wav, A\n", OWN_CLIP),  # label-sleuth/label-sleuth#315
        (CSV, "text,file_name\nA, clips/a.wav \n", OWN_CLIP),  # fastai/fastai#937
        # Audio objects of the datasets library
        (JSONL, '{"audio": {"path": "a.wav"}, "text": "A"}', INSIDE),
        (JSONL, '{"audio": {"path": "a.wav", "bytes": null, "sampling_rate": 16000}, "text": "A"}', INSIDE),
        # LJSpeech has no header
        (CSV, 'LJ-1.wav|It cost $2|It "cost two\n\n', ("LJ-1.wav", LJ[1], "own/wavs/LJ-1.wav")),
        (CSV, 'LJ-1|It cost $2|It "cost two\n\n', (*LJ, "own/wavs/LJ-1.wav")),
        (CSV, 'LJ-1|It cost $2|It "cost two\n\n', (*LJ, "own/wavs/LJ-1.flac")),
        # Every value is text as it is written
        (JSONL, '{"file_name": "a.wav", "text": "2021-03-04", "id": 7, "duration": 1.50}\n', DATED),
        ("own/manifest.json", '{"audio_filepath": "a.wav", "text": "2021-03-04", "utt_id": "7"}\n', DATED),
        (TSV, "path\tsentence\tclient_id\tid\na.wav\t2021-03-04\tx\t7\n", DATED),
        (CSV, "file_name,transcription,id\na.wav,2021-03-04,7\n".encode("utf-16"), DATED),
        (CSV, b'\xef\xbb\xbffile,transcript,utterance_id\r\n"a.wav","2021-03-04",7\r\n\r\n', DATED),
        (CSV, "file_name , text, id\na.wav , 2021-03-04 ,7\n", DATED),
        (CSV, '"sep=;"\nfile_name;text;id\na.wav;2021-03-04;7\n', DATED),
        (CSV, "SEP=,\r\nfile_name,text,id\r\na.wav,2021-03-04,7\r\n", DATED),
        (TSV, '"file_name"\t"text"\t"id"\n"a.wav"\t"2021-03-04"\t"7"\n', DATED),
        (TSV, 'file_name\ttext\tid\n"a.wav"\t"2021-03-04"\t"7"\n', DATED),
    ],
)
def test_tables_of_many_makers_are_read_as_text(tmp_path, table, content, row):
    write_table(tmp_path / row[2], "")
    write_table(tmp_path / table, content)
    (found,) = files.open_subset(tmp_path, "own")
    assert (found["id"], found["text"], found["audio"]["path"]) == (*row[:2], str(tmp_path / row[2]))


@pytest.mark.parametrize(
    ("content", "column", "values"),
    [
        (f'id,{HEADER}001,a.wav,NULL\n002,b.wav,"A, B"\n', "id", ["001", "002"]),
        (f'id,{HEADER}001,a.wav,NULL\n002,b.wav,"A, B"\n', "text", ["NULL", "A, B"]),
        (f"{HEADER}s1/001.wav,A\ns2/001.wav,A\ns2/0.1.wav,A\n", "id", ["s1/001", "s2/001", "s2/0.1"]),
        (f"{HEADER}a.wav,A\na.flac,A\nb.wav,A\n", "id", ["a.wav", "a.flac", "b"]),
        (f"id,{HEADER}1,a.wav,A\n1,b.wav,A\n2,c.wav,C\n", "id", ["a", "b", "c"]),  # FLEURS: an id a sentence
        (f"speaker_id,{HEADER}0012,a.wav,HI\n12,b.wav,HO", "speaker_id", ["0012", "12"]),
        (f"speaker_id,{HEADER}p225,a.wav,HI\np226,b.wav,HO", "speaker_id", ["p225", "p226"]),
        (f"speaker_id,{HEADER}2021-03-04,a.wav,HI\n1e5,b.wav,HO", "speaker_id", ["2021-03-04", "1e5"]),
        (f"speaker_id,{HEADER}{LONG}9,a.wav,HI\n{LONG}8,b.wav,HO", "speaker_id", [LONG + "9", LONG + "8"]),
        (two(speaker=pa.array([7, None])), "speaker_id", ["7", UNKNOWN]),
        (two(speaker=pa.array([7.0, float("nan")])), "speaker_id", ["7", UNKNOWN]),
        (two(speaker=["", "7"]), "speaker_id", [UNKNOWN, "7"]),
        (two(speaker=pa.array([2**62, 1])), "speaker_id", [str(2**62), "1"]),
    ],
)
def test_names_and_texts_stay_as_written(tmp_path, capsys, content, column, values):
    name = "0.parquet" if isinstance(content, dict) else "metadata.csv"
    write_table(tmp_path / "own" / name, content, recordings=("a.wav", "b.wav", "s1/001.wav"))
    assert files.open_subset(tmp_path, "own")[column][:] == values
    told = "its ids each name more than one recording; the recordings' paths are used"
    assert (told in capsys.readouterr().err) == (values == ["a", "b", "c"])


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
    write_table(tmp_path / "own.parquet", {"id": ["a"], "text": ["A"], "audio": audio}, recordings=["x.wav"])
    path = expected["path"] and expected["path"].format(folder=tmp_path)
    assert files.open_subset(tmp_path, "own")[0]["audio"] == {**expected, "path": path}


NO_AUDIO = "^{id}: has neither audio bytes nor an audio path; give it one.$"
DECODED = {"path": "a", "array": [0.1], "sampling_rate": 16000}
GOOD_LINE = '{"file_name": "b.wav", "text": "C"}'


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (CSV, f"{HEADER}a.wav,A, B\nb.wav,C", ":2: has 3 fields, the header 2; put texts"),
        (CSV, f"{HEADER}a.wav\nb.wav,C", "metadata.csv:2: has 1 fields, the header 2"),
        (TSV, 'file\ttext\na.wav\t"A\tB"\nb.wav\tC', ":2: has 3 fields, the header 2; write no tab"),
        (JSONL, '{"file_name": "a.wav\n' + GOOD_LINE, ":1: not a JSON object"),
        (JSONL, "[1]\n" + GOOD_LINE, ":1: expected a JSON object"),
        (JSONL, "[" * 5000 + "\n" + GOOD_LINE, ":1: not a JSON object"),
        (CSV, f"{HEADER}gone.wav,A\nb.wav,C", "gone.wav: the audio of gone does not exist; restore it"),
        (PARQUET, two(audio=[None, b"x"]), NO_AUDIO),
        (PARQUET, two(audio=[{"bytes": None, "path": None}, {"bytes": b"x", "path": "a"}]), NO_AUDIO),
        (PARQUET, two(audio=[None, {"bytes": b"x", "path": "a"}]), NO_AUDIO),
        (PARQUET, two(audio=[{"bytes": None, "path": ""}, {"bytes": b"x", "path": "a"}]), NO_AUDIO),
    ],
)
def test_row_that_does_not_fit_costs_itself_only(tmp_path, name, content, reason):
    write_table(tmp_path / name, content, recordings=("a.wav", "b.wav"))
    split = open_split(tmp_path / "own")
    first = {JSONL: "metadata-0"}.get(name, "gone" if "gone" in reason else "a")
    assert (split.ids, split.texts[1]) == ([first, "b"], "A" if name == PARQUET else "C")
    good = split.utterance("b")
    assert (good.problem, good.audio_bytes) == (None, b"x" if name == PARQUET else None)
    with pytest.raises((OSError, ValueError), match=reason.format(id=first)):
        read_waveform(split.utterance(first), sampling_rate=16000)
    assert split.field_types == {}


def test_row_without_text_fails_alone_and_is_counted_in_the_whole_file(tmp_path):
    rows = [{"audio": b"x", "text": None if row == 140 else "A", "id": str(row)} for row in range(150)]
    table = write_table(tmp_path / "own.parquet", rows, row_group_size=100)
    split = open_split(tmp_path / "own")
    assert [row for row, problem in enumerate(split.dataset["problem"][:]) if problem] == [140]
    assert refusal_of(split.utterance("140")) == f"140: row 140 of {table} has no text; add it."


def test_index_follows_its_file_and_no_other(tmp_path, cache):
    for name, count in (("one", 4), ("two", 2), ("one", 4), ("one", 2), ("two", 2)):
        write_table(tmp_path / f"{name}.parquet", corpus_rows()[:count])
        assert len(files.open_subset(tmp_path, name)) == count
    assert len(list(cache.glob("*.arrow"))) == 2


@pytest.mark.parametrize(
    ("tables", "ids"),
    [
        ({"own/0001": corpus_rows()[2:], "own/0000": corpus_rows()[:2]}, IDS),
        ({"own": {"audio": pa.array([], pa.binary()), "text": pa.array([], pa.string())}}, []),
        (
            {"own/test-0": two(id=[None, ""]), "own/test-1": two(id=["a", None])},
            ["test-0-0", "test-0-1", "a", "test-1-1"],
        ),
    ],
    ids=["in the order of their names", "without rows", "without names"],
)
def test_ids_of_parquet_files(tmp_path, tables, ids):
    for name, content in tables.items():
        write_table(tmp_path / f"{name}.parquet", content)
    assert files.open_subset(tmp_path, "own")["id"][:] == ids


def test_common_voice_is_read_as_it_unpacks(tmp_path):
    header = "client_id\tpath\tsentence\tup_votes\taccents"
    for state, name in (("train", "cv_1.mp3"), ("test", "cv_2.mp3")):
        content = f'{header}\nab12\t{name}\tHi "there".\t2\t\n'
        write_table(tmp_path / f"{state}.tsv", content, recordings=[f"clips/{name}"])
    for state, number in (("train", 1), ("test", 2), ("train", 1)):
        (row,) = files.open_subset(tmp_path, state)
        assert (row["id"], row["speaker_id"], row["text"]) == (f"cv_{number}", "ab12", 'Hi "there".')
        assert row["audio"]["path"] == str(tmp_path / f"clips/cv_{number}.mp3")


def test_subset_that_is_not_there_names_the_forms_and_those_that_are(tmp_path):
    expected = r"subset own does not exist; expected own.parquet, own/\*.parquet.*wav.scp.$"
    with pytest.raises(FileNotFoundError, match=expected):
        files.open_subset(tmp_path, "own")
    others = ("train-0.parquet", "test-0.parquet", "kept/metadata.tsv")
    write_table(tmp_path / "calls.csv", "", recordings=others)
    with pytest.raises(FileNotFoundError, match="there are calls, kept, test-0, train-0, see --split"):
        files.open_subset(tmp_path, "own")


@pytest.mark.parametrize("second", ["metadata.jsonl", "0.parquet", "call.stm", "wav.scp", "../own.tsv"])
def test_two_tables_of_a_subset_are_refused_by_name(tmp_path, second):
    write_table(tmp_path / "own/metadata.csv", f"{HEADER}a.wav,A\n", recordings=("a.wav", second))
    message = f"{second.removeprefix('../')}.*the same subset own; remove one of them"
    with pytest.raises(ValueError, match=message):
        files.open_subset(tmp_path, "own")


def test_what_was_taken_for_what_is_printed_once(tmp_path, capsys):
    write_table(tmp_path / "own/metadata.csv", "path,sentence\na.wav,A\nb.wav,B\n", recordings=["a.wav"])
    files.open_subset(tmp_path, "own")
    told = ["Column path is used as audio.", "Column sentence is used as text."]
    assert sorted(capsys.readouterr().err.splitlines()) == told


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (CSV, f"{HEADER}a.wav,café\n".encode("latin-1"), "metadata.csv:2: is not UTF-8; save"),
        (CSV, "", "metadata.csv: is empty; a header"),
        (CSV, f"{HEADER}a.wav,A, B\n", "metadata.csv:2: has 3 fields, the header 2; put texts"),
        # facebookresearch/fairseq#3962: the part in the path
        (CSV, f"{HEADER}a.wav:0:16000,A\n", "a.wav:0:16000.*neither it nor any other"),
        (CSV, f"{HEADER}missing.wav,A\n", "missing.wav: .*metadata.csv lists it"),
        (CSV, f'{HEADER}a.wav,"ONE\nb.wav,TWO\n', "metadata.csv:3: is not a table row .*close the quotation"),
        (CSV, f"{HEADER}a.wav,{'A' * 200_000}", "metadata.csv:2: is not a table row .field larger"),
        (CSV, "file_name,text,text\na.wav,A,B\n", "the column text occurs more than once; keep one"),
        # cschlaffner/PROTzilla#450
        (CSV, "file_name;text\na.wav;A\n", "a single column, 'file_name;text'; .*by commas, not by ';'"),
        # absadiki/easymms#7: a path and a text with a pipe between, no header
        (CSV, "kss_wavs/1_0367.wav|busaneun\n", "single column.*not by '|'"),
        (TSV, "path,sentence\na.wav,A\n", "a single column, 'path,sentence'; .*by tabs, not by ','"),
        (JSONL, '\n{"text": \n', "metadata.jsonl:2: not a JSON object"),
        (JSONL, "\n", "metadata.jsonl: is empty; a JSON object"),
        (JSONL, '{"file_name": "a.wav", "text": "\\ud800"}', "jsonl:1: holds half of a surrogate pair"),
        # speechbrain/speechbrain#1225: the part in an object, in samples
        (JSONL, '{"wave": {"file": "a.wav", "start": 0, "stop": 32000}, "text": "A"}', "no column audio"),
        ("own/metadata.parquet", b"junk", "metadata.parquet: cannot be read as parquet"),
        (PARQUET, b"version https://git-lfs.github.com/spec/v1\n", "0.parquet: .*git lfs pull"),
        (PARQUET, b"", "0.parquet: cannot be read as parquet"),
        (PARQUET, {"text": ["A"], "id": ["a"]}, "no column audio or file_name; its columns are text, id"),
        (PARQUET, two(audio=[1.5, 2]), "0.parquet: audio: expected binary, got double"),
        (PARQUET, two(audio=[DECODED] * 2), r"0.parquet: audio: holds decoded samples \(array.*decode=False"),
    ],
)
def test_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    write_table(tmp_path / name, content, recordings=("a.wav", "b.wav"))
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        files.open_subset(tmp_path, "own")


def test_columns_of_unusual_names_are_set(tmp_path):
    table = {"text": ["wrong"], "said": ["A"], "clip": [b"x"], "who": ["ada"], "id": ["a"]}
    write_table(tmp_path / "own.parquet", table)
    chosen = {"text": "said", "audio": "clip", "speaker_id": "who"}
    row = files.open_subset(tmp_path, "own", columns=chosen)[0]
    assert (row["text"], row["audio"]["bytes"], row["speaker_id"], row["id"]) == ("A", b"x", "ada", "a")
    missing = "own.parquet: no column said2, which corpus.columns names; its columns"
    with pytest.raises(ValueError, match=missing):
        files.open_subset(tmp_path, "own", columns={"text": "said2"})


def test_columns_are_configured():
    settings = {"LIBRISPEECH_COLUMNS": "text=said, audio=clip"}
    assert load_configuration(environment=settings).corpus.columns == {"text": "said", "audio": "clip"}
    with pytest.raises(ValueError, match="corpus.columns: unknown texts; known: text, audio, id"):
        load_configuration(environment={"LIBRISPEECH_COLUMNS": "texts=said"})
