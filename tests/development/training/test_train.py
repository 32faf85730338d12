"""`train` whole at tiny sizes, from a made-up `model.bin` to an `.h5`; and what its parts compute."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile

from librispeech_clf.development.training import train as command
from librispeech_clf.development.training.batches import make_batch
from librispeech_clf.development.training.losses import draw_masks, find_letters_loss
from librispeech_clf.development.training.material import Recording, bundled_vocabulary
from librispeech_clf.development.training.stages import Stage
from librispeech_clf.development.training.student import (
    WHISPER_HEIR,
    adopt,
    draw_sinusoids,
    inherit,
    look_ahead,
    make_student,
    name_tensors,
)
from librispeech_clf.development.training.whisper import load_encoder, read_variables
from librispeech_clf.local.model.architecture import BASE
from librispeech_clf.local.model.convert.conversion import convert_weights
from librispeech_clf.local.model.load import load_model
from tests.helpers.made_up_encoder import FITTING, LAYERS, WIDTH, make_variables, write_variables
from tests.helpers.made_up_speech import make_texts, sing, write_shards, write_speech


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def encoder(torch):
    return load_encoder(make_variables())


@pytest.fixture
def arguments(tmp_path, monkeypatch, torch):
    """A command line over made-up speech of every kind, with short stages and the tiny architecture."""
    write_speech(tmp_path, "train-clean-100")
    write_speech(tmp_path, "dev-clean", speakers=3, utterances=2)
    write_shards(tmp_path / "shards", 4)
    voices = tmp_path / "voices"
    voices.mkdir()
    for number, text in enumerate(make_texts(3)):
        soundfile.write(voices / f"{number}.wav", np.repeat(sing(text)[:, None], 2, axis=1), 16000)
        (voices / f"{number}.txt").write_text(text.capitalize() + ".")
    monkeypatch.setattr(command, "WHISPER_HEIR", FITTING)
    short = {"steps": 3, "falling_steps": 2, "seconds": 3.0, "log_steps": 1, "measure_steps": 2}
    courses = {
        command.FRONT: command.Course(**short, front_rate=0.02),
        "begin": command.Course(**short, new_rate=1e-3, frozen_layers=LAYERS),
        "whole": command.Course(
            **short,
            front_rate=1e-4,
            inherited_rate=1e-4,
            new_rate=1e-3,
            consistency=0.2,
            masked=0.2,
            dropout=0.1,
        ),
    }
    monkeypatch.setattr(command, "STAGES", courses)
    model = write_variables(tmp_path / "model.bin", make_variables())
    places = {"encoder": model, "speech": tmp_path, "voices": voices, "material": tmp_path / "shards"}
    options = places | {"dev-utterances": 4, "out": tmp_path / "out"}
    return [f"--{name}={value}" for name, value in options.items()]


def test_from_whispers_file_to_a_model_file_with_a_stop_on_the_way(tmp_path, arguments, monkeypatch):
    ask = Stage._log

    def stop(stage, *figures, **seconds):
        ask(stage, *figures, **seconds)
        if stage.name == "begin" and stage.step == 3:
            raise KeyboardInterrupt

    draws, make_batches = [], command._batch

    def note(recordings, shares, course, generator):
        draws.append(generator.bit_generator.state["state"]["state"])
        return make_batches(recordings, shares, course, generator)

    monkeypatch.setattr(command, "_batch", note)
    with monkeypatch.context() as patch:
        patch.setattr(Stage, "_log", stop)
        assert command.main(arguments) == 130
    assert command.main(arguments) == 0
    assert len(set(draws)) == len(draws) == 3  # a resumed stage does not hear the same batches again
    model = tmp_path / "out" / command.MODEL
    assert load_model(model).configuration == FITTING
    further = [*arguments, f"--out={tmp_path / 'further'}", f"--from={model}", "--stages=whole"]
    assert command.main(further) == 0
    own = json.loads((tmp_path / "further" / command.RECORD).read_text())
    assert set(own["stages"]) == {"whole"} and own["speech"]
    log = json.loads((tmp_path / "out" / command.RECORD).read_text())["log"]
    steps = {command.FRONT: (1, 2, 3), "begin": (1, 2, 3, 3), "whole": (1, 2, 3)}
    expected = [(name, step) for name, own in steps.items() for step in own]
    assert [(entry["stage"], entry["step"]) for entry in log] == expected
    for entry in log:
        figure = "last_layer_error" if entry["stage"] == command.FRONT else "cer"
        assert (figure in entry.get("development", ())) == (entry["step"] > 1)
        assert np.isfinite(entry["loss"])


def test_the_student_computes_what_the_graph_does(torch):
    from librispeech_clf.local.model.graph import build_wav2vec2

    torch.manual_seed(0)
    student, model = make_student(FITTING), build_wav2vec2(FITTING)
    for parameter in student.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    convert_weights(model, name_tensors(student))
    audio = np.random.default_rng(1).standard_normal((2, 9000)).astype(np.float32)
    audio[1, 7000:] = 0
    expected = np.asarray(model(audio))
    with torch.no_grad():
        samples = torch.tensor([9000, 7000])
        frames = student.count_frames(samples)
        found = student.logits(student.upper(student.front(torch.from_numpy(audio), samples), frames)).numpy()
    for row, count in enumerate(frames):
        np.testing.assert_allclose(found[row, :count], expected[row, :count], atol=1e-4)
    assert (expected[1, frames[1] :].argmax(-1) == 0).all()
    other = make_student(FITTING)
    adopt(other, model)
    for name, value in student.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_with_whispers_front_the_student_begins_as_whisper(encoder, torch):
    student = make_student(FITTING)
    inherit(student, encoder)
    features = encoder.encode_front(encoder.log_mel(torch.randn(1, 8000)))
    assert features.shape == (1, 25, WIDTH) and encoder.layers == LAYERS
    expected = encoder.encode_upper(features + draw_sinusoids(25, WIDTH))
    found = student.wav2vec2["encoder"]["layer_norm"](student.upper(features, torch.tensor([25])))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_stage_trains_what_has_a_rate_and_no_more(torch, encoder, monkeypatch, tmp_path, arguments):
    before = make_student(FITTING)
    inherit(before, encoder)
    monkeypatch.setattr(command, "STAGES", {"begin": replace(command.STAGES["begin"], masked=0.5)})
    assert command.main(arguments) == 0
    after = torch.load(tmp_path / "out" / "begin.pt")["student"]
    kept = {name for name, value in before.named_parameters() if torch.equal(value, after[name])}
    assert "wav2vec2.encoder.layers.0.attention.q_proj.weight" in kept
    assert {"lm_head.weight", f"wav2vec2.encoder.layers.{LAYERS}.attention.out_proj.weight"}.isdisjoint(kept)


def test_stages_that_begin_in_the_middle_need_a_model_to_go_on_from(arguments, capsys):
    assert command.main([*arguments, "--stages=whole"]) == 2
    assert "--stages whole" in (said := capsys.readouterr().err) and "--from" in said


def test_consistency_adds_the_divergence_of_two_views_and_none_of_equal_ones(torch):
    """Without masks and dropout both views are the same, and the loss is CTC's alone."""
    torch.manual_seed(0)
    student = make_student(FITTING)
    for parameter in student.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    student.lm_head.weight.data *= 30  # else so small a model says the same of all frames
    recordings = [
        Recording(
            text, len(sing(text)), bundled_vocabulary().encode(text, utterance_id=text), partial(sing, text)
        )
        for text in make_texts(2)
    ]
    batch = make_batch(recordings, recordings, generator=np.random.default_rng(0))
    losses = {
        (masked, weight): find_letters_loss(
            batch,
            student=student,
            course=command.Course(1, 1, 3.0, masked=masked, consistency=weight),
            generator=np.random.default_rng(1),
        ).item()
        for masked in (0.0, 0.5)
        for weight in (0.0, 5.0)
    }
    assert losses[0.0, 5.0] == pytest.approx(losses[0.0, 0.0], rel=0.02)
    assert losses[0.5, 5.0] > 1.05 * losses[0.5, 0.0]


