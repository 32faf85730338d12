"""Notes survive the next run: what the page exports is read again."""

import pytest

from librispeech_clf.local.report.outputs import read_notes


def test_an_export_is_read(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text(
        'utterance_id,note,other\r\na-1,\'=odd,1\r\nb-2,,2\r\nc-3,"two\nlines",3\r\n', "utf-8-sig"
    )
    assert read_notes(path) == {"a-1": "=odd", "c-3": "two\nlines"}


@pytest.mark.parametrize("text", ["", "utterance_id,text\n1,2\n"])
def test_a_file_without_the_columns_is_refused(tmp_path, text):
    (tmp_path / "notes.csv").write_text(text)
    with pytest.raises(ValueError, match="utterance_id and note"):
        read_notes(tmp_path / "notes.csv")
