"""Parts appear whole, and are used only for what they were computed from."""

import errno
import os
from dataclasses import replace

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.corpus.schema import Split, Utterance
from librispeech_clf.local.evaluation import store as stores
from librispeech_clf.local.evaluation.engine import Task
from librispeech_clf.local.evaluation.store import Store, hash_file, list_code, run_key, window_key
from tests.helpers.made_utterances import dataset_from_utterances

SCHEMA = pyarrow.schema(
    {"utterance_id": pyarrow.string(), "simulation": pyarrow.string(), "severity": pyarrow.float64()}
)


def row(name, simulation=None, severity=None):
    return {"utterance_id": name, "simulation": simulation, "severity": severity}


def make_split(*utterances: Utterance) -> Split:
    dataset = dataset_from_utterances(utterances)
    counts = {"part": len(utterances)}
    return Split("test", dataset=dataset, row_counts=counts, speakers={}, chapters={}, books={})


UTTERANCE = Utterance("1-2-3", "A TEXT", 1, 2, b"RIFF", "1-2-3.wav")
TASKS = (Task("1-2-3", "1-2-3", "test", "part"),)


def test_rows_come_back_by_id_with_simulations_last(tmp_path):
    store = Store(tmp_path, "key")
    store.save("first", [row("b"), row("c", "tempo", 0.5)], SCHEMA)
    store.save("second", [row("a", "tempo", 0.7), row("a"), row("a", "tempo", 0.5)], SCHEMA)
    collected = store.collect(["first", "second"])[0].to_pylist()
    assert collected == [
        row("a"),
        row("b"),
        row("a", "tempo", 0.5),
        row("c", "tempo", 0.5),
        row("a", "tempo", 0.7),
    ]


def test_part_that_does_not_fit_the_disk_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    def fill_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path, "key")
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(OSError, match=r"first.parquet: the disk is full: [0-9,]+ bytes are needed"):
        store.save("first", [row("a")], SCHEMA)
    assert not store.has("first") and list(store.folder.iterdir()) == []


def cut(content, share):
    return content[: int(len(content) * share)]


def flip(content, place):
    position = int(len(content) * place)
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"PAR1",
        lambda content: b"foreign text",
        lambda content: bytes(len(content)),
        *(lambda content, share=share: cut(content, share) for share in (0.1, 0.5, 0.9, 0.999)),
        *(lambda content, place=place: flip(content, place) for place in (0.02, 0.05, 0.1, 0.15)),
    ],
)
def test_damaged_part_is_renewed(tmp_path, damage):
    store = Store(tmp_path, "key")
    store.save("first", [row(f"u-{number}") for number in range(200)], SCHEMA)
    store.path("first").write_bytes(damage(store.path("first").read_bytes()))
    with pytest.raises(OSError, match=r"first.parquet: was damaged or removed .* run the command again"):
        store.collect(["first"])
    table, seconds = store.collect(
        ["first"], renew=lambda name: store.save(name, [row("b")], SCHEMA, seconds=2.5)
    )
    assert (table.to_pylist(), seconds) == ([row("b")], 2.5)


def test_part_of_another_window_run_or_table_is_foreign(tmp_path):
    store, other = Store(tmp_path, "key"), Store(tmp_path, "other")
    for foreign in (store, other):
        foreign.save("second", [row("a")], SCHEMA)
        store.path("first").write_bytes(foreign.path("second").read_bytes())
        assert not store.has("first")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), store.path("first"))
    assert not store.has("first")


def test_folder_in_the_place_of_a_part_gives_way(tmp_path):
    store = Store(tmp_path, "key")
    (store.path("first") / "inside").mkdir(parents=True)
    assert not store.has("first")
    store.save("first", [row("a")], SCHEMA)
    assert store.has("first")


def test_part_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    done = []
    fsync, replace_file = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda opened: done.append("fsync") or fsync(opened))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("replace") or replace_file(*names))
    Store(tmp_path, "key").save("first", [row("a")], SCHEMA)
    assert done == ["fsync", "replace", "fsync"]


def test_two_keys_in_one_folder_keep_their_parts(tmp_path):
    stores_of_runs = [Store(tmp_path, "one"), Store(tmp_path, "two")]
    for name in ("first", "second"):
        for store in stores_of_runs:
            store.save(name, [row(name)], SCHEMA)
    assert [len(store.collect(["first", "second"])[0]) for store in stores_of_runs] == [2, 2]


