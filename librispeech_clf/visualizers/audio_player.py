"""Playable audio; the playhead runs through the mel spectrogram."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapAudio

from librispeech_clf.visualizers.padding import cut_padding
from librispeech_clf.visualizers.spectrogram import draw_mel_spectrogram

PEAK = 0.95


def play_audio(audio: np.ndarray, *, sampling_rate: int) -> LeapAudio:
    """Make the utterance audible.

    The model's input has unit variance, which would clip; it is scaled to a peak of 0.95.

    Args:
        audio: float (max_samples,), normalised and zero-padded.
        sampling_rate: Hz.

    Returns:
        Mono float32 (N,) in [-0.95, 0.95] with its mel spectrogram.
    """
    samples = cut_padding(audio)
    loudest = float(np.abs(samples).max())
    return LeapAudio(
        audio=samples * np.float32(PEAK / loudest if loudest else 0),
        sample_rate=sampling_rate,
        visual=draw_mel_spectrogram(samples, sampling_rate=sampling_rate),
    )
