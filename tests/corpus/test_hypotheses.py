"""Files of hypotheses: every format from its tool or documentation, odd dress, and what is refused."""

import codecs
import json
import re

import pytest

from librispeech_clf.corpus.hypotheses import read_system
from tests.helpers.own_corpora import write_table

IDS = ("61-70968-0000", "61-70968-0001", "61-70968-0002")
TEXTS = ("he began", "a confused complaint", "against the wizard")
WANTED = dict(zip(IDS, TEXTS, strict=True))


def read(tmp_path, content, ids=IDS, name="hypotheses", **options):
    return read_system("system", write_table(tmp_path / name, content), ids, **options)


def lines(template, separator="\n"):
    return separator.join(template.format(id=key, text=text) for key, text in WANTED.items()) + separator


# What faster-whisper 1.2.1 makes of a recording, as `json.dumps([asdict(segment) for segment in segments])`.
SEGMENTS = [
    {
        "id": 1, "seek": 0, "start": 0.0, "end": 1.2, "text": " He began.", "tokens": [50363, 679, 2540, 13],
        "avg_logprob": -0.3, "compression_ratio": 0.9, "no_speech_prob": 0.01, "temperature": 0.0,
        "words": [
            {"start": 0.0, "end": 0.4, "word": " He", "probability": 0.8},
            {"start": 0.4, "end": 1.1, "word": " began.", "probability": 0.9},
        ],
    }
]  # fmt: skip
# NeMo: nemo_asr transcribe_speech.py writes `pred_text` beside the keys of its input manifest.
NEMO = [
    {"audio_filepath": f"/data/clips/{key}.wav", "duration": 2.5, "text": "x", "pred_text": text}
    for key, text in WANTED.items()
]
FORMATS = {
    "csv": "id,hypothesis\n" + lines("{id},{text}"),
    "csv with other columns": "duration,file,text\n" + lines("1.5,clips/{id}.flac,{text}"),
    "reference beside hypothesis": "utterance_id;text;pred_text\n" + lines("{id};REFERENCE;{text}"),
    "capital names": "ID,Prediction\n" + lines("{id},{text}"),
    "tsv": "path\ttranscription\n" + lines("a/b/{id}.mp3\t{text}"),
    "quoted tsv": '"id"\t"hypothesis"\n' + lines('"{id}"\t"{text}"'),
    "json lines": lines('{{"utterance_id": "{id}", "prediction": "{text}"}}'),
    "json list": json.dumps([{"id": key, "text": text, "n": 1} for key, text in WANTED.items()]),
    "json by id": json.dumps(WANTED),
    "whisper by id": json.dumps({key: {"text": text, "segments": []} for key, text in WANTED.items()}),
    "whisper in lines": lines('{{"id": "{id}", "segments": [{{"start": 0, "end": 1, "text": "{text}"}}]}}'),
    "nemo": "\n".join(map(json.dumps, NEMO)),
    "kaldi": lines("{id} {text}"),
    "kaldi with many spaces": lines("  {id}\t {text}  "),
    "trn": lines("{text} ({id})"),  # SCTK doc/infmts.htm#trn_fmt_name_0
    "ctm": "\n".join(  # SCTK doc/infmts.htm#ctm_fmt_name_0: comments, channel, times, confidence
        [";; a comment"] + [
            f"{key} 1 {at:.2f} 0.30 {word} 0.7"
            for key, text in WANTED.items() for at, word in reversed(list(enumerate(text.split())))
        ]
    ),
    "two columns": lines("{id}\t{text}"),
    "two columns with a comma": lines('{id},"{text}"'),
    "byte order mark": codecs.BOM_UTF8 + lines("{id}\t{text}").encode(),
    "utf-16": ("id,hypothesis\n" + lines("{id},{text}")).encode("utf-16"),
    "crlf": ("id\thypothesis\n" + lines("{id}\t{text}")).replace("\n", "\r\n"),
    "old mac": lines("{id} {text}", "\r"),
    "blank lines": "\n\n" + lines("{id} {text}\n") + "\n  \n",
    "no last newline": lines("{id} {text}").rstrip(),
    "ids with folders": lines("/data/set/{id} {text}"),
    "backslashes": "file,text\n" + lines("C:\\clips\\{id}.wav,{text}"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_texts(tmp_path, name):
    found = read(tmp_path, FORMATS[name])
    assert {key: text.strip() for key, text in found.texts.items()} == WANTED
    assert found.notes == ()


def test_a_nemo_manifest_as_whisper_and_ctm_keep_what_they_know(tmp_path):
    assert read(tmp_path, FORMATS["nemo"]).source == "hypotheses, NeMo manifest, text from pred_text"
    words = read(tmp_path, FORMATS["ctm"]).words[IDS[0]]
    assert words == [
        {"text": "he", "start_s": 0.0, "end_s": 0.3, "confidence": 0.7},
        {"text": "began", "start_s": 1.0, "end_s": 1.3, "confidence": 0.7},
    ]


@pytest.mark.parametrize("value", [SEGMENTS, {"text": " He began.", "segments": SEGMENTS, "language": "en"}])
def test_whispers_json_of_one_recording_is_named_after_it(tmp_path, value):
    found = read(tmp_path, json.dumps(value), IDS[:1], name=f"{IDS[0]}.json")
    assert found.texts == {IDS[0]: " He began."}
    assert found.words[IDS[0]][1] == {"text": "began.", "start_s": 0.4, "end_s": 1.1, "confidence": 0.9}


def test_a_folder_of_whispers_files(tmp_path):
    for key, text in WANTED.items():
        write_table(tmp_path / f"{key}.json", json.dumps({"text": text, "segments": []}))
        write_table(tmp_path / f"{key}.txt", text)
    assert read_system("whisper", tmp_path, IDS).texts == WANTED
    write_table(tmp_path / f"{IDS[0]}.json", "[]")  # faster-whisper: no speech
    assert read_system("whisper", tmp_path, IDS).texts[IDS[0]] == ""


def test_columns_of_unusual_names(tmp_path):
    table = "clip,best,text\n" + lines("{id},{text},REFERENCE")
    assert read(tmp_path, table, columns={"id": "clip", "text": "best"}).texts == WANTED


SILENT = ("a\t\nb\tyes\n", "a\nb\tyes\n", "a \nb yes\n", "id,text\na,\nb,yes\n", "(a)\nyes (b)\n")


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        # A quotation mark of a TSV is a sign of its text
        ('id\ttext\na\t"he said\nb\tno" more\n', {"a": '"he said', "b": 'no" more'}),
        *((content, {"a": "", "b": "yes"}) for content in SILENT),
    ],
)
def test_texts_may_be_empty_or_hold_quotation_marks(tmp_path, content, texts):
    assert read(tmp_path, content, ids=["a", "b"]).texts == texts