def test_parts_of_another_key_are_neither_used_nor_kept(tmp_path):
    Store(tmp_path, "old").save("first", [row("a")], SCHEMA)
    store = Store(tmp_path, "new")
    assert not store.has("first")
    store.remove_outdated()
    store.save("second", [row("b")], SCHEMA)
    assert [folder.name for folder in (tmp_path / "parts").iterdir()] == ["new"]


def test_seconds_of_windows_are_kept_and_summed(tmp_path):
    store = Store(tmp_path, "key")
    store.save("first", [row("a")], SCHEMA, seconds=1.5)
    store.save("second", [row("b")], SCHEMA, seconds=2.25)
    table, seconds = Store(tmp_path, "key").collect(["first", "second"])
    assert (seconds, table.schema.metadata) == (3.75, None)


def test_key_depends_on_model_settings_and_code(tmp_path, monkeypatch):
    model, package = tmp_path / "model.h5", tmp_path / "package"
    model.write_bytes(b"one")
    (package / "local" / "report").mkdir(parents=True)
    (package / "metrics.py").write_text("a = 1\n")
    (tmp_path / "leap_binder.py").write_text("b = 1\n")
    monkeypatch.setattr(stores, "PACKAGE_FOLDER", package)
    monkeypatch.setattr(stores, "PROJECT_ROOT", tmp_path)
    keys = [run_key(hash_file(model), "settings")]
    model.write_bytes(b"two")
    keys.append(run_key(hash_file(model), "settings"))
    keys.append(run_key(hash_file(model), "others"))
    (package / "metrics.py").write_text("a = 2\n")
    keys.append(run_key(hash_file(model), "others"))
    (tmp_path / "leap_binder.py").write_text("b = 2\n")
    keys.append(run_key(hash_file(model), "others"))
    assert len(set(keys)) == 5
    (package / "local" / "report" / "page.py").write_text("looks = 'other'\n")
    assert run_key(hash_file(model), "others") == keys[-1]


def test_code_holds_the_entry_file_and_what_it_calls():
    names = {path.name for path in list_code()}
    assert {"leap_binder.py", "loss.py", "signal.py", "engine.py", "layers.py"} <= names
    assert not {"page.py", "make_corpus.py", "SPEAKERS.TXT", "config.yaml"} & names


@pytest.mark.parametrize(
    "changed",
    [
        replace(UTTERANCE, text="ANOTHER TEXT"),
        replace(UTTERANCE, audio_bytes=b"RIFX"),
        replace(UTTERANCE, speaker_id=7),
    ],
)
def test_window_depends_on_its_utterances(changed):
    assert window_key(TASKS, make_split(UTTERANCE)) == window_key(TASKS, make_split(UTTERANCE))
    assert window_key(TASKS, make_split(UTTERANCE)) != window_key(TASKS, make_split(changed))


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_window_depends_on_what_its_audio_files_hold(tmp_path, form):
    """Size, time and FLAC's own checksum are looked at, not the whole content: a copy with its time is the same."""
    path = tmp_path / "1-2-3.audio"
    split = make_split(replace(UTTERANCE, audio_bytes=None, audio_path=str(path)))
    names, states = [window_key(TASKS, split)], []
    for level in (0.1, 0.2, 0.1):
        soundfile.write(path, np.full(1600, level), 16000, format=form)
        if states:
            os.utime(path, ns=(states[0].st_atime_ns, states[0].st_mtime_ns))
        states.append(path.stat())
        names.append(window_key(TASKS, split))
    assert len(set(names[:3])) == 3
    assert (names[3] == names[1]) == (form == "FLAC")  # others count by the inode's time, which cannot be set


def test_window_depends_on_the_conditions():
    noisy = (replace(TASKS[0], simulation="tempo", severity=0.7),)
    split = make_split(UTTERANCE)
    assert window_key(TASKS, split) != window_key(noisy, split)


def test_window_of_an_unknown_utterance_has_a_name():
    task = Task("none", "none", "test", "part")
    assert len(window_key((task,), make_split(UTTERANCE))) == 20
