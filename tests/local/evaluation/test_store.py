"""Parts appear whole, and are used only for what they were computed from."""

import errno
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.schema import Split, Utterance
from librispeech_clf.local.evaluation import run
from librispeech_clf.local.evaluation import store as stores
from librispeech_clf.local.evaluation.engine import Task
from librispeech_clf.local.evaluation.opening import Request
from librispeech_clf.local.evaluation.run import hash_systems
from librispeech_clf.local.evaluation.store import (
    Store,
    hash_file,
    list_code,
    row_key,
    run_key,
    utterance_keys,
)
from tests.helpers.made_utterances import dataset_from_utterances

SCHEMA = pyarrow.schema(
    {"utterance_id": pyarrow.string(), "simulation": pyarrow.string(), "severity": pyarrow.float64()}
)


def row(name, simulation=None, severity=None):
    return {"utterance_id": name, "simulation": simulation, "severity": severity}


def save(store, rows, **seconds):
    return store.save(rows, pyarrow.Table.from_pylist(list(rows.values()), schema=SCHEMA), **seconds)


def make_split(*utterances: Utterance) -> Split:
    dataset = dataset_from_utterances(utterances)
    counts = {"part": len(utterances)}
    return Split("test", dataset=dataset, row_counts=counts, speakers={}, chapters={}, books={})


UTTERANCE = Utterance("1-2-3", "A TEXT", 1, 2, b"RIFF", "1-2-3.wav")
TASK = Task("1-2-3", "1-2-3", "test", "part")


@pytest.mark.parametrize("at_once", [2, 5])
def test_rows_come_back_by_id_with_simulations_last(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(stores, "ROWS_AT_ONCE", at_once)
    store = Store(tmp_path, "key")
    save(store, {"1": row("b"), "2": row("c", "tempo", 0.5)})
    save(store, {"3": row("a", "tempo", 0.7), "4": row("a"), "5": row("a", "tempo", 0.5)})
    assert store.collect(list("12345"))[0].to_pylist() == [
        row("a"),
        row("b"),
        row("a", "tempo", 0.5),
        row("c", "tempo", 0.5),
        row("a", "tempo", 0.7),
    ]


def test_any_choice_of_rows_is_taken_from_the_parts_that_hold_them(tmp_path):
    """With their share of the seconds; whichever windows they were evaluated in."""
    save(Store(tmp_path, "key"), {key: row(key) for key in "badc"}, seconds=8.0)
    save(Store(tmp_path, "key"), {key: row(key) for key in "fe"}, seconds=1.0)
    store = Store(tmp_path, "key")
    assert store.find_rows().keys() == set("abcdef")
    table, seconds = store.collect(list("eca"))
    assert (table["utterance_id"].to_pylist(), seconds, table.schema.metadata) == (list("ace"), 4.5, None)


def test_part_that_does_not_fit_the_disk_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    def fill_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path, "key")
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(OSError, match=r"[0-9a-f]{20}.parquet: the disk is full: [0-9,]+ bytes are needed"):
        save(store, {"1": row("a")})
    assert not store.find_rows() and list(store.folder.iterdir()) == []


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
def test_rows_of_a_damaged_part_are_renewed(tmp_path, damage):
    store, keys = Store(tmp_path, "key"), [str(number) for number in range(200)]
    path = store.path(save(store, {key: row(f"u-{key}") for key in keys}, seconds=9.0))
    spoilt = damage(path.read_bytes())
    for renewed in (False, True):
        path.write_bytes(spoilt)
        lost = []

        def renew(keys, renewed=renewed, lost=lost):
            lost += keys
            if renewed:
                save(store, {key: row(key) for key in keys}, seconds=2.5)

        if renewed:
            table, seconds = store.collect(["7", "5"], renew=renew)
            assert (table.to_pylist(), seconds) == ([row("5"), row("7")], 2.5)
        else:
            with pytest.raises(
                OSError, match="key: 2 finished utterances were damaged .* run the command again"
            ):
                store.collect(["7", "5"], renew=renew)
        assert lost == ["7", "5"]


def test_part_of_other_rows_another_run_or_table_is_foreign(tmp_path):
    store, other = Store(tmp_path, "key"), Store(tmp_path, "other")
    first = store.path(save(store, {"1": row("a")}))
    for foreign, keys in ((store, "2"), (other, "1")):
        first.write_bytes(foreign.path(save(foreign, {keys: row("a")})).read_bytes())
        assert "1" not in store.find_rows()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), first)
    assert "1" not in store.find_rows()