def test_names_are_matched_by_id_else_by_their_end_else_by_the_file(tmp_path):
    ids = ["x/one", "y/one", "two.2", "three"]
    content = "/data/x/one.wav\ta\ny/one\tb\ntwo.2\tc\nelsewhere/three.flac\td\nnobody\te\n"
    found = read(tmp_path, content, ids=ids)
    assert found.texts == {"x/one": "a", "y/one": "b", "two.2": "c", "three": "d"}
    assert found.notes == (
        f"system: 1 of its 5 names match no utterance, such as 'nobody' ({tmp_path / 'hypotheses'}).",
    )
    with pytest.raises(ValueError, match="may be x/one or y/one"):
        read(tmp_path, "one.wav\ta\n", ids=ids)


def test_an_utterance_without_a_hypothesis_is_refused_or_counted_as_empty(tmp_path):
    content = lines("{id} {text}").partition("\n")[2]
    message = f"1 of 3 utterances have no hypothesis, such as {IDS[0]}.*--missing empty"
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)
    found = read(tmp_path, content, missing="empty")
    assert found.texts == {**WANTED, IDS[0]: ""}
    assert found.notes == ("system: 1 utterances have no hypothesis and count as empty.",)
    assert read(tmp_path, content, evaluated=IDS[1:]).notes == ()


def many(template, count=300):
    return "".join(template.format(id=f"s-{number:04d}") for number in range(count))


