"""The integration held against what Tensorleap demands: `poetry run test` starts here.

Everything goes through the functions that leap_binder.py registers, on the bundled corpus and the model of
config.yaml. Nothing depends on how well that model recognizes.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TL_DISABLE_ANALYTICS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import leap_binder
from librispeech_clf.local.commands.check_push import read_result
from tests.helpers.letters import LETTERS, encode
from tests.helpers.stand_in import save_stand_in
from tests.helpers.vocabularies import VOCABULARIES, make_logits

PROJECT_ROOT = Path(__file__).resolve().parent
REHEARSAL = PROJECT_ROOT / "librispeech_clf" / "local" / "push" / "rehearsal.py"
STATES = ("training", "validation", "test", "unlabeled")
LABELED = STATES[:3]
METADATA = ("signal_metadata", "text_metadata", "readability_metadata", "record_metadata", "corpus_metadata")
COUNTS = [
    f"{unit}_{kind}"
    for unit in ("word", "character")
    for kind in ("substitutions", "deletions", "insertions")
]
RATES = ["word_error_rate", "match_error_rate", "word_information_lost", "character_error_rate"]
IMPORT_WITHOUT_NETWORK = """
import socket, sys, time
def refuse(*_): raise OSError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
begin = time.process_time()
import leap_binder
spent_s = time.process_time() - begin
heavy = "tensorflow keras librosa matplotlib sklearn pandas datasets scipy".split()
print(spent_s, len(leap_binder.VOCABULARY.tokens), *(name for name in heavy if name in sys.modules))
"""


def run_python(*arguments, **environment):
    """Run a fresh interpreter in the project's folder; return what it printed, both streams."""
    variables = {**os.environ, "TL_DISABLE_ANALYTICS": "1", **environment}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def responses():
    """What preprocess returns, by state."""
    return {response.state.name: response for response in leap_binder.preprocess()}


@pytest.fixture(scope="module")
def utterances(responses):
    """Every utterance: its id and its split."""
    return [(name, response) for response in responses.values() for name in response.sample_ids]


@pytest.fixture(scope="module")
def transcribed(utterances):
    """Every utterance with a transcript."""
    return [utterance for utterance in utterances if utterance[1].state.name in LABELED]


@pytest.fixture(scope="module")
def chosen(responses):
    """Of every split four utterances, from the shortest to the longest."""

    def choose(response):
        read, of = leap_binder.context().read_waveform, response.data.utterance
        ids = sorted(response.sample_ids, key=lambda name: len(read(of(name))))
        return [ids[int(at * (len(ids) - 1))] for at in (0, 1 / 3, 2 / 3, 1)]

    return {state: choose(response) for state, response in responses.items()}


@pytest.fixture(scope="module")
def predict():
    """The model of config.yaml, as the engine calls it: a batch in, logits out, padding cut to the longest."""
    model = leap_binder.load_model()
    return lambda audio: np.asarray(model(audio[:, : np.flatnonzero(audio.any(axis=0))[-1] + 1]))


def stack(encoder, utterances):
    return np.stack([np.squeeze(encoder(*utterance)) for utterance in utterances])


def score(logits, transcript):
    """All error metrics of a batch, through the registered functions."""
    return {**leap_binder.word_errors(logits, transcript), **leap_binder.character_errors(logits, transcript)}


def measure(logits, transcript):
    """All metrics and losses of a batch."""
    losses = {"ctc_loss": leap_binder.ctc_loss(logits, transcript)}
    return score(logits, transcript) | losses | {"confidence": leap_binder.confidence(logits)}


def test_dataset_check_is_valid():
    out, _ = run_python(REHEARSAL, PROJECT_ROOT, IS_TENSORLEAP_PLATFORM="true")
    result = read_result(out)
    assert (result["error"], bool(result["valid"]), result["warnings"]) == (None, True, [])
    assert len(result["payloads"]) > 20 and not any(result["payloads"].values())
    assert "warning" not in result["log"].lower()
    assert set(result["samples"]) >= set(STATES)
    assert set(result["samples"].values()) == {None}


def test_script_runs_without_warnings(tmp_path):
    model = str(save_stand_in(tmp_path))
    out, errors = run_python("leap_binder.py", TF_CPP_MIN_LOG_LEVEL="3", LIBRISPEECH_MODEL=model)
    assert "Successful!" in out
    assert "default value" not in out + errors and "Warnings" not in out + errors


