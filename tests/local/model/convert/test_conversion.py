"""Tests of convert-model: what it accepts, and the named error of everything else."""

import fcntl
import json
import os
import re

import h5py
import numpy as np
import pytest
import tf_keras

from librispeech_clf.local.commands.convert_model import main
from librispeech_clf.local.model.architecture import BASE, Wav2Vec2Configuration
from librispeech_clf.local.model.convert.checkpoint import DESCRIPTIONS, find_checkpoint, read_checkpoint
from librispeech_clf.local.model.convert.conversion import check_preprocessing, convert_configuration
from librispeech_clf.local.model.convert.weights import convert_weights, fold_weight_norm
from librispeech_clf.local.model.graph import build_wav2vec2
from librispeech_clf.local.model.load import load_model, read_model_file
from librispeech_clf.local.model.save import CONFIGURATION, VOCABULARY, save_model
from librispeech_clf.local.push.engine import check_model_file
from librispeech_clf.text.vocabulary import read_vocabulary
from tests.helpers.letters import LETTERS
from tests.helpers.letters import VOCABULARY as ENGLISH_VOCABULARY
from tests.helpers.vocabularies import VOCABULARIES

POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
ENGLISH = ENGLISH_VOCABULARY.to_fields()
PERMUTED = [*LETTERS[:30], "Z", "Q"]
GREEK = {**ENGLISH, "tokens": [*LETTERS[:5], *map(chr, range(0x3B1, 0x3B1 + 27))]}
CTC = {"architectures": ["Wav2Vec2ForCTC"], "model_type": "wav2vec2"}


def spell_weight_norm_as_before_torch_2(tensors):
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {
        name.replace(new, old): tensor
        for name, tensor in tensors.items()
        for new, old in names.items()
        if new in name or ("parametrizations" not in name and old == "weight_g")
    }


def convert(folder, path, *options):
    return main(["--from", str(folder), "--to", str(path), *options])


def assert_gives_golden_logits(path, golden):
    np.testing.assert_allclose(load_model(path)(golden.audio[0][None])[0], golden.logits[0], atol=1e-5)


def test_folder_converts_and_reloads(checkpoint_folder, golden_base, tmp_path, capsys):
    path = tmp_path / "models" / "tiny.h5"
    assert convert(checkpoint_folder, path) == 0
    assert_gives_golden_logits(path, golden_base)
    printed = capsys.readouterr().out
    assert f"leap push -n tiny -m {path} -e" in printed
    assert "wav2vec2.masked_spec_embed" in printed
    assert sorted(path.parent.iterdir()) == [path, path.with_name("tiny.vocabulary.json")]


