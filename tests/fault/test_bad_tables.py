"""Bad tables are refused in a line that names them, or read as told; bad transcripts fail alone."""

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from librispeech_clf.configuration import (
    NORMALIZE_VARIABLE,
    ROOT_VARIABLE,
    SOURCE_VARIABLE,
    SUBSETS_VARIABLE,
    load_configuration,
)
from librispeech_clf.corpus.load import load_split
from librispeech_clf.local.commands import describe_corpus
from tests.helpers.bad_recordings import encode, make_sound

pytestmark = pytest.mark.fault
SOUND = encode(make_sound(0.1), "wav")
OUTSIDE, NO_TEXT = "outside", "has no text; add it"
GOOD = {"a": "ONE TONE", "b": "A TONE"}
Build = Callable[[Path], object]
"""Makes a corpus in a folder, where a.wav and b.wav are already."""
Cases = dict[str, tuple[Build, dict[str, str] | str]]
"""Name -> a corpus; transcripts by utterance id, or a pattern of the refusal."""


def table(name: str, content: str | bytes) -> Build:
    """Write a table."""
    encoded = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(encoded)


def list_csv() -> Cases:
    """Comma-separated tables."""
    rows = "file_name,text\na.wav,ONE TONE\nb.wav,A TONE\n"
    contents = {
        "good": (rows, GOOD),
        "empty": (b"", "metadata.csv: is empty"),
        "blank": ("\n\n", "metadata.csv: is empty"),
        "header-only": ("file_name,text\n", "bad: the subset holds no utterances"),
        "byte-order-mark": ("\ufeff" + rows, GOOD),
        "crlf": (rows.replace("\n", "\r\n"), GOOD),
        "cr": (rows.replace("\n", "\r"), GOOD),
        "blank-lines": (rows.replace("\n", "\n\n"), GOOD),
        "utf-16": (rows.encode("utf-16"), GOOD),
        "utf-16-without-mark": (rows.encode("utf-16-le"), "metadata.csv.*(no column|fields)"),
        "latin-1": (rows.replace("ONE", "É").encode("latin-1"), "metadata.csv:2: is not UTF-8"),
        "semicolons": (rows.replace(",", ";"), "single column, 'file_name;text'; separate columns by commas"),
        "no-text": (rows.replace("text", "words"), dict.fromkeys(GOOD)),
        "no-audio": (rows.replace("file_name", "sound"), "no column audio or file_name"),
        "short-row": (rows + "c.wav\n", "c: .*metadata.csv:4: has 1 fields, the header 2"),
        "long-row": (rows + "c.wav,X,Y\n", "c: .*metadata.csv:4: has 3 fields"),
        "open-quote": (rows.replace("ONE", '"ONE'), "metadata.csv:.*(fields|quot)"),
        "huge-field": (rows.replace("ONE", "O" * 200_000), "metadata.csv:.*field"),
        "nul": (rows.replace("a.wav,O", "a.wav,O\0"), {**GOOD, "a": "O\0NE TONE"}),
        "column-twice": ("file_name,text,text\na.wav,ONE TONE,X\n", "the column text occurs more than once"),
        "id-twice": (rows + "a.wav,AGAIN\n", "a#2: the id a occurs more than once"),
        "empty-id": ("file_name,id,text\na.wav,,ONE TONE\n", {"a": "ONE TONE"}),
        "empty-text": ("file_name,text\na.wav,\n", "a: row 0 of .*metadata.csv has no text"),
        "empty-file": ("file_name,text\n,ONE TONE\n", "neither audio bytes nor an audio path"),
        "climbs": ("file_name,text\n../../../etc/passwd,X\n", OUTSIDE),
        "absolute": ("file_name,text\n/etc/passwd,X\n", OUTSIDE),
        "link": ("file_name,text\nlink.wav,X\na.wav,Y\n", OUTSIDE),
        "the-folder": ("file_name,text\n.,X\na.wav,Y\n", "does not exist"),
        "nul-in-path": ("file_name,text\na\0.wav,X\na.wav,Y\n", r"a.x00.wav: the audio of a.x00 does not exist"),
        "long-path": (f"file_name,text\n{'x' * 5000}.wav,X\n", "too long|does not exist|neither it"),
        "none-there": ("file_name,text\nc.wav,X\nd.wav,Y\n", "neither it nor any other recording exists"),
        "huge-speaker": ("file_name,text,speaker\na.wav,ONE TONE," + "9" * 5000 + "\n", {"a": "ONE TONE"}),
        "markup-id": ("file_name,id,text\na.wav,[/bold]\x1b[2J,ONE TONE\n", {"[/bold]\x1b[2J": "ONE TONE"}),
        "gzip": (b"\x1f\x8b\x08" + bytes(range(256)), "metadata.csv:1: is not UTF-8"),
    }  # fmt: skip
    return {
        f"csv-{name}": (table("metadata.csv", content), told) for name, (content, told) in contents.items()
    } | {
        "tsv-quotes": (table("metadata.tsv", 'path\tsentence\na.wav\t"ONE" TONE\n'), {"a": '"ONE" TONE'}),
        "tsv-commas": (table("metadata.tsv", rows), "single column, .*; separate columns by tabs"),
        "csv-is-a-folder": (
            lambda folder: (folder / "metadata.csv").mkdir(),
            "the subset bad does not exist",
        ),
        "nothing": (lambda folder: None, "the subset bad does not exist"),
    }


