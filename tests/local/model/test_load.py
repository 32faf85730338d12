"""Model files: written whole or not at all; what is no model of this project, or not this one, is refused by name."""

import fcntl
import json
import os
import re

import h5py
import numpy as np
import pytest

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.graph import build_wav2vec2
from librispeech_clf.local.model.load import load_model, read_model_file
from librispeech_clf.local.model.save import CONFIGURATION, VOCABULARY, save_model
from librispeech_clf.local.push.engine import check_model_file
from tests.helpers.letters import LETTERS
from tests.helpers.letters import VOCABULARY as ENGLISH_VOCABULARY
from tests.helpers.vocabularies import VOCABULARIES

ENGLISH = ENGLISH_VOCABULARY.to_fields()
GREEK = {**ENGLISH, "tokens": [*LETTERS[:5], *map(chr, range(0x3B1, 0x3B1 + 27))]}
NO_VOCABULARY = "vocabulary cannot be read"


def test_file_is_written_whole_or_not_at_all(golden_base_model, tmp_path, monkeypatch):
    path = tmp_path / "tiny.h5"
    path.write_text("the model before")

    def fill_the_disk(_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        save_model(golden_base_model, path)
    with pytest.raises(ValueError, match="must end in .h5"):
        save_model(golden_base_model, tmp_path / "tiny.onnx")
    assert path.read_text() == "the model before"
    assert list(tmp_path.iterdir()) == [path]


def test_compressed_file_holds_the_same_weights_in_less(tmp_path):
    plain, smaller = tmp_path / "plain.h5", tmp_path / "smaller.h5"
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 4096, "num_attention_heads": 2}
    sizes |= {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    model = build_wav2vec2(Wav2Vec2Configuration(**sizes))
    model.set_weights([weights.astype(np.float16) for weights in model.get_weights()])
    save_model(model, plain)
    save_model(model, smaller, compressed=True)
    for before, after in zip(model.get_weights(), load_model(smaller).get_weights(), strict=True):
        assert after.dtype == np.float32
        np.testing.assert_array_equal(after, before)
    assert smaller.stat().st_size < 0.7 * plain.stat().st_size
    assert sorted(tmp_path.iterdir()) == [plain, smaller]


def test_model_file_on_a_disk_without_locks_is_read(golden_base_model, saved):
    """HDFGroup/hdf5#3311: reading asks for no lock; here another process holds one."""
    with saved.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _, weights = read_model_file(saved)
    assert weights["lm_head"][0].shape == golden_base_model.get_layer("lm_head").kernel.shape


def configure(**fields):
    def change(file):
        file.attrs[CONFIGURATION] = json.dumps(json.loads(file.attrs[CONFIGURATION]) | fields)

    return change


def fill(layer, value):
    def change(file):
        group = file["model_weights"][layer]
        name = group.attrs["weight_names"][0]
        array = np.full(group[name].shape, value)
        del group[name]
        group[name] = array

    return change


def link_outside(file):
    del file["model_weights/lm_head"]
    file["model_weights/lm_head"] = h5py.ExternalLink("/etc/other.h5", "/x")


def make_virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("model_weights/virtual", layout)


def add(name, shape, **options):
    return lambda file: file.create_dataset(f"model_weights/{name}", shape, "f4", **options)


def keep(share):
    return lambda content: content[: int(share * len(content))]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
NO_MODEL, NO_HDF5 = "not a readable Keras model", "is not an HDF5 file"
LINK, OUTSIDE = "lm_head is a link to another place", "outside keeps its numbers in other files"
VIRTUAL = "virtual keeps its numbers in other files"
CLAIM = "huge claims 4000000000000 bytes and holds 0"


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


@pytest.mark.parametrize(
    ("change", "loaded", "pushed"),
    [
        (lambda file: file.attrs.pop(CONFIGURATION), "not a wav2vec 2.0 model of this project", None),
        (configure(hidden_size=48), "do not match its configuration", None),
        (configure(num_hidden_layers=1), "in the layers .*layer_1_", None),
        (configure(size=1), "cannot be read .*size", None),
        (fill("lm_head", np.nan), "weights hold NaN or infinity: lm_head", "^weights .*: not all finite"),
        (fill("encoder_norm", np.inf), "NaN or infinity: encoder_norm", "encoder_norm.*: not all finite"),
        (fill("lm_head", b"pickled"), NO_MODEL, "model_weights/lm_head/.*: holds .S7, not numbers"),
        (link_outside, LINK, LINK),
        (add("outside", (4,), external=[("/etc/hostname", 0, 16)]), OUTSIDE, OUTSIDE),
        (make_virtual, VIRTUAL, VIRTUAL),
        (add("huge", (10**12,), chunks=(1024,)), CLAIM, CLAIM),
        (lambda file: file.attrs.pop("model_config"), None, "holds no model_config"),
    ],
)
def test_content_that_is_wrong_is_named_when_loaded_or_pushed(saved, change, loaded, pushed):
    spoil(saved, change)
    (finding,) = check_model_file(saved)
    assert finding.problem is None if pushed is None else re.search(pushed, finding.problem)
    if loaded is not None:
        with pytest.raises(ValueError, match=f"tiny.h5: .*{loaded}"):
            load_model(saved)


@pytest.mark.parametrize(
    ("change", "loaded", "pushed"),
    [
        (keep(0.3), NO_MODEL, "truncated"),
        (keep(0.9), NO_MODEL, "truncated"),
        (lambda _: POINTER, "a Git LFS pointer.*git lfs pull", "is a Git LFS pointer"),
        (lambda _: b"\x80\x04\x95payload", NO_MODEL, NO_HDF5),
        (lambda _: b"", NO_MODEL, NO_HDF5),
        (None, "no model file.*convert-model", "does not exist"),
    ],
)
def test_other_files_are_refused_by_name(saved, change, loaded, pushed):
    if change is None:
        saved.unlink()
    else:
        saved.write_bytes(change(saved.read_bytes()))
    with pytest.raises((ValueError, FileNotFoundError), match=f"tiny.h5: {loaded}"):
        load_model(saved)
    (finding,) = check_model_file(saved)
    assert finding.what == str(saved) and pushed in finding.problem


@pytest.mark.parametrize(
    ("inside", "beside", "message"),
    [
        (None, None, "holds no vocabulary, and none lies beside it"),
        (None, "?", f"{NO_VOCABULARY} .*not valid JSON"),
        (None, {**ENGLISH, "tokens": [*LETTERS[:31], "A"]}, f"{NO_VOCABULARY} .*Received twice"),
        (None, {**ENGLISH, "word_delimiter": "_"}, f"{NO_VOCABULARY} .*not a vocabulary"),
        (None, {**ENGLISH, "tokens": LETTERS[:31]}, "head has 32 rows and its vocabulary 31 tokens"),
        (
            None,
            {**ENGLISH, "tokens": [*LETTERS[:30], "Z", "Q"]},
            "configured one: row 30 writes 'Z', not 'Q'",
        ),
        (GREEK, ENGLISH, "not the configured one: row 5 writes .*, not 'E'"),
        ("?", ENGLISH, NO_VOCABULARY),
        (VOCABULARIES["german"].vocabulary.to_fields(), None, "has 32 rows and its vocabulary 33 tokens"),
        ({**ENGLISH, "special_tokens": LETTERS[:3]}, None, "not the configured one: special differs"),
        (None, ENGLISH, None),
        (ENGLISH, None, None),
        (ENGLISH, GREEK, None),  # the file's own is the model's
        ({**ENGLISH, "language": "fr", "units": "characters"}, None, None),
    ],
)
def test_vocabulary_that_is_wrong_or_missing_is_said_in_a_sentence(saved, inside, beside, message):
    if inside is not None:
        own = inside if inside == "?" else json.dumps(inside)
        spoil(saved, lambda file: file.attrs.create(VOCABULARY, own))
    if beside is not None:
        text = beside if beside == "?" else json.dumps(beside)
        saved.with_name("tiny.vocabulary.json").write_text(text, encoding="utf-8")
    assert load_model(saved).count_params()  # without one to compare it with
    (finding,) = check_model_file(saved, vocabulary=ENGLISH_VOCABULARY)
    if message is None:
        assert load_model(saved, ENGLISH_VOCABULARY).count_params()
        assert finding.problem is None
    else:
        with pytest.raises(ValueError, match=f"tiny.h5: .*{message}"):
            load_model(saved, ENGLISH_VOCABULARY)
        assert re.search(message, finding.problem)