def test_older_weight_norm_and_shards(golden_base, checkpoint_folder, tmp_path):
    from safetensors.numpy import save_file

    tensors = spell_weight_norm_as_before_torch_2(golden_base.tensors)
    assert f"{POSITIONAL}.weight_g" in tensors and len(tensors) == len(golden_base.tensors)
    (checkpoint_folder / "model.safetensors").unlink()
    shards = {f"model-0000{part}-of-00002.safetensors": sorted(tensors)[part - 1 :: 2] for part in (1, 2)}
    for shard, names in shards.items():
        save_file({name: tensors[name] for name in names}, checkpoint_folder / shard)
    index = {"weight_map": {name: shard for shard, names in shards.items() for name in names}}
    (checkpoint_folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert convert(checkpoint_folder, tmp_path / "other.h5") == 0
    assert_gives_golden_logits(tmp_path / "other.h5", golden_base)
    next(checkpoint_folder.glob("*00002.safetensors")).unlink()
    with pytest.raises(FileNotFoundError, match="index.json lists it"):
        read_checkpoint(checkpoint_folder)


def test_head_is_put_in_the_order_of_its_vocabulary(golden_base, write_checkpoint, tmp_path):
    order = np.random.default_rng(0).permutation(32)
    vocabulary = {LETTERS[letter].lower(): row for row, letter in enumerate(order)}
    shuffled = {name: golden_base.tensors[name][order] for name in ("lm_head.weight", "lm_head.bias")}
    configuration = golden_base.configuration | {"pad_token_id": vocabulary["<pad>"]}
    folder = write_checkpoint(configuration, golden_base.tensors | shuffled, vocabulary)
    assert convert(folder, tmp_path / "tiny.h5") == 0
    read = read_vocabulary(tmp_path / "tiny.vocabulary.json")
    logits = load_model(tmp_path / "tiny.h5", read)(golden_base.audio[0][None])[0]
    original = [LETTERS.index(token.upper() if len(token) == 1 else token) for token in read.tokens]
    np.testing.assert_allclose(logits, golden_base.logits[0][:, original], atol=1e-5)
    assert read.normalize("A CAT") == "a cat"


def test_weight_norm_folds_over_all_but_the_position():
    generator = np.random.default_rng(0)
    magnitude, direction = generator.random((1, 1, 3)), generator.normal(size=(4, 2, 3))
    names = [f"{POSITIONAL}.weight_g", f"{POSITIONAL}.weight_v"]
    kernel = fold_weight_norm(dict(zip(names, (magnitude, direction), strict=True)))[f"{POSITIONAL}.weight"]
    np.testing.assert_allclose(np.linalg.norm(kernel.reshape(8, 3), axis=0), magnitude[0, 0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"weight_g: must have shape \(1, 1, 3\)"):
        fold_weight_norm(dict(zip(names, (magnitude[..., :2], direction), strict=True)))


def test_configuration_of_the_base_model_and_its_defaults():
    assert convert_configuration(CTC) == BASE
    assert convert_configuration(CTC | {"conv_dim": [8] * 7, "hidden_dropout": 0.1}).conv_dim == (8,) * 7


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architectures": ["Wav2Vec2ForPreTraining"]}, "CTC head. Received: .'Wav2Vec2ForPreTraining'"),
        ({"model_type": "whisper"}, "model_type must be one of wav2vec2, hubert.* Received: 'whisper'"),
        ({"model_type": "hubert"}, "architectures must be .'HubertForCTC'"),
        (
            {"model_type": "wav2vec2-conformer"},
            "wav2vec2-conformer cannot be converted: its layers are Conformers",
        ),
        ({"quantization_config": {"quant_method": "gptq"}}, "weights are quantized"),
        ({"hidden_act": "relu"}, "hidden_act must be 'gelu'. Received: 'relu'"),
        ({"feat_extract_activation": "gelu_new"}, "feat_extract_activation"),
        ({"add_adapter": True}, "add_adapter must be False"),
        ({"num_buckets": 2, "model_type": "wavlm", "architectures": None}, "num_buckets must be 4 or more"),
        ({"position_embeddings_type": "rotary"}, "position_embeddings_type"),
        ({"layer_norm_eps": 1e-6}, "layer_norm_eps must be 1e-05"),
    ],
)
def test_configuration_refuses_other_architectures(fields, message):
    with pytest.raises(ValueError, match=message):
        convert_configuration(CTC | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"sampling_rate": 8000}, "must be 16000"), ({"do_normalize": False}, "must be True")],
)
def test_other_preprocessing_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        check_preprocessing(dict.fromkeys(DESCRIPTIONS, {}) | {"preprocessor_config.json": fields})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("lm_head.weight"), "no CTC head"),
        (lambda tensors: tensors.pop("lm_head.bias"), r"missing \['lm_head.bias'\]; unused \[\]"),
        (lambda tensors: tensors.pop(f"{POSITIONAL}.bias"), rf"missing \['{POSITIONAL}.bias'\]; unused \[\]"),
        (lambda tensors: tensors.update(quantizer=np.ones(1, np.float32)), r"unused \['quantizer'\]"),
        (
            lambda tensors: tensors.update({"wav2vec2.encoder.layer_norm.bias": np.ones(3, np.float32)}),
            r"wrong shape \['wav2vec2.encoder.layer_norm.bias has \(3,\), the model needs \(24,\)'\]",
        ),
        (
            lambda tensors: tensors.update({"lm_head.bias": np.ones(3, np.float32)}),
            r"lm_head.bias has \(3,\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_listed(golden_base, write_checkpoint, tmp_path, capsys, change, message):
    tensors = dict(golden_base.tensors)
    change(tensors)
    assert convert(write_checkpoint(golden_base.configuration, tensors), tmp_path / "tiny.h5") == 2
    assert not (tmp_path / "tiny.h5").exists()
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["missing", "unused"])
def test_nothing_is_assigned_unless_everything_fits(golden_base_model, golden_base, name):
    before = golden_base_model.get_weights()
    tensors = {key: tensor + 1 for key, tensor in golden_base.tensors.items()}
    if name == "missing":
        del tensors["lm_head.bias"]
    else:
        tensors["project_q.weight"] = np.ones(1, np.float32)
    with pytest.raises(ValueError, match=rf"{name} \['(lm_head.bias|project_q.weight)'\]"):
        convert_weights(golden_base_model, tensors)
    for old, new in zip(before, golden_base_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda folder: truncate(folder / "model.safetensors"), ValueError, "model.safetensors: damaged"),
        (lambda folder: (folder / "model.safetensors").write_text("?"), ValueError, "not safetensors"),
        (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "holds no weights"),
        (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "config.json: missing"),
        (lambda folder: (folder / "vocab.json").unlink(), FileNotFoundError, "vocab.json: missing"),
        (lambda folder: (folder / "config.json").write_text("{"), ValueError, "config.json: not valid JSON"),
        (lambda folder: (folder / "vocab.json").write_text("[]"), ValueError, "must hold one JSON object"),
    ],
)
def test_damaged_and_partial_folders_are_named(checkpoint_folder, damage, error, message):
    damage(checkpoint_folder)
    with pytest.raises(error, match=message):
        read_checkpoint(checkpoint_folder)


