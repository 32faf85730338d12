"""code-loader's own view: the records pass its checks and set off none of its warnings."""

import inspect

import numpy as np
import pytest
from code_loader.contract.enums import LeapDataType
from code_loader.contract.visualizer_classes import map_leap_data_type_to_visualizer_class
from code_loader.inner_leap_binder import leapbinder_decorators

from librispeech_clf import visualizers
from tests.helpers.letters import VOCABULARY

TYPES = {
    "show_hypothesis": LeapDataType.Text,
    "show_reference": LeapDataType.Text,
    "draw_waveform": LeapDataType.Graph,
    "draw_mel_spectrogram": LeapDataType.Image,
    "play_audio": LeapDataType.Audio,
    "show_word_alignment": LeapDataType.TextMask,
    "show_character_alignment": LeapDataType.TextMask,
    "draw_letter_posteriors": LeapDataType.Image,
    "show_word_confidence": LeapDataType.Text,
    "show_edit_operations": LeapDataType.HorizontalBar,
}


def arguments(function, *, audio: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> dict:
    offered = {
        "audio": audio,
        "logits": logits,
        "labels": labels,
        "sampling_rate": 16000,
        "frame_duration_s": 0.02,
        "vocabulary": VOCABULARY,
    }
    return {name: offered[name] for name in inspect.signature(function).parameters}


@pytest.mark.parametrize("name", TYPES)
def test_return_annotation_is_the_class_of_the_type(name: str) -> None:
    function = getattr(visualizers, name)
    assert function.__annotations__["return"] is map_leap_data_type_to_visualizer_class[TYPES[name].value]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("case", ["ordinary", "silent", "one sample", "one frame", "no frame", "very long"])
def test_no_warning(name: str, case: str, padded_sine, logits_of, labels_of, monkeypatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(
        leapbinder_decorators, "store_general_warning", lambda **options: warned.append(options["message"])
    )
    audio, text = padded_sine(), "I DON'T SEE ALL"
    logits, labels = logits_of("I DO SEE WELL ALL"), labels_of(text)
    if case == "silent":
        audio, logits, labels = np.zeros_like(audio), logits_of("") * 0 + [9, *[0] * 31], labels_of("")
    elif case == "one sample":
        audio = np.pad(np.ones(1, np.float32), (0, 99))
    elif case == "one frame":
        logits = logits_of("A", padding=0)[:1]
    elif case == "no frame":
        logits = logits_of("", padding=3)
    elif case == "very long":
        audio = np.random.default_rng(0).normal(size=562_480).astype(np.float32)
        logits, labels = logits_of("WORD AND " * 90), labels_of("WORD END AND " * 60)
    function = getattr(visualizers, name)
    for batched in (False, True):
        values = {"audio": audio, "logits": logits, "labels": labels}
        if batched:
            values = {key: value[None].astype(np.float16) for key, value in values.items()}
        record = function(**arguments(function, **values))
        leapbinder_decorators._emit_visualizer_warnings(record, name, TYPES[name])
    assert warned == []