def test_import_is_quick_light_and_offline_with_a_large_vocabulary(tmp_path):
    """Of 3,503 tokens; in CPU time, as other work shares the machine."""
    fields = VOCABULARIES["mandarin"].vocabulary.to_fields()
    (tmp_path / "zh.vocabulary.json").write_text(json.dumps(fields), encoding="utf-8")
    model = str(tmp_path / "zh.h5")
    printed = [run_python("-c", IMPORT_WITHOUT_NETWORK, LIBRISPEECH_MODEL=model)[0] for _ in range(3)]
    runs = [text.splitlines()[0].split() for text in printed]
    assert {tuple(run[1:]) for run in runs} == {("3503",)}
    assert min(float(run[0]) for run in runs) < 0.5


def test_splits_are_those_of_the_platform(responses):
    assert tuple(responses) == STATES
    for response in responses.values():
        assert len(set(response.sample_ids)) == len(response.sample_ids) > 10


@pytest.mark.parametrize(("state", "which"), [*((state, 0) for state in STATES), ("test", 3)])
def test_integration_test_runs(state, which, responses, chosen):
    leap_binder.integration_test(chosen[state][which], responses[state])


@pytest.mark.parametrize("name", METADATA)
def test_metadata_keys_and_types_agree(name, utterances):
    begin = time.process_time()
    some = utterances[:: 4 if name == "signal_metadata" else 1]  # the only one that reads the recordings
    records = [getattr(leap_binder, name)(utterance_id, response) for utterance_id, response in some]
    types = {}
    for record in records:
        assert list(record) == list(records[0])
        for key, value in record.items():
            if value is not None:
                types.setdefault(key, set()).add(type(value))
                assert not isinstance(value, float) or np.isfinite(value)
    assert {key: kinds for key, kinds in types.items() if len(kinds) > 1} == {}
    assert time.process_time() - begin < 0.5 * len(some)


def test_shapes_agree(transcribed, chosen, responses):
    transcripts = {leap_binder.encode_transcript(*utterance).shape for utterance in transcribed}
    assert len(transcripts) == 1
    some = [(utterance_id, responses[state]) for state, ids in chosen.items() for utterance_id in ids]
    for encoder in (leap_binder.encode_audio, leap_binder.acoustic_statistics):
        outputs = [encoder(*utterance) for utterance in some]
        assert {(output.shape, output.dtype.name) for output in outputs} == {(outputs[0].shape, "float32")}


def test_batches_give_the_numbers_of_single_utterances(responses, chosen, predict):
    batch = [(chosen[state][which], responses[state]) for which, state in enumerate(LABELED)]
    audio, transcript = stack(leap_binder.encode_audio, batch), stack(leap_binder.encode_transcript, batch)
    together = predict(audio)
    scores = measure(together, transcript)
    half = score(together.astype(np.float16), transcript.astype(np.float16))
    for row in range(len(audio)):
        single = measure(predict(audio[row : row + 1]), transcript[row : row + 1])
        for name, values in single.items():
            assert values.shape == (1,)
            np.testing.assert_allclose(values[0], scores[name][row], rtol=1e-3, atol=1e-4, err_msg=name)
    for name in COUNTS:
        np.testing.assert_array_equal(half[name], scores[name], err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_hypothesis_equal_to_the_transcript_is_perfect(batch_size, dtype, transcribed):
    for first in range(0, len(transcribed), batch_size):
        batch = transcribed[first : first + batch_size]
        texts = [response.data.utterance(utterance_id).text for utterance_id, response in batch]
        transcript = np.stack([leap_binder.encode_transcript(*utterance) for utterance in batch])
        logits = make_logits([encode(text) for text in texts], len(LETTERS))
        scores = score(logits.astype(dtype), transcript.astype(dtype))
        assert [name for name in RATES + COUNTS if scores[name].any()] == [], batch
        assert scores["word_information_preserved"].tolist() == [1] * len(batch)
        assert scores["word_hits"].tolist() == [len(text.split()) for text in texts]
        assert scores["character_hits"].tolist() == [len(text) for text in texts]


def test_of_the_unlabeled_no_transcript_is_read(responses, utterances):
    response = responses["unlabeled"]
    for utterance_id in response.sample_ids:
        for read in (leap_binder.text_metadata, leap_binder.readability_metadata):
            assert set(read(utterance_id, response).values()) == {None}
        heard = leap_binder.signal_metadata(utterance_id, response)
        assert heard["words_per_second"] is None and heard["duration_s"] > 1
    with pytest.raises(ValueError, match="has no transcript"):
        leap_binder.encode_transcript(response.sample_ids[0], response)
