"""bfloat16: TensorFlow's switch is set, and refused where it would do nothing."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.evaluation import opening, run
from librispeech_clf.local.evaluation.opening import Request


@pytest.mark.parametrize(
    ("flags", "fits"),
    [("fpu avx512_bf16 sse", True), ("amx_bf16", True), ("fpu avx512f avx2", False), (None, False)],
)
def test_a_processor_with_bfloat16_and_a_model_are_needed(tmp_path, monkeypatch, flags, fits):
    monkeypatch.setattr(opening, "PROCESSOR", tmp_path / "cpuinfo")
    if flags is not None:
        opening.PROCESSOR.write_text(f"flags: {flags}\n")
    with nullcontext() if fits else pytest.raises(ValueError, match="--precision bfloat16.*avx512_bf16"):
        opening.check_bfloat16(with_model=True)
    with pytest.raises(ValueError, match="--precision.*--model"):
        opening.check_bfloat16(with_model=False)


def test_the_switch_is_set_and_unset():
    import tensorflow as tf

    for name, is_set in (("bfloat16", True), ("float32", False)):
        opening.use_precision(name)
        options = tf.config.optimizer.get_experimental_options()
        assert options["auto_mixed_precision_onednn_bfloat16"] is is_set


def test_a_run_of_another_precision_has_parts_of_its_own_and_says_so(tmp_path, monkeypatch):
    engine = SimpleNamespace(split=SimpleNamespace(field_types={}, utterances=lambda: []))
    monkeypatch.setattr(run, "open_engine", lambda _: (engine, [], {}))
    configuration = load_configuration()
    runs = [
        run.open_run(Request(configuration, {"test": "test"}, precision=name), tmp_path)
        for name in ("float32", "bfloat16")
    ]
    assert runs[0].store.folder != runs[1].store.folder
    assert [each.described.get("precision") for each in runs] == [None, "bfloat16"]
