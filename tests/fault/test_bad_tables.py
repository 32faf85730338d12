"""Bad tables are refused in a line that names them, or read as told; bad transcripts fail alone."""

import json
import re

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
from tests.helpers.bad_tables import BAD_TEXTS, list_bad_tables

pytestmark = pytest.mark.fault
SOUND = encode(make_sound(0.1), "wav")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with the subset `bad`, and the cache beside it."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv(SUBSETS_VARIABLE, "bad")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


def build(bad, root):
    folder = root / "LibriSpeech" / "bad" if bad.source == "openslr" else root / "bad"
    folder.mkdir(parents=True)
    for name in "ab":
        (folder / f"{name}.wav").write_bytes(SOUND)
    (folder / "link.wav").symlink_to("/etc/hostname")
    bad.build(folder)


@pytest.mark.filterwarnings("ignore:.*left out:UserWarning")
@pytest.mark.parametrize("bad", list_bad_tables(), ids=lambda bad: bad.name)
def test_table_has_its_outcome(root, monkeypatch, capsys, bad):
    build(bad, root)
    monkeypatch.setenv(SOURCE_VARIABLE, bad.source)
    code = describe_corpus.main([])
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert text.replace("\n", "").isprintable()
    if isinstance(bad.outcome, str):
        assert code in (1, 2) and re.search(bad.outcome, text), text
        assert max(map(len, text.splitlines())) < 6000
        return
    assert code == 0, text
    split = load_split(load_configuration().corpus, "test")
    assert dict(zip(split.ids, split.texts, strict=True)) == bad.outcome
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
