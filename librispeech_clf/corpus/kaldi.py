"""Kaldi data folders and STM files as rows of a table.

wav.scp       rec-0001 wavs/rec-0001.wav        a path; a command (with | at its end) is never run
text          utt-0001 HE HOPED THERE WOULD BE
segments      utt-0001 rec-0001 0.00 3.52       the utterance is a part of a recording
reco2file_and_channel   rec-0001 call7 A        the recording is a channel of a file
utt2spk       utt-0001 speaker-7
utt2dur, ...  utt-0001 3.5                      a further column, here `dur`
spk2gender    speaker-7 f                       a further column, `gender`

call7.stm     call7 A speaker-7 0.00 3.52 <o,f0,female> HE HOPED THERE WOULD BE
"""

from __future__ import annotations

import re
from pathlib import Path

from librispeech_clf.corpus.text_tables import AUDIO_ENDINGS, IGNORED, PLACE, PROBLEM, Row, decode_text

RECORDINGS, TRANSCRIPTS, SPEAKERS, SEGMENTS, GENDERS = "wav.scp", "text", "utt2spk", "segments", "spk2gender"
CHANNELS = "reco2file_and_channel"
FROM_ONE = {"1": "A", "2": "B"}
"""Channels as numbers count from 1 in STM and reco2file_and_channel."""
_IN_ARCHIVE = re.compile(r".*\.ark:\d+$")


def list_files(folder: Path) -> list[Path]:
    """List the files of a Kaldi folder that say something of its utterances."""
    fixed = [folder / name for name in (RECORDINGS, TRANSCRIPTS, GENDERS, SEGMENTS, CHANNELS)]
    return [path for path in [*fixed, *sorted(folder.glob("utt2*"))] if path.is_file()]


def read_folder(folder: Path) -> list[Row]:
    """Read a Kaldi folder; an utterance that lacks something says what.

    Raises:
        FileNotFoundError: there is no `text`.
        ValueError: a file is not UTF-8, or a line of `segments` does not fit.
    """
    if not (folder / TRANSCRIPTS).is_file():
        raise FileNotFoundError(
            f"{folder / TRANSCRIPTS}: a line 'utterance TRANSCRIPT' each is needed; add it."
        )
    lines = {path.name: _read_lines(path) for path in list_files(folder)}
    tables = {name: dict(pairs) for name, pairs in lines.items()}
    sources, speakers = tables[RECORDINGS], tables.get(SPEAKERS, {})
    channels = {
        name: FROM_ONE.get(value.split()[-1], value.split()[-1])
        for name, value in tables.get(CHANNELS, {}).items()
        if value
    }
    segments = {name: value.split() for name, value in tables.get(SEGMENTS, {}).items()}
    texts = tables[TRANSCRIPTS]
    pairs: list[tuple[str, str | None]] = [*lines[TRANSCRIPTS]]
    pairs += [(name, None) for name in segments or sources if name not in texts]
    rows: list[Row] = []
    for number, (name, text) in enumerate(pairs):
        recording, *times = segments.get(name) or [name]
        source = sources.get(recording)
        problem = None
        if text is None:
            problem = f"{folder / TRANSCRIPTS} has no line for it; add its transcript."
        elif segments and name not in segments:
            problem = f"{folder / SEGMENTS} has no line for it; add its recording and times."
        elif not source:
            missing = "it" if recording == name else recording
            problem = f"{folder / RECORDINGS} has no line for {missing}; add its recording's path."
        elif source.endswith("|"):
            problem = f"{folder / RECORDINGS} has a command, which is never run ({source}); write its output to a file."
        elif _IN_ARCHIVE.match(source):
            problem = f"{folder / RECORDINGS} names a place in an archive ({source}), which is not read; make a file."
        further = {
            file.removeprefix("utt2"): values.get(name)
            for file, values in tables.items()
            if file[:4] == "utt2"
        }
        further.pop("spk", None)
        row: Row = {
            **further,
            "gender": tables.get(GENDERS, {}).get(speakers.get(name, "")),
            "id": name,
            "file_name": None if problem else source,
            "text": text,
            "speaker_id": speakers.get(name),
            PLACE: (folder / TRANSCRIPTS, number),
        }
        row |= dict(zip(("start", "end", "channel"), times, strict=False))
        if recording in channels:
            row.setdefault("channel", channels[recording])
        if problem:
            row[PROBLEM] = problem
        rows.append(row)
    return rows


def read_stm(path: Path) -> list[Row]:
    """Read an STM file (NIST sclite): recording, channel, speaker, start, end, labels in <>, transcript."""
    folders = [path.parent, *(path.parent.parent / name for name in ("sph", "wav", "audio"))]
    rows: list[Row] = []
    for number, line in enumerate(decode_text(path).splitlines()):
        if not line.strip() or line.startswith(";;"):
            continue
        recording, *fields = line.split(None, 5)
        row: Row = {PLACE: (path, number), "file_name": recording}
        row |= dict(zip(("channel", "speaker", "start", "end", "text"), fields, strict=False))
        row["channel"] = FROM_ONE.get(row.get("channel", ""), row.get("channel"))
        if len(fields) < 4:
            row[PROBLEM] = (
                f"{path}:{number + 1}: expected recording, channel, speaker, start, end and transcript."
            )
        if labels := re.match(r"<([^\s>]*)>(?:\s+|$)", row.get("text", "")):
            row |= {"labels": labels[1], "text": row["text"][labels.end() :]}
        if row.get("speaker") == "inter_segment_gap":
            row["text"] = IGNORED
        places = (folder / f"{recording}{ending}" for folder in folders for ending in AUDIO_ENDINGS)
        row["file_name"] = str(next((place for place in places if place.is_file()), recording))
        rows.append(row)
    return rows


def _read_lines(path: Path) -> list[tuple[str, str]]:
    """The first word of each line and the rest."""
    pairs = (line.strip().partition(" ") for line in decode_text(path).replace("\t", " ").split("\n"))
    return [(name, rest.strip()) for name, _, rest in pairs if name]
