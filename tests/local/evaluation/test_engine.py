"""The engine against the functions it drives, with a loader and a model whose answers are known."""

from collections import defaultdict
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from code_loader.contract.mapping import NodeConnection, NodeMapping, NodeMappingType
from code_loader.utils import simulate_engine_float16_downcast_on_call_args

from librispeech_clf import metrics, visualizers
from librispeech_clf.ctc.frames import count_frames
from librispeech_clf.ctc.loss import ctc_loss
from librispeech_clf.local.evaluation.engine import Engine, Model, Task, time_hypothesis
from librispeech_clf.local.evaluation.wiring import Wire, read_wiring
from librispeech_clf.local.model.inference import pad_logits
from librispeech_clf.local.report.payload import encode_timings
from librispeech_clf.text.vocabulary import BLANK, pad_labels
from tests.helpers.letters import VOCABULARY, encode

PREDICTION = NodeMapping("", NodeMappingType.Prediction0)
TRANSCRIPT = NodeMapping("transcript", NodeMappingType.GroundTruth)
AUDIO = NodeMapping("audio", NodeMappingType.Input0)
PLATFORM_FRAMES = 1757
REGISTERED = {
    "word_errors": partial(metrics.word_errors, vocabulary=VOCABULARY),
    "character_errors": partial(metrics.character_errors, vocabulary=VOCABULARY),
    "confidence": partial(metrics.confidence, vocabulary=VOCABULARY),
    "ctc_loss": ctc_loss,
    "hypothesis": partial(visualizers.show_hypothesis, vocabulary=VOCABULARY),
    "reference": partial(visualizers.show_reference, vocabulary=VOCABULARY),
}
DRAWN = {"waveform": lambda audio: visualizers.draw_waveform(audio, sampling_rate=16000)}


def connect(name: str, kind: NodeMappingType, **sources: NodeMapping) -> NodeConnection:
    return NodeConnection(NodeMapping(name, kind), sources)


CONNECTIONS = [
    NodeConnection(AUDIO, {}),
    connect("ctc_loss", NodeMappingType.CustomLoss, letters=PREDICTION, transcript=TRANSCRIPT),
    connect("word_errors", NodeMappingType.Metric, letters=PREDICTION, transcript=TRANSCRIPT),
    connect("character_errors", NodeMappingType.Metric, letters=PREDICTION, transcript=TRANSCRIPT),
    connect("confidence", NodeMappingType.Metric, letters=PREDICTION),
    connect("hypothesis", NodeMappingType.Visualizer, letters=PREDICTION),
    connect("reference", NodeMappingType.Visualizer, transcript=TRANSCRIPT),
    connect("waveform", NodeMappingType.Visualizer, audio=AUDIO),
]


def spell(text: str) -> np.ndarray:
    """Logits that say a text: each letter for one frame, then a blank."""
    labels = encode(text, utterance_id="made")
    logits = np.random.default_rng(len(text)).normal(0, 0.5, (2 * len(labels), 32)).astype(np.float32)
    logits[np.arange(0, len(logits), 2), labels] += 8
    logits[1::2, BLANK] += 8
    return logits


class FakeLoader:
    """Utterances whose audio is as many samples as their hypothesis needs; "bad-..." cannot be encoded."""

    def __init__(
        self, texts: dict[str, str], *, spoil: str | None = None, undrawable: str | None = None
    ) -> None:
        self.texts, self.spoil, self.undrawable = texts, spoil, undrawable
        self.seen, self.drawn = [], []

    def _preprocess_result(self):
        one_reference = SimpleNamespace(more_texts={})
        return defaultdict(lambda: SimpleNamespace(data=one_reference))

    def get_sample(self, state, sample_id):
        if sample_id.startswith("bad"):
            raise ValueError(f"{sample_id}: the audio is cut off")
        labels = encode(self.texts[sample_id], utterance_id=sample_id)
        audio = np.zeros(60_000, np.float32)
        audio[: 320 * (2 * len(labels) + 1)] = 1
        padded = pad_labels(labels, max_letters=64, utterance_id=sample_id)
        return SimpleNamespace(
            inputs={"audio": audio},
            gt={"transcript": padded},
            metadata={"signal_pitch_hz": -1.0, "record_gender": "F"},
            metadata_is_none={"signal_pitch_hz": True, "record_gender": False},
            custom_latent_spaces={"acoustic_statistics": np.arange(3, dtype=np.float32)},
        )

    def run_metric(self, name, ids, state, arguments):
        self.seen.append((name, {key: value.dtype for key, value in arguments.items()}))
        if self.spoil in ids:
            raise RuntimeError("spoilt")
        function = REGISTERED[name]
        return function(*arguments.values())

    run_custom_loss = run_metric

    def run_visualizer(self, name, ids, state, arguments):
        self.seen.append((name, {key: value.dtype for key, value in arguments.items()}))
        if name in DRAWN:
            self.drawn += ids.tolist()
            if self.undrawable in ids:
                raise ValueError(f"{name}: cannot be drawn")
        return (REGISTERED | DRAWN)[name](*arguments.values())


