"""Settings: the learning rate's course, assignments of the command line, what is refused."""

import json

import pytest

from librispeech_clf.development.training.settings import (
    Augmentation,
    Masking,
    TrainingSettings,
    describe,
    read_settings,
)


def test_learning_rate_rises_stays_and_falls():
    settings = TrainingSettings(steps=1000, warmup_steps=100, falling_steps=200, peak_learning_rate=1.0)
    rates = {step: settings.learning_rate(step) for step in (0, 99, 500, 800, 900, 1000)}
    assert rates == pytest.approx({0: 0.01, 99: 1, 500: 1, 800: 1, 900: 0.5, 1000: 0})


def test_assignments_reach_every_group():
    settings = read_settings(
        ["dropout=0.1", "peak_learning_rate=6e-4", "augmentation.speed=[0.9, 1]", "masking.mask_time_prob=0"],
        steps=7,
        seed=None,
    )
    assert settings == TrainingSettings(
        steps=7,
        dropout=0.1,
        peak_learning_rate=6e-4,
        augmentation=Augmentation(speed=(0.9, 1.0)),
        masking=Masking(mask_time_prob=0.0),
    )


def test_settings_are_described_as_json_reads_them():
    settings = TrainingSettings(augmentation=Augmentation(speed=(1.0, 1.0)))
    assert json.loads(json.dumps(describe(settings))) == describe(settings)
    assert describe(settings)["augmentation"]["speed"] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("dropuot=0.1", "unknown dropuot; known: seed, mel_steps"),
        ("augmentation.sped=[1, 1]", "augmentation: unknown sped; known: speed"),
        ("masking.mask_time_prob=1.5", "must be from 0 to 1. Received: 1.5"),
        ("masking.mask_time_length=2.5", "expected int, got 2.5"),
        ("augmentation.speed=[1.1, 0.9]", "must be two numbers, the lower first"),
        ("augmentation.speed=fast", "expected list, got 'fast'"),
        ("peak_learning_rate=NaN", "must be"),
        ("steps=0", "steps: must be 1 or more"),
        ("seed.x=1", "seed is a value, not a group"),
        ("dropout", "expected KEY=VALUE"),
    ],
)
def test_wrong_assignments_are_refused_by_name(assignment, message):
    with pytest.raises(ValueError, match=message):
        read_settings([assignment], seed=0)