def list_json() -> Cases:
    """JSON lines and manifests."""
    good = ['{"file_name": "a.wav", "text": "ONE TONE"}', '{"file_name": "b.wav", "text": "A TONE"}']

    def lines(*items: str) -> str:
        return "\n".join(items)

    contents = {
        "good": (lines(*good), GOOD),
        "array": (f"[{','.join(good)}]", "metadata.jsonl:1: expected a JSON object"),
        "half": (lines(good[0], good[1][:20]), "metadata.jsonl:2: not a JSON object"),
        "text": ("file_name,text\na.wav,X\n", "metadata.jsonl:1: not a JSON object"),
        "number": (lines(*good, "5"), "metadata.jsonl:3: expected a JSON object"),
        "deep": (lines(*good, "[" * 100_000), "metadata.jsonl:3: not a JSON object"),
        "deep-object": (lines(*good, '{"a":' * 100_000), "metadata.jsonl:3: not a JSON object"),
        "empty": ("", "metadata.jsonl: is empty"),
        "keys-missing": (lines(good[0], '{"file_name": "b.wav"}'), "b: row 1 of .* has no text"),
        "null-text": (lines(good[0], '{"file_name": "b.wav", "text": null}'), "b: row 1 of .* has no text"),
        "number-text": ('{"file_name": "a.wav", "text": 5}', {"a": "5"}),
        "list-file": ('{"file_name": ["a.wav"], "text": "X"}', "does not exist|neither it"),
        "surrogate-text": ('{"file_name": "a.wav", "text": "\\ud800"}', "metadata.jsonl:1: .*surrogate"),
        "surrogate-file": ('{"file_name": "\\udc80.wav", "text": "X"}', "metadata.jsonl:1: .*surrogate"),
        "surrogate-key": ('{"file_name": "a.wav", "text": "X", "\\ud800": 1}', "metadata.jsonl:1: .*surrogate"),
        "nan": ('{"file_name": "a.wav", "text": "ONE TONE", "speaker": NaN}', {"a": "ONE TONE"}),
        "huge-number": ('{"file_name": "a.wav", "text": "ONE TONE", "speaker": ' + "9" * 5000 + "}", {"a": "ONE TONE"}),
        "latin-1": (good[0].replace("ONE", "É").encode("latin-1"), "metadata.jsonl:1: is not UTF-8"),
    }  # fmt: skip
    return {
        f"jsonl-{name}": (table("metadata.jsonl", content), told)
        for name, (content, told) in contents.items()
    }