def test_folder_in_the_place_of_a_part_gives_way(tmp_path):
    store = Store(tmp_path, "key")
    path = store.path(save(store, {"1": row("a")}))
    path.unlink()
    (path / "inside").mkdir(parents=True)
    assert not store.find_rows()
    save(store, {"1": row("a")})
    assert store.find_rows() == {"1": path.stem}


def test_part_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    done = []
    fsync, replace_file = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda opened: done.append("fsync") or fsync(opened))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("replace") or replace_file(*names))
    save(Store(tmp_path, "key"), {"1": row("a")})
    assert done == ["fsync", "replace", "fsync"]


def test_parts_of_another_key_are_not_used_and_go_when_asked(tmp_path):
    stores_of_runs = [Store(tmp_path, "old"), Store(tmp_path, "new")]
    for key in "12":
        for store in stores_of_runs:
            save(store, {key: row(f"{store.folder.name}-{key}")})
    for store in stores_of_runs:
        found = store.collect(["1", "2"])[0]["utterance_id"].to_pylist()
        assert found == [f"{store.folder.name}-1", f"{store.folder.name}-2"]
    stores_of_runs[1].remove_outdated()
    assert [folder.name for folder in (tmp_path / "parts").iterdir()] == ["new"]


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
def test_row_depends_on_its_utterance(changed):
    assert utterance_keys(make_split(UTTERANCE), [UTTERANCE.id]) == utterance_keys(
        make_split(UTTERANCE), [UTTERANCE.id]
    )
    assert utterance_keys(make_split(UTTERANCE), [UTTERANCE.id]) != utterance_keys(
        make_split(changed), [UTTERANCE.id]
    )


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_row_depends_on_what_its_audio_file_holds(tmp_path, form):
    """Size, time and FLAC's own checksum are looked at, not the whole content: a copy with its time is the same."""
    path = tmp_path / "1-2-3.audio"
    split = make_split(replace(UTTERANCE, audio_bytes=None, audio_path=str(path)))
    names, states = list(utterance_keys(split, split.ids).values()), []
    for level in (0.1, 0.2, 0.1):
        soundfile.write(path, np.full(1600, level), 16000, format=form)
        if states:
            os.utime(path, ns=(states[0].st_atime_ns, states[0].st_mtime_ns))
        states.append(path.stat())
        names += utterance_keys(split, split.ids).values()
    assert len(set(names[:3])) == 3
    assert (names[3] == names[1]) == (form == "FLAC")  # others count by the inode's time, which cannot be set


def test_row_depends_on_the_conditions_and_the_utterance():
    noisy = replace(TASK, simulation="tempo", severity=0.7)
    assert len({row_key(TASK, "a"), row_key(TASK, "b"), row_key(noisy, "a")}) == 3
    assert row_key(TASK, "a") == row_key(replace(TASK, drawn=True), "a")


def test_utterances_that_are_asked_for_have_keys():
    split = make_split(UTTERANCE, replace(UTTERANCE, id="1-2-4"))
    assert list(utterance_keys(split, ["1-2-4"])) == ["1-2-4"]
    assert list(split.utterances()) == [split.utterance(name) for name in split.ids]


def test_what_config_yaml_names_is_of_the_key_by_its_content(tmp_path):
    configuration = load_configuration(environment={}, source="sample", root=tmp_path)
    configuration = replace(configuration, systems={"other": "other.tsv", "gone": "gone.tsv"})
    found = []
    for text in ("a\tyes\n", "a\tno\n"):
        (tmp_path / "other.tsv").write_text(text)
        found.append(hash_systems(configuration))
    assert found[0] != found[1] and found[0]["gone"] == []


def test_simulated_rows_depend_on_the_other_recordings(tmp_path, monkeypatch):
    simulated = replace(TASK, simulation="additive_noise:babble", severity=5.0)
    request = Request(load_configuration(), {"part": "test"}, simulate=["additive_noise:babble"])
    keys = []
    for content in (b"RIFF", b"RIFX"):
        split = make_split(UTTERANCE, replace(UTTERANCE, id="1-2-4", audio_bytes=content))
        opened = SimpleNamespace(split=split), [[TASK, simulated]], {}
        monkeypatch.setattr(run, "open_engine", lambda _, opened=opened: opened)
        keys.append(list(run.open_run(request, tmp_path).tasks))
    assert keys[0][0] == keys[1][0] and keys[0][1] != keys[1][1]
