"""A table may name recordings under the data root only, or in folders that config.yaml allows."""

import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from librispeech_clf.configuration import PACKAGE_FOLDER, load_configuration
from librispeech_clf.corpus import files
from librispeech_clf.corpus.load import load_split


@pytest.fixture
def data(tmp_path):
    """A data root with an audio folder, and a secret beside it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.wav").write_bytes(b"SECRET")
    (tmp_path / "data-of-others").mkdir()
    (tmp_path / "data-of-others/key.wav").write_bytes(b"SECRET")
    (tmp_path / "data/test").mkdir(parents=True)
    (tmp_path / "data/test/a.wav").write_bytes(b"RIFF")
    (tmp_path / "data/shared.wav").write_bytes(b"RIFF")
    (tmp_path / "data/test/link.wav").symlink_to(tmp_path / "secret/key.wav")
    (tmp_path / "data/test/linked").symlink_to(tmp_path / "secret")
    return tmp_path / "data"


OUTSIDE = (
    "../../secret/key.wav",
    "../../data-of-others/key.wav",
    "../test/../../secret/key.wav",
    "{root}/../secret/key.wav",
    "/etc/passwd",
    "link.wav",
    "linked/key.wav",
    "../../secret/missing.wav",
)


def write_table(folder, form, names):
    """Write the table that names the recordings."""
    if form == "parquet":
        columns = {"audio": names, "text": ["A"] * len(names), "id": [str(n) for n in range(len(names))]}
        pa.parquet.write_table(pa.table(columns), folder / "0.parquet")
    elif form == "csv":
        rows = "".join(f"{name},A\n" for name in names)
        (folder / "metadata.csv").write_text(f"file_name,text\n{rows}")
    else:
        rows = "".join(f'{{"file_name": "{name}", "text": "A"}}\n' for name in names)
        (folder / "metadata.jsonl").write_text(rows)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_path_out_of_the_root_is_taken_out_and_fails_alone(data, form, name):
    write_table(data / "test", form, ["a.wav", name.format(root=data)])
    inside, outside = files.open_subset(data, "test")
    assert inside["problem"] is None and inside["audio"]["path"] == str(data / "test/a.wav")
    assert outside["audio"] == {"bytes": None, "path": None}
    assert "names its recording outside" in outside["problem"]
    assert name.rpartition("/")[2] in outside["problem"] and "audio_folders in config" in outside["problem"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_table_whose_recordings_all_lie_outside_is_refused(data, form):
    write_table(data / "test", form, ["../../secret/key.wav", "/etc/passwd"])
    with pytest.raises(ValueError, match=r"every recording lies outside .*audio_folders in config.yaml"):
        files.open_subset(data, "test")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", ["a.wav", "./a.wav", "../shared.wav", "../test/a.wav", "{root}/test/a.wav"])
def test_path_inside_the_root_is_taken(data, form, name):
    write_table(data / "test", form, [name.format(root=data)])
    assert len(files.open_subset(data, "test")) == 1


def test_path_beside_bytes_is_only_a_name(data):
    audio = [{"bytes": b"RIFF", "path": "/etc/passwd"}]
    pa.parquet.write_table(pa.table({"audio": audio, "text": ["A"]}), data / "test/0.parquet")
    assert files.open_subset(data, "test")[0]["audio"]["bytes"] == b"RIFF"


def test_linked_root_and_linked_subset_are_followed(data, tmp_path):
    write_table(data / "test", "csv", ["a.wav"])
    (tmp_path / "elsewhere").symlink_to(data)
    (data / "own").symlink_to(data / "test")
    assert len(files.open_subset(tmp_path / "elsewhere", "test")) == 1
    assert len(files.open_subset(data, "own")) == 1


def test_folder_named_in_the_settings_is_allowed_and_counts_at_once(data, tmp_path):
    write_table(data / "test", "csv", ["../../secret/key.wav"])
    values = yaml.safe_load((PACKAGE_FOLDER / "config.yaml").read_text())
    values["corpus"] |= {"source": "files", "root": str(data)}
    for folders, allowed in (([str(tmp_path / "secret")], True), ([], False), (None, False)):
        values["corpus"].pop("audio_folders", None)
        if folders is not None:
            values["corpus"]["audio_folders"] = folders
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(values))
        corpus = load_configuration(tmp_path / "own.yaml", environment={}).corpus
        if allowed:
            assert load_split(corpus, "test").ids == ["key"]
        else:
            with pytest.raises(ValueError, match="outside"):
                load_split(corpus, "test")