def test_neither_folder_nor_hub_name():
    with pytest.raises(FileNotFoundError, match="no such folder, and not a hub name"):
        find_checkpoint("no/such/folder")


def test_hub_without_internet_names_the_remedy(monkeypatch):
    import huggingface_hub

    def fail(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(FileNotFoundError, match="Without internet.*--from FOLDER"):
        find_checkpoint("facebook/wav2vec2-base-960h")


def test_file_is_written_whole_or_not_at_all(golden_base_model, tmp_path, monkeypatch):
    path = tmp_path / "tiny.h5"
    path.write_text("the model before")

    def fill_the_disk(_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        save_model(golden_base_model, path)
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


def test_other_suffix_is_refused(golden_base_model, tmp_path):
    with pytest.raises(ValueError, match="must end in .h5"):
        save_model(golden_base_model, tmp_path / "tiny.onnx")


def test_load_model_names_missing_damaged_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.h5: no model file.*convert-model"):
        load_model(tmp_path / "absent.h5")
    (tmp_path / "damaged.h5").write_text("?")
    with pytest.raises(ValueError, match="damaged.h5: not a readable Keras model"):
        load_model(tmp_path / "damaged.h5")
    foreign = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
    with pytest.warns(UserWarning, match="HDF5"):
        foreign.save(tmp_path / "foreign.h5")
    with pytest.raises(ValueError, match="not a wav2vec 2.0 model of this project"):
        load_model(tmp_path / "foreign.h5")
    (tmp_path / "pointer.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ValueError, match="pointer.h5: a Git LFS pointer.*git lfs pull"):
        load_model(tmp_path / "pointer.h5")


def change_attribute(path, **fields):
    with h5py.File(path, "r+") as file:
        stored = json.loads(file.attrs[CONFIGURATION])
        file.attrs[CONFIGURATION] = json.dumps(stored | fields)


def change_weights(path, layer, value):
    with h5py.File(path, "r+") as file:
        group = file["model_weights"][layer]
        dataset = group[group.attrs["weight_names"][0]]
        dataset[...] = np.full(dataset.shape, value, np.float32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "tiny.h5: not a readable Keras model"),
        (lambda path: change_attribute(path, hidden_size=48), "not those of its configuration"),
        (lambda path: change_attribute(path, num_hidden_layers=1), "in the layers .*layer_1_"),
        (lambda path: change_attribute(path, size=1), "cannot be read .*size"),
        (lambda path: change_weights(path, "lm_head", np.nan), "weights hold NaN or infinity: lm_head"),
        (
            lambda path: change_weights(path, "encoder_norm", np.inf),
            "weights hold NaN or infinity: encoder_norm",
        ),
    ],
    ids=["cut", "width", "depth", "field", "NaN", "infinite"],
)
def test_load_model_names_what_is_wrong_with_a_file(saved, damage, message):
    damage(saved)
    with pytest.raises(ValueError, match=message):
        load_model(saved)


def link_outside(path):
    with h5py.File(path, "r+") as file:
        del file["model_weights/lm_head"]
        file["model_weights/lm_head"] = h5py.ExternalLink("/etc/other.h5", "/x")


def store_outside(path):
    with h5py.File(path, "r+") as file:
        file.create_dataset("model_weights/outside", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def claim(path):
    with h5py.File(path, "r+") as file:
        file.create_dataset("model_weights/huge", (10**12,), "f4", chunks=(1024,))


def make_virtual(path):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("model_weights/virtual", layout)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (link_outside, "lm_head is a link to another place"),
        (store_outside, "outside keeps its numbers in other files"),
        (make_virtual, "virtual keeps its numbers in other files"),
        (claim, "huge claims 4000000000000 bytes and holds 0"),
    ],
)
def test_numbers_of_other_files_and_empty_claims_are_refused(saved, damage, message):
    damage(saved)
    with pytest.raises(ValueError, match=f"tiny.h5: .*{message}"):
        load_model(saved)
    (finding,) = check_model_file(saved)
    assert message in finding.problem


