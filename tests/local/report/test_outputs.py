"""What an evaluation leaves, and reads of its last: the speed of its stages, the notes that the page exports."""

import json

import pytest

from librispeech_clf.local.report.outputs import Speed, read_notes


def test_stages_are_rated_by_the_audio_if_there_is_any():
    speed = Speed(120.0, {"evaluation": 3.0, "page": 0.5})
    assert speed.report() == {
        "audio_s": 120.0,
        "evaluation": {"seconds": 3.0, "times_real_time": 40.0},
        "page": {"seconds": 0.5, "times_real_time": 240.0},
    }
    told = "2.0 minutes of audio: evaluation 3.0 s (40 x real time), page 0.5 s (240 x real time)."
    assert str(speed) == told
    with speed.measure("analysis"):
        pass
    assert 0 <= speed.stages["analysis"] < 1
    silent = Speed(0.0, {"evaluation": 0.0}).report()
    assert json.loads(json.dumps(silent)) == {
        "audio_s": 0.0,
        "evaluation": {"seconds": 0.0, "times_real_time": 0.0},
    }


def test_exported_notes_are_read_and_a_file_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "notes.csv"
    rows = 'utterance_id,note,other\r\na-1,\'=odd,1\r\nb-2,,2\r\nc-3,"two\nlines",3\r\n'
    path.write_text(rows, "utf-8-sig")
    assert read_notes(path) == {"a-1": "=odd", "c-3": "two\nlines"}
    for text in ("", "utterance_id,text\n1,2\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="utterance_id and note"):
            read_notes(path)
    for content, reason in (
        ("utterance_id,note\na,caf\xe9\n".encode("latin-1"), "notes.csv:2: is not UTF-8"),
        (b"utterance_id,note\na," + 200_000 * b"x", "notes.csv: is no table of notes"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=reason):
            read_notes(path)
    path.write_bytes("utterance_id,note\na,caf\xe9\n".encode("utf-16"))
    assert read_notes(path) == {"a": "caf\xe9"}