WRONG = {
    "empty": ("", "is empty"),
    "white space": ("\n \n", "is empty"),
    "HTML": ("<!doctype html>\n<html><body>404</body></html>", "web page"),
    "XML": ('<?xml version="1.0"?><hyp/>', "web page or XML"),
    "a binary": (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64), "binary"),
    "a gzip": (b"\x1f\x8b\x08\x00" + bytes(40), "binary"),
    "latin 1": ("s-0000 caf\xe9\n".encode("latin-1"), "UTF-8"),
    "utf-16 without its mark": (many("{id} yes\n").encode("utf-16-le"), "binary"),
    "comments alone": (";; nothing\n;; more\n", "only comments"),
    "broken JSON": ('[{"id": "s-0000", "text": "a"}, {"id"', ":1: not a JSON object"),
    "a JSON line cut": ('{"id": "s-0000", "text": "a"}\n{"id": "s-00', ":2: not a JSON object"),
    "JSON without ids": ('[{"text": "a"}, {"text": "b"}]', "no column of utterance ids"),
    "JSON without texts": ('[{"id": "s-0000", "wer": 0.1}]', "no column of hypotheses"),
    "JSON of numbers": ("[1, 2, 3]", "no column of utterance ids among its values, which have no keys;"),
    "JSON with a list as text": ('[{"id": "s-0000", "text": ["a"]}]', "must be texts"),
    "Whisper's segments damaged": ('[{"id": "s-0000", "segments": [{"words": 3}]}]', "as Whisper writes them"),
    "a CSV without texts": ("id,wer\n" + many("{id},0.1\n"), "no column of hypotheses"),
    "a CSV without ids": ("speaker,hypothesis\n" + many("{id},yes\n"), "no column of utterance ids"),
    "two columns of hypotheses": ("id,hypothesis,pred_text\n" + many("{id},yes,no\n"), "hypothesis and pred_text"),
    "a column twice": ("id,text,text\n" + many("{id},yes,no\n"), "more than once"),
    "a comma in a text": ("id,text\n" + many("{id},yes\n") + "s-1,yes, sir\n", "3 fields"),
    "an open quotation mark": ('id,text\ns-0000,"yes\n' + many("{id},no\n"), "not a table row"),
    "a manifest of references": ("\n".join(map(json.dumps, [{**NEMO[0], "pred_text": "yes"} | {"pred_text": None}]))
                                 .replace(', "pred_text": null', ""), "without pred_text"),
    "trn and Kaldi mixed": (many("yes ({id})\n") + "s-0300 yes\n", ":301: most lines"),
    "two columns and Kaldi mixed": (many("{id}\tyes\n") + "s-0300 yes sir\n", ":301: most lines"),
    "CTM and Kaldi mixed": (many("{id} 1 0.5 0.2 yes\n") + "s-0300 yes\n", ":301: most lines"),
    "an utterance twice": (many("{id} yes\n") + "s-0007 no\n", "s-0007 occurs twice.*entry 8"),
    "one under two names": (many("{id} yes\n") + "clips/s-0007.wav no\n", "s-0007 and clips"),
    "ids that do not fit": (many("x{id} yes\n"), "300 of 300 utterances have no hypothesis.*such as 'xs-0000'"),
    "another split's": (many("{id} yes\n").replace("s-", "other-"), "the split that is evaluated"),
    "1 % missing": (many("{id} yes\n", 297), "3 of 300 utterances.*s-0297.*--missing empty"),
    "half of the ids in other case": (
        "".join(f"{'Ss'[n % 2]}-{n:04d} yes\n" for n in range(300)), "150 of 300.*upper and lower case"),
    "10 MB in a line": ("s-0000 " + "yes " * 2_500_000, "at most 100000 characters"),
    "10 MB in a field": ("id,text\ns-0000," + "yes " * 2_500_000, "not a table row"),
    "ids alone": (many("{id}\n"), "no hypothesis with a word"),
    "prose": ("Call me Ishmael. Some years ago\nnever mind how long precisely\n", "300 of 300"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_one_sentence(tmp_path, name):
    content, told = WRONG[name]
    with pytest.raises(ValueError) as refused:
        read(tmp_path, content, ids=[f"s-{number:04d}" for number in range(300)])
    message = str(refused.value)
    assert re.search(told, message), message
    assert len(message.removeprefix(str(tmp_path))) < 400
    assert "\n" not in message


def test_a_file_that_does_not_exist_and_a_folder_of_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_system("system", tmp_path / "nothing.csv", IDS)
    with pytest.raises(ValueError, match="no hypothesis"):
        read_system("system", tmp_path, IDS)


def test_all_hypotheses_missing_are_refused_even_where_missing_ones_are_empty(tmp_path):
    with pytest.raises(ValueError, match="2 of 2"):
        read(tmp_path, "other yes\n", ["a", "b"], missing="empty")


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["he began", "to run"], "he began to run"),  # whisperX, alignment.py: sentences without their spaces
        ([" he began", " to run"], " he began to run"),
        (["\u4f60\u597d", "\u4e16\u754c"], "\u4f60\u597d\u4e16\u754c"),
    ],
)
def test_segments_are_joined_by_spaces(tmp_path, texts, joined):
    content = json.dumps({"segments": [{"start": 0, "end": 1, "text": text} for text in texts]})
    assert read(tmp_path, content, ids=["a"], name="a.json").texts == {"a": joined}


@pytest.mark.parametrize("template", ["{} {}\n", "{}\t{}\n"])
def test_digits_that_were_said_are_no_times(tmp_path, template):
    content = template.format("a", "1 2 3 4") + template.format("b", "5 6 7 8 9")
    assert read(tmp_path, content, ids=["a", "b"]).texts == {"a": "1 2 3 4", "b": "5 6 7 8 9"}


def test_another_side_of_a_call_is_another_utterance(tmp_path):
    with pytest.raises(ValueError, match="1 of 1 utterances have no hypothesis, such as call7.A"):
        read(tmp_path, "call7.B yes\n", ids=["call7.A"])
    assert read(tmp_path, "call7.B yes\ncall7.A no\n", ids=["call7.A"]).texts == {"call7.A": "no"}
    assert read(tmp_path, "a.wav yes\nb.txt no\n", ids=["a.flac", "b"]).texts == {"a.flac": "yes", "b": "no"}


@pytest.mark.parametrize(
    "content",
    [
        "id,text,words,segments\na,yes sir,2,1\n",
        '{"id": "a", "text": "yes sir", "words": ["yes", "sir"], "segments": 1}\n',
        '{"id": "a", "text": "yes sir", "words": [{"word": "yes", "start": null, "end": null}]}\n',
    ],
)
def test_counts_of_words_and_words_without_times_are_passed_by(tmp_path, content):
    found = read(tmp_path, content, ids=["a"])
    assert (found.texts, found.words) == ({"a": "yes sir"}, {})
