"""Systems of a run: names, normalization, times, tables, an older run."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from librispeech_clf.corpus.hypotheses import System
from librispeech_clf.local.evaluation import systems as module
from librispeech_clf.local.evaluation.systems import Systems, make_normalizer, name_system, open_older_run
from tests.helpers.letters import VOCABULARY

REFERENCES = {"a": ("MISTER BROWN PAID TWENTY DOLLARS",), "b": ("HE WENT",)}


def test_a_system_is_named_or_has_its_files_name():
    assert name_system("whisper=hyp/out.json") == ("whisper", Path("hyp/out.json"))
    assert name_system("hyp/b1+nnlm.tsv") == ("b1+nnlm", Path("hyp/b1+nnlm.tsv"))
    assert name_system("s3 of 1,000=x=y.tsv") == ("s3 of 1,000", Path("x=y.tsv"))
    for asked in ("=file.tsv", "../up=file.tsv", "a/b=file.tsv", "\x1b[1m=file.tsv", ".hidden"):
        with pytest.raises(ValueError, match="a system's name holds"):
            name_system(asked)


@pytest.mark.parametrize(
    ("normalization", "left", "right", "equal"),
    [
        ("strict", "He went", "HE WENT", True),
        ("strict", "He went.", "HE WENT", False),
        ("letters", "He went.", "HE WENT", True),
        ("letters", "\u2018Tis 20%", "'TIS 20%", True),
        ("whisper", "Mr. Brown paid $20", "mister brown paid twenty dollars", True),
        ("whisper", "It's the color, um, of 1990", "it is the color of nineteen ninety", True),
        ("whisper-basic", "\u00bfQu\u00e9 tal, Jos\u00e9?", "qu\u00e9 tal jos\u00e9", True),
        ("whisper", "I don\u2019t, it\u00b4s", "i do not it is", True),
        ("whisper-basic", "Mr. Brown", "mister brown", False),
    ],
)
def test_reference_and_hypothesis_are_normalized_alike(normalization, left, right, equal):
    normalize = make_normalizer(VOCABULARY, normalization)
    assert (normalize(left) == normalize(right)) is equal
    assert normalize(left) == normalize(left).upper()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"audio_filepath": "a.wav", "text": "he", "pred_text": "she"}\n', True),
        ('{"audio_filepath": "a.wav", "pred_text": "she"}\n', False),
        ("audio_filepath,text,pred_text\n", False),
        ("", False),
    ],
)
def test_a_manifest_with_references_is_a_corpus(tmp_path, content, told):
    (tmp_path / "manifest.json").write_text(content)
    assert module.is_corpus(tmp_path / "manifest.json") is told
    assert not module.is_corpus(tmp_path)


TIMES = ("start_s", "end_s", "confidence")


def words(*timed):
    return [dict(zip(("text", *TIMES), word, strict=True)) for word in timed]


def test_times_follow_the_words_through_the_normalization():
    spelled, sure = ["Mr.", "Brown,", "paid", "twenty", "dollars."], [0.5, 0.9, 0.5, 0.4, 0.8]
    heard = words(*zip(spelled, range(5), range(1, 6), sure, strict=True))
    normalize = make_normalizer(VOCABULARY, "whisper")
    tokens = normalize("Mr. Brown, paid twenty dollars.").split()
    expected = ("MISTER", 0, 1, 0.5), ("BROWN", 1, 2, 0.9), ("PAID", 2, 3, 0.5), ("$20", 3, 5, 0.4)
    assert module.time_tokens(tokens, heard, normalize) == words(*expected)
    assert module.time_tokens(["A", "B"], words(("b", 1, 2, None)), normalize) == words(("B", 1, 2, None))
    assert module.time_tokens(["A"], [], normalize) == []


def make_rows(**columns):
    kinds = ("error_rate", "hits", "substitutions", "deletions", "insertions")
    names = [f"{unit}_{kind}" for unit in ("word", "character") for kind in kinds]
    names += ["match_error_rate", "word_information_lost", "word_information_preserved"]
    timed = pyarrow.struct({"text": pyarrow.string(), **dict.fromkeys(TIMES, pyarrow.float64())})
    table = {
        "utterance_id": ["a", "b"], "simulation": pyarrow.nulls(2, pyarrow.string()),
        "reference": ["", ""], "hypothesis": ["", ""], "error": pyarrow.nulls(2, pyarrow.string()),
        **{name: pyarrow.nulls(2, pyarrow.float32()) for name in names},
        "words": pyarrow.nulls(2, pyarrow.list_(timed)),
    }  # fmt: skip
    return pyarrow.table(table | columns)


def read_columns(table, *names):
    return [table[name].to_pylist() for name in names]


def test_the_first_system_fills_the_rows_and_the_others_have_tables():
    systems = Systems([], REFERENCES, "strict", VOCABULARY)
    spoken = {"a": "mister brown paid twenty", "b": "he went"}
    systems.add(System("one", spoken, {"b": words(("he", 0, 1, 0.5))}))
    systems.add(System("two", {"b": "we went there"}))
    with pytest.raises(ValueError, match="two systems have this name"):
        systems.add(System("two", {}))
    rows = make_rows(record_speaker_id=["s1", "s2"])
    tables = systems.make_tables(rows)
    assert list(tables) == ["one", "two"] and tables["one"].schema == rows.schema
    heard = [None, words(("HE", 0, 1, 0.5))]
    assert read_columns(tables["one"], "word_deletions", "words") == [[1, 0], heard]
    names = ("record_speaker_id", "hypothesis", "word_error_rate")
    assert read_columns(tables["two"], *names) == [["s1", "s2"], [None, "WE WENT THERE"], [None, 1.0]]
    broken = make_rows(error=pyarrow.array([None, "b: the recording is damaged."]))
    assert systems.make_tables(broken)["one"]["word_error_rate"].to_pylist() == [pytest.approx(0.2), None]


def test_five_systems_are_described_and_of_more_their_number():
    systems = Systems([], REFERENCES, "letters", VOCABULARY)
    for number in range(6):
        told = systems.describe().get("systems")
        systems.add(System(f"s{number}", {"a": "yes"}, source="a file"))
    assert told == "; ".join(f"s{number} (a file)" for number in range(5))
    assert systems.describe() == {"systems": "6", "normalization": "letters"}


def test_a_models_rows_are_scored_anew_for_whispers_normalization_alone():
    rows = make_rows(hypothesis=["MISTER BROWN PAID $20", "HE WENT"])
    systems = Systems([System("model", {})], REFERENCES, "letters", VOCABULARY)
    assert systems.make_tables(rows)["model"] is rows
    normalize = make_normalizer(VOCABULARY, "whisper")
    references = {key: tuple(map(normalize, texts)) for key, texts in REFERENCES.items()}
    systems = Systems([System("model", {})], references, "whisper", VOCABULARY)
    assert systems.make_tables(rows)["model"]["word_error_rate"].to_pylist() == [0, 0]


def test_an_older_run_is_a_system(tmp_path):
    rows = make_rows(reference=[text for (text,) in REFERENCES.values()], hypothesis=["MISTER", "HE WENT"])
    pyarrow.parquet.write_table(rows, tmp_path / "results.parquet")
    older = open_older_run(tmp_path, {**REFERENCES, "c": ("NEW",)}, taken=[tmp_path.name])
    found = (older.name, older.texts, older.speed)
    assert found == (f"{tmp_path.name} (older)", {"a": "MISTER", "b": "HE WENT"}, None)
    for run, speed in (({"model": "w.h5"}, 11.5), ({}, None)):  # without a model nothing was recognized
        summary = {"run": run, "speed": {"evaluation": {"times_real_time": 11.5}}}
        (tmp_path / "summary.json").write_text(json.dumps(summary))
        assert open_older_run(tmp_path, REFERENCES, taken=[]).speed == speed
    for damaged in ("[]", '{"run": ', '{"run": {"model": 1}}'):
        (tmp_path / "summary.json").write_text(damaged)
        with pytest.raises(ValueError, match="summary.json: is no summary of a run"):
            open_older_run(tmp_path, REFERENCES, taken=[])
    with pytest.raises(ValueError, match="shares no utterance"):
        open_older_run(tmp_path, {"c": ("NEW",)}, taken=[])
    with pytest.raises(ValueError, match="a: systems are compared over the same references"):
        open_older_run(tmp_path, {**REFERENCES, "a": ("OTHER",)}, taken=[])
    with pytest.raises(FileNotFoundError, match="finished evaluation"):
        open_older_run(tmp_path / "nowhere", REFERENCES, taken=[])


def test_an_older_run_needs_texts_alone(tmp_path):
    rows = make_rows(reference=[text for (text,) in REFERENCES.values()], hypothesis=["MISTER", "HE WENT"])
    few = rows.select(["utterance_id", "reference", "hypothesis"])
    pyarrow.parquet.write_table(few, tmp_path / "results.parquet")
    for references in (REFERENCES, {"a": (), "b": ("HE WENT",)}):  # of which this run has no transcript
        assert open_older_run(tmp_path, references, taken=[]).texts == {"a": "MISTER", "b": "HE WENT"}
    pyarrow.parquet.write_table(few.drop_columns(["hypothesis"]), tmp_path / "results.parquet")
    with pytest.raises(ValueError, match="no column hypothesis; --compare needs"):
        open_older_run(tmp_path, REFERENCES, taken=[])
    (tmp_path / "results.parquet").write_text("x")
    with pytest.raises(ValueError, match=r"results.parquet: cannot be read \(.*; --compare needs"):
        open_older_run(tmp_path, REFERENCES, taken=[])


def test_texts_of_an_older_run_are_not_normalized_twice(tmp_path):
    """Whisper's normalizer makes "call zero five" CALL 05, and of that CALL 5."""
    rows = make_rows(reference=["CALL 05", "HE WENT"], hypothesis=["CALL 05", "HE WENT"])
    pyarrow.parquet.write_table(rows, tmp_path / "results.parquet")
    systems = Systems([System("model", {})], {"a": ("CALL 05",), "b": ("HE WENT",)}, "whisper", VOCABULARY)
    (tmp_path / "summary.json").write_text(json.dumps({"run": systems.describe()}))
    systems.add(open_older_run(tmp_path, systems.references, taken=[]))
    table = systems.make_tables(make_rows(hypothesis=["CALL ZERO FIVE", "HE WENT"]))[tmp_path.name]
    assert read_columns(table, "hypothesis", "word_error_rate") == [["CALL 05", "HE WENT"], [0, 0]]


def test_each_system_is_scored_over_the_reference_that_is_nearest_to_it():
    references = {"a": ("THE COLOUR", "THE COLOR"), "b": ("TWO", "TOO MANY")}
    systems = Systems([], references, "strict", VOCABULARY)
    systems.add(System("one", {"a": "the color", "b": "two many"}))
    systems.add(System("two", {"a": "the colour"}))
    tables = systems.make_tables(make_rows())
    names = ("reference", "word_error_rate")
    assert read_columns(tables["one"], *names) == [["THE COLOR", "TOO MANY"], [0, 0.5]]
    assert read_columns(tables["two"], *names) == [["THE COLOUR", "TWO"], [0, None]]