@pytest.mark.parametrize(
    ("inside", "beside", "message"),
    [
        (None, None, "holds no vocabulary, and none lies beside it"),
        (None, "?", "vocabulary cannot be read .*not valid JSON"),
        (None, {**ENGLISH, "tokens": [*LETTERS[:31], "A"]}, "vocabulary cannot be read .*Received twice"),
        (None, {**ENGLISH, "word_delimiter": "_"}, "vocabulary cannot be read .*not a vocabulary"),
        (None, {**ENGLISH, "tokens": LETTERS[:31]}, "head has 32 rows and its vocabulary 31 tokens"),
        (None, {**ENGLISH, "tokens": PERMUTED}, "not the configured one: row 30 writes 'Z', not 'Q'"),
        (GREEK, ENGLISH, "not the configured one: row 5 writes .*, not 'E'"),
        ("?", ENGLISH, "vocabulary cannot be read"),
        (
            VOCABULARIES["german"].vocabulary.to_fields(),
            None,
            "head has 32 rows and its vocabulary 33 tokens",
        ),
        ({**ENGLISH, "special_tokens": LETTERS[:3]}, None, "not the configured one: special differs"),
        (None, ENGLISH, None),
        (ENGLISH, None, None),
        (ENGLISH, GREEK, None),  # the file's own is the model's
        ({**ENGLISH, "language": "fr", "units": "characters"}, None, None),
    ],
)
def test_vocabulary_that_is_wrong_or_missing_is_said_in_a_sentence(saved, inside, beside, message):
    if inside is not None:
        with h5py.File(saved, "r+") as file:
            file.attrs[VOCABULARY] = json.dumps(inside) if inside != "?" else inside
    if beside is not None:
        text = beside if beside == "?" else json.dumps(beside)
        saved.with_name("tiny.vocabulary.json").write_text(text, encoding="utf-8")
    (finding,) = check_model_file(saved, vocabulary=ENGLISH_VOCABULARY)
    if message is None:
        assert load_model(saved, ENGLISH_VOCABULARY).count_params()
        assert finding.problem is None
    else:
        with pytest.raises(ValueError, match=f"tiny.h5: .*{message}"):
            load_model(saved, ENGLISH_VOCABULARY)
        assert re.search(message, finding.problem)


def test_without_a_vocabulary_to_compare_a_file_is_read_whatever_it_holds(saved):
    with h5py.File(saved, "r+") as file:
        file.attrs[VOCABULARY] = "?"
    assert load_model(saved).count_params()


def test_language_model_beside_a_checkpoint_is_kept(checkpoint_folder, tmp_path, capsys):
    (checkpoint_folder / "language_model").mkdir()
    (checkpoint_folder / "language_model" / "unigrams.txt").write_text("tea\n")
    assert convert(checkpoint_folder, tmp_path / "tiny.h5") == 0
    assert (tmp_path / "tiny.language_model" / "unigrams.txt").read_text() == "tea\n"
    assert f"--lm {tmp_path / 'tiny.language_model'}" in " ".join(capsys.readouterr().out.split())
    assert convert(checkpoint_folder, tmp_path / "tiny.h5") == 0  # once more, over the first
    assert not list(tmp_path.glob("*.part"))


def test_model_file_on_a_disk_without_locks_is_read(golden_base_model, saved):
    """HDFGroup/hdf5#3311: reading asks for no lock; here another process holds one."""
    with saved.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _, weights = read_model_file(saved)
    assert weights["lm_head"][0].shape == golden_base_model.get_layer("lm_head").kernel.shape