def test_masks_put_out_spans_of_frames_and_channels_of_each_row():
    course = command.Course(1, 1, 3.0, masked=0.3, masked_channels=0.2)
    kept = draw_masks([400, 100], (2, 400, 384), course, np.random.default_rng(0))
    assert kept.shape == (2, 400, 384) and set(np.unique(kept)) == {0, 1}
    frames, channels = (kept == 0).all(2), (kept == 0).all(1)
    assert not frames[1, 100:].any()
    assert 0.1 < frames[0].mean() < 0.35 and 0.05 < channels[0].mean() < 0.3


def test_an_encoder_of_another_size_is_refused(encoder):
    with pytest.raises(ValueError, match="does not fit"):
        inherit(make_student(replace(FITTING, intermediate_size=8)), encoder)
    with pytest.raises(ValueError, match="WHISPER_HEIR"):
        make_student(replace(FITTING, conv_bias=False))
    with pytest.raises(ValueError, match="encoder/num_heads"):
        load_encoder({"decoder/scale": np.array(1)})


def test_frames_of_student_and_teacher_have_the_same_centers():
    assert (look_ahead(BASE), look_ahead(WHISPER_HEIR)) == (200, 520)
    with pytest.raises(ValueError, match="320 samples"):
        look_ahead(replace(FITTING, conv_stride=(5, 8, 4)))


def test_variables_are_read_as_they_were_written(tmp_path):
    written = make_variables()
    read = read_variables(write_variables(tmp_path / "model.bin", written))
    assert [(key, own.dtype) for key, own in read.items()] == [
        (key, own.dtype) for key, own in written.items()
    ]
    np.testing.assert_equal(read, written)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [(b"", -3, "cut off"), (b"\x07", None, "version is 7"), (b"RIFF", 4, "cut off")],
)
def test_a_damaged_model_file_is_refused(tmp_path, start, end, message):
    path = write_variables(tmp_path / "model.bin", make_variables())
    path.write_bytes(start + path.read_bytes()[len(start) : end])
    with pytest.raises(ValueError, match=message):
        read_variables(path)
