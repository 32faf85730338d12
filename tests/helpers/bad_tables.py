"""Bad tables and transcripts with their right outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tests.helpers.bad_recordings import encode, make_sound

Texts = dict[str, str]
LEFT_OUT = "left out"
OUTSIDE = "outside"
NO_TEXT = "has no text; give it one"
GOOD: Texts = {"a": "ONE TONE", "b": "A TONE"}


@dataclass(frozen=True)
class BadTable:
    """A corpus and what must come of it.

    Attributes:
        name: of the case.
        build: makes it in a folder, where a.wav and b.wav are already.
        outcome: transcripts by utterance id, or a pattern of the refusal.
        source: as `--source`.
    """

    name: str
    build: Callable[[Path], Any]
    outcome: Texts | str
    source: str = "files"


def table(name: str, content: str | bytes) -> Callable[[Path], Any]:
    """A table under a name."""
    return lambda folder: (folder / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def csv(content: str | bytes, outcome: Texts | str, name: str) -> BadTable:
    """A metadata.csv."""
    return BadTable(f"csv-{name}", table("metadata.csv", content), outcome)


def list_csv() -> list[BadTable]:
    """Comma-separated tables."""
    rows = "file_name,text\na.wav,ONE TONE\nb.wav,A TONE\n"
    return [
        csv(rows, GOOD, "good"),
        csv(b"", "metadata.csv: is empty", "empty"),
        csv("\n\n", "metadata.csv: is empty", "blank"),
        csv("file_name,text\n", "bad: the subset holds no utterances", "header-only"),
        csv("\ufeff" + rows, GOOD, "byte-order-mark"),
        csv(rows.replace("\n", "\r\n"), GOOD, "crlf"),
        csv(rows.replace("\n", "\r"), GOOD, "cr"),
        csv(rows.replace("\n", "\n\n"), GOOD, "blank-lines"),
        csv(rows.encode("utf-16"), GOOD, "utf-16"),
        csv(rows.encode("utf-16-le"), "metadata.csv.*(no column|fields)", "utf-16-without-mark"),
        csv(rows.replace("ONE", "É").encode("latin-1"), "metadata.csv:2: is not UTF-8", "latin-1"),
        csv(rows.replace(",", ";"), "single column, 'file_name;text'; separate columns by commas", "semicolons"),
        csv(rows.replace("text", "words"), dict.fromkeys(GOOD), "no-text"),
        csv(rows.replace("file_name", "sound"), "no column audio or file_name", "no-audio"),
        csv(rows + "c.wav\n", "c: .*metadata.csv:4: has 1 fields, the header 2", "short-row"),
        csv(rows + "c.wav,X,Y\n", "c: .*metadata.csv:4: has 3 fields", "long-row"),
        csv(rows.replace("ONE", '"ONE'), "metadata.csv:.*(fields|quot)", "open-quote"),
        csv(rows.replace("ONE", "O" * 200_000), "metadata.csv:.*field", "huge-field"),
        csv(rows.replace("a.wav,O", "a.wav,O\0"), {**GOOD, "a": "O\0NE TONE"}, "nul"),
        csv("file_name,text,text\na.wav,ONE TONE,X\n", "the column text occurs more than once", "column-twice"),
        csv(rows + "a.wav,AGAIN\n", "a#2: the id a occurs more than once", "id-twice"),
        csv("file_name,id,text\na.wav,,ONE TONE\n", {"a": "ONE TONE"}, "empty-id"),
        csv("file_name,text\na.wav,\n", "a: row 0 of .*metadata.csv has no text", "empty-text"),
        csv("file_name,text\n,ONE TONE\n", "neither audio bytes nor an audio path", "empty-file"),
        csv("file_name,text\n../../../etc/passwd,X\n", OUTSIDE, "climbs"),
        csv("file_name,text\n/etc/passwd,X\n", OUTSIDE, "absolute"),
        csv("file_name,text\nlink.wav,X\na.wav,Y\n", OUTSIDE, "link"),
        csv("file_name,text\n.,X\na.wav,Y\n", "not there", "the-folder"),
        csv("file_name,text\na\0.wav,X\na.wav,Y\n", r"a.x00.wav: the audio of a.x00 is not there", "nul-in-path"),
        csv(f"file_name,text\n{'x' * 5000}.wav,X\n", "too long|not there|neither it", "long-path"),
        csv("file_name,text\nc.wav,X\nd.wav,Y\n", "neither it nor another recording is there", "none-there"),
        csv("file_name,text,speaker\na.wav,ONE TONE," + "9" * 5000 + "\n", {"a": "ONE TONE"}, "huge-speaker"),
        csv("file_name,id,text\na.wav,[/bold]\x1b[2J,ONE TONE\n", {"[/bold]\x1b[2J": "ONE TONE"}, "markup-id"),
        csv(os.urandom(0) + b"\x1f\x8b\x08" + bytes(range(256)), "metadata.csv:1: is not UTF-8", "gzip"),
        BadTable("tsv-quotes", table("metadata.tsv", 'path\tsentence\na.wav\t"ONE" TONE\n'), {"a": '"ONE" TONE'}),
        BadTable("tsv-commas", table("metadata.tsv", rows), "single column, .*; separate columns by tabs"),
        BadTable("csv-is-a-folder", lambda folder: (folder / "metadata.csv").mkdir(), "the subset bad is not there"),
        BadTable("nothing", lambda folder: None, "the subset bad is not there"),
    ]  # fmt: skip


def list_json() -> list[BadTable]:
    """JSON lines and manifests."""
    good = ['{"file_name": "a.wav", "text": "ONE TONE"}', '{"file_name": "b.wav", "text": "A TONE"}']

    def lines(*items: str) -> str:
        return "\n".join(items)

    contents: dict[str, tuple[str | bytes, Texts | str]] = {
        "good": (lines(*good), GOOD),
        "array": (f"[{','.join(good)}]", "metadata.jsonl:1: expected a JSON object"),
        "half": (lines(good[0], good[1][:20]), "metadata.jsonl:2: is no JSON object"),
        "text": ("file_name,text\na.wav,X\n", "metadata.jsonl:1: is no JSON object"),
        "number": (lines(*good, "5"), "metadata.jsonl:3: expected a JSON object"),
        "deep": (lines(*good, "[" * 100_000), "metadata.jsonl:3: is no JSON object"),
        "deep-object": (lines(*good, '{"a":' * 100_000), "metadata.jsonl:3: is no JSON object"),
        "empty": ("", "metadata.jsonl: is empty"),
        "keys-missing": (lines(good[0], '{"file_name": "b.wav"}'), "b: row 1 of .* has no text"),
        "null-text": (lines(good[0], '{"file_name": "b.wav", "text": null}'), "b: row 1 of .* has no text"),
        "number-text": ('{"file_name": "a.wav", "text": 5}', {"a": "5"}),
        "list-file": ('{"file_name": ["a.wav"], "text": "X"}', "not there|neither it"),
        "surrogate-text": ('{"file_name": "a.wav", "text": "\\ud800"}', "metadata.jsonl:1: .*surrogate"),
        "surrogate-file": ('{"file_name": "\\udc80.wav", "text": "X"}', "metadata.jsonl:1: .*surrogate"),
        "surrogate-key": ('{"file_name": "a.wav", "text": "X", "\\ud800": 1}', "metadata.jsonl:1: .*surrogate"),
        "nan": ('{"file_name": "a.wav", "text": "ONE TONE", "speaker": NaN}', {"a": "ONE TONE"}),
        "huge-number": ('{"file_name": "a.wav", "text": "ONE TONE", "speaker": ' + "9" * 5000 + "}", {"a": "ONE TONE"}),
        "latin-1": (good[0].replace("ONE", "É").encode("latin-1"), "metadata.jsonl:1: is not UTF-8"),
    }  # fmt: skip
    return [
        BadTable(f"jsonl-{name}", table("metadata.jsonl", x), outcome)
        for name, (x, outcome) in contents.items()
    ]


def list_parquet() -> list[BadTable]:
    """Parquet files."""

    def write(columns: dict[str, Any]) -> Callable[[Path], Any]:
        return lambda folder: pyarrow.parquet.write_table(pyarrow.table(columns), folder / "0.parquet")

    def cut(share: float) -> Callable[[Path], Any]:
        def build(folder: Path) -> None:
            write(good)(folder)
            path = folder / "0.parquet"
            os.truncate(path, int(path.stat().st_size * share))

        return build

    sound = encode(make_sound(0.1), "flac")
    audio = [{"bytes": sound, "path": None}] * 2
    good = {"id": ["a", "b"], "audio": audio, "text": list(GOOD.values())}
    nothing = pyarrow.array([], "string")
    array = [{"array": [0.0], "sampling_rate": 16000}] * 2
    damages: dict[str, tuple[Callable[[Path], Any], Texts | str]] = {
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
    return [BadTable(f"parquet-{name}", build, outcome) for name, (build, outcome) in damages.items()]


def list_trees() -> list[BadTable]:
    """LibriSpeech trees."""
    transcript = "1/2/1-2.trans.txt"

    def tree(
        lines: str | bytes | None, spoil: Callable[[Path], Any] = lambda folder: None
    ) -> Callable[[Path], Any]:
        def build(folder: Path) -> None:
            (folder / "1" / "2").mkdir(parents=True)
            for number, name in enumerate("ab"):
                os.replace(folder / f"{name}.wav", folder / f"1/2/1-2-000{number}.flac")
            if lines is not None:
                (folder / transcript).write_bytes(lines.encode() if isinstance(lines, str) else lines)
            spoil(folder)

        return build

    def speakers(content: str | bytes) -> Callable[[Path], Any]:
        return tree(good, lambda folder: table("SPEAKERS.TXT", content)(folder.parent))

    good = "1-2-0000 ONE TONE\n1-2-0001 A TONE\n"
    found = {"1-2-0000": "ONE TONE", "1-2-0001": "A TONE"}
    cases: dict[str, tuple[Callable[[Path], Any], Texts | str]] = {
        "good": (tree(good), found),
        "no-transcripts": (tree(None), "1-2.trans.txt: the chapter's transcripts are not there"),
        "latin-1": (tree(good.replace("0000 ONE", "0000 É").encode("latin-1")), found | {"1-2-0000": "\ufffd TONE"}),
        "id-without-parts": (tree("ONE TONE\n"), "1-2.trans.txt:1: expected 'speaker-chapter-number"),
        "id-of-words": (tree("a-b-c ONE\n"), "1-2.trans.txt:1: expected"),
        "huge-id": (tree(f"{'9' * 5000}-2-1 ONE\n"), "neither it nor another recording"),
        "id-twice": (tree(good + "1-2-0001 X\n"), "1-2-0001#2: the id 1-2-0001 occurs more than once"),
        "unknown-recording": (tree(good + "1-2-0009 X\n"), "the audio of 1-2-0009 is not there"),
        "climbing-id": (tree("../../x-2-1 X\n"), "expected|not there"),
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
    return [BadTable(f"tree-{name}", build, outcome, "openslr") for name, (build, outcome) in cases.items()]


def list_bad_tables() -> list[BadTable]:
    """All of them."""
    return [*list_csv(), *list_json(), *list_parquet(), *list_trees()]


REFUSED = "a transcript may hold the letters"
BAD_TEXTS: dict[str, tuple[str, str]] = {
    # name -> text, the transcript that it is taken for or a pattern of the refusal
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
"""With `text.normalize: strict`."""
