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
PLATFORM_FRAMES = count_frames(562_480)
REGISTERED = {
    "word_errors": partial(metrics.word_errors, vocabulary=VOCABULARY),
    "character_errors": partial(metrics.character_errors, vocabulary=VOCABULARY),
    "confidence": partial(metrics.confidence, vocabulary=VOCABULARY),
    "ctc_loss": ctc_loss,
    "hypothesis": partial(visualizers.show_hypothesis, vocabulary=VOCABULARY),
    "reference": partial(visualizers.show_reference, vocabulary=VOCABULARY),
}
TEXTS = {"one": "THE SHORT ONE", "two": "A TEXT OF SIX WORDS HERE", "three": "NO"}
BROKEN = (
    "two: logits must be finite; frames with NaN or infinity received: 1. "
    "Look at the model's weights, and at this recording's audio."
)


def connect(kind: NodeMappingType, names: str, **sources: NodeMapping) -> list[NodeConnection]:
    return [NodeConnection(NodeMapping(name, kind), sources) for name in names.split()]


CONNECTIONS = [
    NodeConnection(AUDIO, {}),
    *connect(NodeMappingType.CustomLoss, "ctc_loss", letters=PREDICTION, transcript=TRANSCRIPT),
    *connect(
        NodeMappingType.Metric, "word_errors character_errors", letters=PREDICTION, transcript=TRANSCRIPT
    ),
    *connect(NodeMappingType.Metric, "confidence", letters=PREDICTION),
    *connect(NodeMappingType.Visualizer, "hypothesis", letters=PREDICTION),
    *connect(NodeMappingType.Visualizer, "reference", transcript=TRANSCRIPT),
    *connect(NodeMappingType.Visualizer, "waveform", audio=AUDIO),
    *connect(NodeMappingType.Visualizer, "posteriors", letters=PREDICTION),
]


def spell(text: str) -> np.ndarray:
    """Logits that say a text: each letter for one frame, then a blank."""
    labels = encode(text, utterance_id="made")
    logits = np.random.default_rng(len(text)).normal(0, 0.5, (2 * len(labels), 32)).astype(np.float32)
    logits[np.arange(0, len(logits), 2), labels] += 8
    logits[1::2, BLANK] += 8
    return logits


def count_samples(text: str) -> int:
    """As many as the hypothesis of a text needs, which lacks its first letter."""
    return 320 * (2 * len(text) + 1)


class FakeLoader:
    """Utterances of `TEXTS`; "two" fails where `fault` says."""

    def __init__(self, fault: str | None = None) -> None:
        self.fault, self.seen, self.drawn = fault, [], []

    def _preprocess_result(self):
        one_reference = SimpleNamespace(more_texts={})
        return defaultdict(lambda: SimpleNamespace(data=one_reference))

    def get_sample(self, state, sample_id):
        if sample_id == "two" and self.fault == "audio":
            raise ValueError("two: the audio is cut off")
        audio = np.zeros(60_000, np.float32)
        audio[: count_samples(TEXTS[sample_id])] = 1
        labels = encode(TEXTS[sample_id], utterance_id=sample_id)
        return SimpleNamespace(
            inputs={"audio": audio},
            gt={"transcript": pad_labels(labels, max_letters=64, utterance_id=sample_id)},
            metadata={"signal_pitch_hz": -1.0, "record_gender": "F"},
            metadata_is_none={"signal_pitch_hz": True, "record_gender": False},
            custom_latent_spaces={"acoustic_statistics": np.arange(3, dtype=np.float32)},
        )

    def run_metric(self, name, ids, state, arguments):
        self.seen.append((name, {key: value.dtype for key, value in arguments.items()}))
        if "two" in ids and self.fault == name:
            raise RuntimeError("spoilt")
        if name in REGISTERED:
            return REGISTERED[name](*arguments.values())
        self.drawn.append((name, *ids, *arguments.values()))

    run_custom_loss = run_visualizer = run_metric


def make_engine(loader: FakeLoader) -> Engine:
    """An engine whose model says the transcript with its first letter dropped."""
    by_length = {count_samples(text): spell(text[1:]) for text in TEXTS.values()}

    def predict(audio):
        rows = [by_length[int(row.sum())] for row in audio]
        frames = [np.pad(row, ((0, 400 - len(row)), (0, 0)), constant_values=9.0) for row in rows]
        if loader.fault == "logits":
            for row, samples in zip(frames, audio.sum(axis=1), strict=True):
                row[1] = np.nan if samples == count_samples(TEXTS["two"]) else row[1]
        return np.stack(frames), np.stack([np.full(4, len(row), np.float32) for row in rows])

    def count(samples: int) -> int:
        return 90 if samples == 60_000 else len(by_length[samples])

    return Engine(loader, CONNECTIONS, open_model=lambda: Model(predict, count, VOCABULARY))


def evaluate(loader: FakeLoader, *, drawn: str | None = None) -> dict[str, dict]:
    tasks = [Task(name, name, "test", "part", drawn=name == drawn) for name in TEXTS]
    return {row["utterance_id"]: row for batch in make_engine(loader).evaluate(tasks) for row in batch}


def test_rows_hold_metrics_texts_and_metadata_of_float16():
    loader = FakeLoader()
    row = evaluate(loader)["one"]
    texts = [row[name] for name in ("reference", "hypothesis", "record_gender", "signal_pitch_hz", "error")]
    assert texts == ["THE SHORT ONE", "HE SHORT ONE", "F", None, None]
    names = ("word_hits", "word_substitutions", "character_deletions", "word_error_rate")
    assert [row[name] for name in names] == [2, 1, 1, np.float32(1 / 3)]
    assert (row["acoustic_statistics"], row["latent"]) == ([0, 1, 2], [24.0] * 4)
    assert row["ctc_loss"] > 0 > row["confidence"]
    assert {name for name, _ in loader.seen} == set(REGISTERED) and loader.drawn == []
    assert {kind for _, kinds in loader.seen for kind in kinds.values()} == {np.dtype(np.float16)}


def test_other_visualizers_run_where_the_plan_asks_over_the_whole_input():
    loader = FakeLoader()
    assert "waveform" not in evaluate(loader, drawn="two")["two"]
    (waveform, *ids, audio), (posteriors, *more_ids, letters) = loader.drawn
    assert (waveform, posteriors, ids, more_ids) == ("waveform", "posteriors", ["two"], ["two"])
    np.testing.assert_array_equal(audio, loader.get_sample("test", "two").inputs["audio"])
    assert (letters.shape, letters[-1].argmax()) == ((90, 32), BLANK)
    assert audio.dtype == letters.dtype == np.float16


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("audio", "two: the audio is cut off"),
        ("word_errors", "RuntimeError: spoilt"),
        ("ctc_loss", "RuntimeError: spoilt"),
        ("waveform", "RuntimeError: spoilt"),
        ("logits", BROKEN),
    ],
)
def test_utterance_that_cannot_be_evaluated_is_named_and_the_rest_goes_on(fault, error):
    sound, rows = (evaluate(FakeLoader(kind), drawn="two") for kind in (None, fault))
    started = Task("two", "two", "test", "part").start_row(error)
    assert rows.pop("two") == started | {"reference": "", "hypothesis": ""}
    assert rows == {name: sound[name] for name in ("one", "three")}


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
    if name in ("hypothesis", "reference"):
        rows = letters if name == "hypothesis" else transcript
        return [REGISTERED[name](row).data for row in rows]
    result = REGISTERED[name](letters) if name == "confidence" else REGISTERED[name](letters, transcript)
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
