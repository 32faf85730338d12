"""code-loader's own view: the records pass its checks and set off none of its warnings."""

import inspect

import numpy as np
import pytest
from code_loader.contract.enums import LeapDataType
from code_loader.contract.visualizer_classes import map_leap_data_type_to_visualizer_class
from code_loader.inner_leap_binder import leapbinder_decorators

from librispeech_clf import visualizers
from tests.helpers.letters import VOCABULARY, label, speak

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
NOISE = np.random.default_rng(0).normal(size=562_480).astype(np.float32)
ORDINARY = {
    "audio": np.pad(NOISE[:32_000], (0, 48_000)),
    "logits": speak("I DO SEE WELL ALL"),
    "labels": label("I DON'T SEE ALL"),
}
SETTINGS = {"sampling_rate": 16000, "frame_duration_s": 0.02, "vocabulary": VOCABULARY}
SILENT = {"audio": 0 * ORDINARY["audio"], "logits": 0 * speak("") + [9, *[0] * 31], "labels": label("")}
CASES = {
    "ordinary": {},
    "silent": SILENT,
    "one sample": {"audio": np.eye(1, 100, dtype=np.float32)[0]},
    "one frame": {"logits": speak("A", padding=0)[:1]},
    "no frame": {"logits": speak("", padding=3)},
    "very long": {"audio": NOISE, "logits": speak("WORD AND " * 90), "labels": label("WORD END AND " * 60)},
}


@pytest.mark.parametrize("name", TYPES)
def test_return_annotation_is_the_class_of_the_type(name):
    function = getattr(visualizers, name)
    assert function.__annotations__["return"] is map_leap_data_type_to_visualizer_class[TYPES[name].value]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("case", CASES)
def test_no_warning(name, case, monkeypatch):
    warned = []
    monkeypatch.setattr(leapbinder_decorators, "store_general_warning", lambda **own: warned.append(own))
    function = getattr(visualizers, name)
    values = ORDINARY | CASES[case]
    batched = {key: value[None].astype(np.float16) for key, value in values.items()}
    for offered in (values | SETTINGS, batched | SETTINGS):
        record = function(**{own: offered[own] for own in inspect.signature(function).parameters})
        leapbinder_decorators._emit_visualizer_warnings(record, name, TYPES[name])
    assert warned == []