def list_parquet() -> Cases:
    """Parquet files."""

    def write(columns: dict) -> Build:
        return lambda folder: pyarrow.parquet.write_table(pyarrow.table(columns), folder / "0.parquet")

    def cut(share: float) -> Build:
        whole = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(good), whole)
        return table("0.parquet", whole.getvalue()[: int(whole.tell() * share)])

    audio = [{"bytes": encode(make_sound(0.1), "flac"), "path": None}] * 2
    good = {"id": ["a", "b"], "audio": audio, "text": list(GOOD.values())}
    nothing = pyarrow.array([], "string")
    array = [{"array": [0.0], "sampling_rate": 16000}] * 2
    damages = {
        "good": (write(good), GOOD),
        **{f"cut-{share}": (cut(share), "0.parquet: cannot be read as parquet") for share in (0.0, 0.5, 0.99)},
        "text": (table("0.parquet", "no table"), "0.parquet: cannot be read as parquet"),
        "pointer": (table("0.parquet", "version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        "no-rows": (write({"id": nothing, "audio": nothing, "text": nothing}), "no utterances"),
        "no-columns": (write({}), "no column audio or file_name"),
        "null-text": (write(good | {"text": ["A", None]}), "b: row 1 of .* has no text"),
        "null-id": (write(good | {"id": [None, "b"]}), {"0-0": "ONE TONE", "b": "A TONE"}),
        "null-audio": (write(good | {"audio": [audio[0], None]}), "b: has neither audio bytes nor an audio path"),
        "numbers-for-text": (write(good | {"text": [[1], [2]]}), "text: expected string"),
        "numbers-for-audio": (write(good | {"audio": [1, 2]}), "audio: expected binary"),
        "decoded": (write(good | {"audio": array}), "holds decoded samples"),
        "id-twice": (write(good | {"id": ["a", "a"]}), "a#2: the id a occurs more than once"),
        "bad-utf-8": (write(good | {"text": pyarrow.array([b"\xff\xfe", b"A"])}), "text: .*(UTF-?8|string)"),
        "climbing": (write(good | {"audio": [{"bytes": None, "path": "../../../etc/passwd"}] * 2}), OUTSIDE),
    }  # fmt: skip
    return {f"parquet-{name}": case for name, case in damages.items()}


def list_trees() -> Cases:
    """LibriSpeech trees."""
    transcript = "1/2/1-2.trans.txt"

    def tree(lines: str | bytes | None, spoil: Build = lambda folder: None) -> Build:
        def build(folder: Path) -> None:
            (folder / "1" / "2").mkdir(parents=True)
            for number, name in enumerate("ab"):
                os.replace(folder / f"{name}.wav", folder / f"1/2/1-2-000{number}.flac")
            if lines is not None:
                table(transcript, lines)(folder)
            spoil(folder)

        return build

    def speakers(content: str | bytes) -> Build:
        return tree(good, lambda folder: table("SPEAKERS.TXT", content)(folder.parent))

    good = "1-2-0000 ONE TONE\n1-2-0001 A TONE\n"
    found = {"1-2-0000": "ONE TONE", "1-2-0001": "A TONE"}
    cases = {
        "good": (tree(good), found),
        "no-transcripts": (tree(None), "1-2.trans.txt: the chapter's transcripts are missing"),
        "latin-1": (tree(good.replace("0000 ONE", "0000 É").encode("latin-1")), found | {"1-2-0000": "\ufffd TONE"}),
        "id-without-parts": (tree("ONE TONE\n"), "1-2.trans.txt:1: expected 'speaker-chapter-number"),
        "id-of-words": (tree("a-b-c ONE\n"), "1-2.trans.txt:1: expected"),
        "huge-id": (tree(f"{'9' * 5000}-2-1 ONE\n"), "neither it nor any other recording"),
        "id-twice": (tree(good + "1-2-0001 X\n"), "1-2-0001#2: the id 1-2-0001 occurs more than once"),
        "unknown-recording": (tree(good + "1-2-0009 X\n"), "the audio of 1-2-0009 does not exist"),
        "climbing-id": (tree("../../x-2-1 X\n"), "expected|does not exist"),
        "empty-transcripts": (tree(""), "no utterances"),
        "text-missing": (tree("1-2-0000\n1-2-0001 A TONE\n"), "1-2-0000: .*trans.txt:1 has no text"),
        "foreign-folders": (tree(good, lambda folder: (folder / "@eaDir" / "x").mkdir(parents=True)), found),
        "transcript-is-a-folder": (tree(None, lambda folder: (folder / transcript).mkdir()), "trans.txt"),
        "speakers-binary": (speakers(bytes(range(256))), found),
        "speakers-header-only": (speakers(";ID |SEX\n"), found),
        "speakers-fields": (speakers("1 | F\n1|F|x|y|z\n"), found),
        "speakers-nan": (speakers("1|F|s|nan|A\n"), found),
        "speakers-huge": (speakers("9" * 5000 + "|F|s|1|A\n"), found),
        "speakers-escape": (speakers("x\x1b[2J|F\n"), found),
        "speakers-folder": (tree(good, lambda folder: (folder.parent / "SPEAKERS.TXT").mkdir()), found),
    }  # fmt: skip
    return {f"tree-{name}": case for name, case in cases.items()}


BAD_TABLES = list_csv() | list_json() | list_parquet() | list_trees()
REFUSED = "a transcript may hold the letters"
BAD_TEXTS = {
    # name -> text, the transcript that it is taken for or a pattern of the refusal, with `text.normalize: strict`
    "digits": ("ROOM 12", REFUSED), "half": ("HALF IS \u00bd", REFUSED), "ampersand": ("YOU & ME", REFUSED),
    "emoji": ("OH \U0001f600", REFUSED), "cyrillic": ("\u041d\u0415\u0422", REFUSED),
    "chinese": ("\u4f60\u597d", REFUSED),
    "arabic": ("\u0645\u0631\u062d\u0628\u0627", REFUSED), "arabic-digits": ("\u0663", REFUSED),
    "pipe": ("A|B", REFUSED),
    "token": ("<pad> A", REFUSED), "script": ("<script>alert(1)</script>", REFUSED), "braces": ("{{ 7*7 }}", REFUSED),
    "markup": ("[/bold] A", REFUSED), "dollar": ("$A", REFUSED), "escape": ("A\x1b[2JB", REFUSED),
    "nul": ("A\0B", REFUSED + "|^A ?B$"), "replacement": ("A \ufffd", REFUSED), "private": ("A \ue000", REFUSED),
    "omega": ("\u03a9", REFUSED), "superscript": ("A\u00b2", REFUSED), "roman": ("\u2163", REFUSED),
    "641-letters": ("A" * 641, "641 letters, the limit is 640"), "megabyte": ("A " * 500_000, "letters, the limit is"),
    "accents": ("caf\u00e9 na\u00efve", "CAFE NAIVE"), "zalgo": ("A" + "\u0301" * 5000 + "B", "AB"),
    "direction": ("\u202eA\u202c B", "A B"), "zero-width": ("A\u200bB\ufeff", "AB"),
    "tabs": ("A\tB\u00a0C\u2003D", "A B C D"),
    "lines": ("A\nB\r\nC", "A B C"), "lower": ("it's a tone", "IT'S A TONE"), "quote": ("don\u2019t", "DON'T"),
    "acute": ("don\u00b4t", "DON'T"), "wide": ("\uff21\uff22", "AB"), "ligature": ("\ufb01ne", "FINE"),
    "sharp-s": ("stra\u00dfe", "STRASSE"), "dotted-i": ("\u0130zmir", "IZMIR"), "empty": ("", NO_TEXT),
    "spaces": ("   ", NO_TEXT),
}  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with the subset `bad`, and the cache beside it."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv(SUBSETS_VARIABLE, "bad")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*left out:UserWarning")
@pytest.mark.parametrize("name", BAD_TABLES)
def test_table_has_its_outcome(root, monkeypatch, capsys, name):
    build, outcome = BAD_TABLES[name]
    source = "openslr" if name.startswith("tree-") else "files"
    folder = root / "LibriSpeech" / "bad" if source == "openslr" else root / "bad"
    folder.mkdir(parents=True)
    for recording in ("a.wav", "b.wav"):
        (folder / recording).write_bytes(SOUND)
    (folder / "link.wav").symlink_to("/etc/hostname")
    build(folder)
    monkeypatch.setenv(SOURCE_VARIABLE, source)
    code = describe_corpus.main([])
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert text.replace("\n", "").isprintable()
    if isinstance(outcome, str):
        assert code in (1, 2) and re.search(outcome, text), text
        assert max(map(len, text.splitlines())) < 6000
        return
    assert code == 0, text
    split = load_split(load_configuration().corpus, "test")
    assert dict(zip(split.ids, split.texts, strict=True)) == outcome
    minutes = [speaker.total_minutes for speaker in split.speakers.values()]
    assert all(number is None or np.isfinite(number) for number in minutes)


@pytest.fixture(scope="module")
def texts(evaluate, tmp_path_factory):
    """The run's results by utterance id, its folder and process."""
    root = tmp_path_factory.mktemp("texts")
    audio = {"bytes": SOUND, "path": None}
    rows = [{"id": name, "text": text, "audio": audio} for name, (text, _) in BAD_TEXTS.items()]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), root / "bad.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NORMALIZE_VARIABLE, "strict")
        process = evaluate(root, "bad", root / "out")
    assert process.returncode == 1, process.stderr
    return pd.read_parquet(root / "out" / "results.parquet").set_index("utterance_id"), root / "out", process


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_transcript_has_its_outcome(texts, name):
    row, outcome = texts[0].loc[name], BAD_TEXTS[name][1]
    if pd.isna(row["error"]):
        assert row["reference"] == outcome or (outcome and re.search(outcome, row["reference"]))
    else:
        assert row["error"].startswith(f"{name}: ") and outcome and re.search(outcome, row["error"])


def test_page_and_terminal_show_texts_as_text(texts):
    _, out, process = texts
    assert "Traceback" not in process.stderr
    assert (process.stdout + process.stderr).replace("\n", "").isprintable()
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>") and "<script>alert(1)" not in page
    assert not set("\x1b\0\u202e") & set(page)
    failed = json.loads((out / "summary.json").read_text())["failures"]
    refused = {
        name for name, (_, outcome) in BAD_TEXTS.items() if re.search("may hold|limit|no text", outcome)
    }
    assert refused - {"nul"} <= set(failed) <= refused