def make_engine(loader: FakeLoader) -> Engine:
    """An engine whose model says the transcript with its first letter dropped."""
    by_length = {}
    for name, text in loader.texts.items():
        if not name.startswith("bad"):
            by_length[int(loader.get_sample("test", name).inputs["audio"].sum())] = spell(text[1:])

    def predict(audio):
        rows = [by_length[int(row.sum())] for row in audio]
        frames = [np.pad(row, ((0, 400 - len(row)), (0, 0)), constant_values=9.0) for row in rows]
        return np.stack(frames), np.stack([np.full(4, len(row), np.float32) for row in rows])

    def count(samples: int) -> int:
        return len(by_length[samples])

    return Engine(loader, CONNECTIONS, open_model=lambda: Model(predict, count, VOCABULARY))


def evaluate(engine: Engine, names, *, drawn: str | None = None) -> dict[str, dict]:
    tasks = [Task(name, name, "test", "part", drawn=name == drawn) for name in names]
    return {row["utterance_id"]: row for batch in engine.evaluate(tasks) for row in batch}


TEXTS = {"one": "THE SHORT ONE", "two": "A TEXT OF SIX WORDS HERE", "three": "NO"}


def test_rows_hold_metrics_texts_and_metadata():
    rows = evaluate(make_engine(FakeLoader(TEXTS)), TEXTS)
    row = rows["one"]
    assert (row["reference"], row["hypothesis"]) == ("THE SHORT ONE", "HE SHORT ONE")
    assert (row["word_hits"], row["word_substitutions"], row["character_deletions"]) == (2, 1, 1)
    assert row["word_error_rate"] == np.float32(1 / 3)
    assert row["ctc_loss"] > 0 > row["confidence"]
    assert row["signal_pitch_hz"] is None and row["record_gender"] == "F"
    assert row["acoustic_statistics"] == [0, 1, 2] and row["latent"] == [24.0] * 4
    assert row["error"] is None


def test_metrics_losses_and_visualizers_see_float16():
    loader = FakeLoader(TEXTS)
    evaluate(make_engine(loader), TEXTS)
    assert {name for name, _ in loader.seen} == set(REGISTERED)
    assert {kind for _, kinds in loader.seen for kind in kinds.values()} == {np.dtype(np.float16)}


def test_visualizers_whose_text_is_not_kept_run_where_the_plan_asks():
    loader = FakeLoader(TEXTS)
    evaluate(make_engine(loader), TEXTS)
    assert loader.drawn == []
    rows = evaluate(make_engine(loader), TEXTS, drawn="two")
    assert loader.drawn == ["two"]
    assert ("waveform", {"audio": np.dtype(np.float16)}) in loader.seen
    assert "waveform" not in rows["two"]


def test_pictures_get_the_logits_of_the_whole_input(monkeypatch):
    loader, seen = FakeLoader(TEXTS), []
    engine = make_engine(loader)
    engine.wires = (*engine.wires, Wire("Visualizer", "posteriors", {"letters": "Prediction0"}))
    monkeypatch.setitem(DRAWN, "posteriors", lambda letters: seen.append(letters))
    count = engine.model.count_frames
    engine.model = Model(
        engine.model.predict, lambda samples: 90 if samples == 60_000 else count(samples), VOCABULARY
    )
    evaluate(engine, TEXTS, drawn="one")
    assert [letters.shape for letters in seen] == [(90, 32)]
    assert (seen[0][-1].argmax(), seen[0].dtype) == (BLANK, np.float16)


def test_pictures_get_the_audio_with_its_padding(monkeypatch):
    loader, seen = FakeLoader(TEXTS), []
    monkeypatch.setitem(DRAWN, "waveform", lambda audio: seen.append(audio))
    evaluate(make_engine(loader), TEXTS, drawn="one")
    np.testing.assert_array_equal(seen, [loader.get_sample("test", "one").inputs["audio"]])


