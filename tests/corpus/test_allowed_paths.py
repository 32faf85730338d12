"""A table may name recordings under the data root only, or in folders that config.yaml allows."""

import pytest
import yaml

from librispeech_clf.configuration import PACKAGE_FOLDER, load_configuration
from librispeech_clf.corpus import files
from librispeech_clf.corpus.load import load_split
from tests.helpers.own_corpora import write_table

TABLES = ("metadata.csv", "metadata.jsonl", "0.parquet")
INSIDE = ("a.wav", "./a.wav", "../shared.wav", "../test/a.wav", "{root}/test/a.wav")
OUTSIDE = ("../../secret/key.wav", "../../secret/missing.wav", "../../data-of-others/key.wav", "/etc/passwd")
OUTSIDE += ("../test/../../secret/key.wav", "{root}/../secret/key.wav", "link.wav", "linked/key.wav")


@pytest.fixture
def data(tmp_path):
    """A data root with an audio folder, and a secret beside it."""
    for place in ("secret/key.wav", "data-of-others/key.wav", "data/test/a.wav", "data/shared.wav"):
        write_table(tmp_path / place, b"RIFF")
    (tmp_path / "data/test/link.wav").symlink_to(tmp_path / "secret/key.wav")
    (tmp_path / "data/test/linked").symlink_to(tmp_path / "secret")
    return tmp_path / "data"


def write(data, table, *names):
    """Write the table that names the recordings."""
    key = "audio" if "parquet" in table else "file_name"
    rows = [{key: name.format(root=data), "text": "A", "id": str(row)} for row, name in enumerate(names)]
    write_table(data / "test" / table, rows)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", OUTSIDE)
def test_path_out_of_the_root_is_taken_out_and_fails_alone(data, table, name):
    write(data, table, "a.wav", name)
    inside, outside = files.open_subset(data, "test")
    assert inside["problem"] is None and inside["audio"]["path"] == str(data / "test/a.wav")
    assert outside["audio"] == {"bytes": None, "path": None}
    assert "names its recording outside" in outside["problem"]
    assert name.rpartition("/")[2] in outside["problem"] and "audio_folders in config" in outside["problem"]


@pytest.mark.parametrize("table", TABLES)
def test_table_whose_recordings_all_lie_outside_is_refused(data, table):
    write(data, table, "../../secret/key.wav", "/etc/passwd")
    with pytest.raises(ValueError, match=r"every recording lies outside .*audio_folders in config.yaml"):
        files.open_subset(data, "test")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", INSIDE)
def test_path_inside_the_root_is_taken(data, table, name):
    write(data, table, name)
    (row,) = files.open_subset(data, "test")
    assert row["audio"]["path"] and row["problem"] is None


def test_path_beside_bytes_is_only_a_name(data):
    write_table(data / "test/0.parquet", [{"audio": {"bytes": b"RIFF", "path": "/etc/passwd"}, "text": "A"}])
    assert files.open_subset(data, "test")[0]["audio"]["bytes"] == b"RIFF"


def test_linked_root_and_linked_subset_are_followed(data, tmp_path):
    write(data, "metadata.csv", "a.wav")
    (tmp_path / "elsewhere").symlink_to(data)
    (data / "own").symlink_to(data / "test")
    for root, subset in ((tmp_path / "elsewhere", "test"), (data, "own")):
        assert files.open_subset(root, subset)["problem"][:] == [None]


def test_folder_named_in_the_settings_is_allowed_and_counts_at_once(data, tmp_path):
    write_table(data / "test/metadata.csv", "file_name,text\n../../secret/key.wav,A\n")
    values = yaml.safe_load((PACKAGE_FOLDER / "config.yaml").read_text())
    corpus = values["corpus"] | {"source": "files", "root": str(data)}
    corpus.pop("audio_folders", None)
    settings = tmp_path / "own.yaml"
    for further in ({"audio_folders": [str(tmp_path / "secret")]}, {"audio_folders": []}, {}):
        settings.write_text(yaml.safe_dump(values | {"corpus": corpus | further}))
        configured = load_configuration(settings, environment={}).corpus
        if any(further.values()):
            assert load_split(configured, "test").ids == ["key"]
        else:
            with pytest.raises(ValueError, match="outside"):
                load_split(configured, "test")