def test_visualizer_that_fails_costs_its_utterance_only():
    rows = evaluate(make_engine(FakeLoader(TEXTS, undrawable="two")), TEXTS, drawn="two")
    assert rows["two"]["error"] == "waveform: cannot be drawn"
    assert rows["one"]["error"] is None


def test_utterance_that_cannot_be_encoded_is_named_and_the_rest_goes_on():
    texts = {**TEXTS, "bad-1": "LOST"}
    rows = evaluate(make_engine(FakeLoader(texts)), texts)
    assert rows["bad-1"]["error"] == "bad-1: the audio is cut off"
    assert "word_hits" not in rows["bad-1"]
    assert all(rows[name]["error"] is None for name in TEXTS)


def test_utterance_that_spoils_a_batch_fails_alone():
    texts = {name: "SAME LENGTH" for name in ("one", "two", "three")}
    rows = evaluate(make_engine(FakeLoader(texts, spoil="two")), texts)
    assert rows["two"]["error"] == "RuntimeError: spoilt"
    assert rows["one"]["word_hits"] == rows["three"]["word_hits"] == 1


def test_utterance_whose_logits_are_nan_fails_by_its_name():
    texts = {"one": "SAME LENGTH", "two": "NO", "three": "A THIRD ONE"}
    engine = make_engine(FakeLoader(texts))
    sound = evaluate(make_engine(FakeLoader(texts)), texts)
    predict = engine.model.predict

    def break_second(audio):
        logits, latent = predict(audio)
        logits[audio.sum(axis=1) == 320 * 5, 1] = np.nan
        return logits, latent

    engine.model = Model(break_second, engine.model.count_frames, VOCABULARY)
    rows = evaluate(engine, texts)
    assert rows["two"]["error"] == (
        "two: logits must be finite; frames with NaN or infinity received: 1. "
        "Look at the model's weights, and at this recording's audio."
    )
    assert (rows["two"]["reference"], "word_hits" in rows["two"]) == ("", False)
    assert [rows[name] for name in ("one", "three")] == [sound[name] for name in ("one", "three")]


@pytest.mark.parametrize("name", REGISTERED)
def test_results_over_the_longest_utterance_equal_those_over_all_frames(name):
    """The engine's shortcut: metrics see the batch's longest utterance, the platform 1,757 frames."""
    own = [spell(text) for text in TEXTS.values()]
    labels = [encode(text, utterance_id="made") for text in ("THE LONG ONE", "A TEXT", "NO")]
    labels = np.stack([pad_labels(ids, max_letters=64, utterance_id="made") for ids in labels])
    results = []
    for frames in (max(map(len, own)), PLATFORM_FRAMES):
        letters = np.stack([pad_logits(rows, frames=frames) for rows in own])
        stored = simulate_engine_float16_downcast_on_call_args(
            (), {"letters": letters, "transcript": labels}
        )[1]
        results.append(run(name, stored))
    assert results[0] == results[1]


def run(name: str, tensors: dict[str, np.ndarray]):
    letters, transcript = tensors["letters"], tensors["transcript"]
    if name == "hypothesis":
        return [visualizers.show_hypothesis(rows, VOCABULARY).data for rows in letters]
    if name == "reference":
        return [visualizers.show_reference(ids, VOCABULARY).data for ids in transcript]
    result = (
        metrics.confidence(letters, VOCABULARY)
        if name == "confidence"
        else REGISTERED[name](letters, transcript)
    )
    return {key: v.tolist() for key, v in (result if isinstance(result, dict) else {name: result}).items()}


def test_timings_of_words_and_letters_fit_the_page():
    row = time_hypothesis(
        pad_logits(spell("TO BE"), frames=100), Model(predict=None, count_frames=None, vocabulary=VOCABULARY)
    )
    assert [word["text"] for word in row["words"]] == ["TO", "BE"]
    letters = encode_timings(list("TO BE"), row["letters"])
    assert letters[::3] == [0, 4, 8, 12, 16]
    assert min(letters) >= 0


def test_wiring_names_the_tensors():
    assert read_wiring(CONNECTIONS)[0] == Wire(
        "CustomLoss", "ctc_loss", {"letters": "Prediction0", "transcript": "transcript"}
    )


def test_frames_of_the_base_model_fit_the_platform():
    assert count_frames(562_480) == PLATFORM_FRAMES
