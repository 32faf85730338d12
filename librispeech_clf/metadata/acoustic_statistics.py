"""How an utterance sounds, as a point in space: the registered custom latent space, computed without the model.

In: the raw waveform. Out: mean and spread of the mel-frequency cepstrum and of its changes.
"""

import numpy as np

from librispeech_clf.metadata.spectrum import mel_cepstrum, mel_energy, short_time_spectrum


def acoustic_statistics(waveform: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Return voice and channel of an utterance as a vector.

    Args:
        waveform: float32 (N,), raw samples in [-1, 1], N > 0.
        sampling_rate: Hz.

    Returns:
        float32 (60,): of the 20 MFCC, which follow librosa's defaults, mean and standard deviation over time, then the
        standard deviation of their change from frame to frame (zeros for a single frame).
    """
    cepstrum = mel_cepstrum(mel_energy(short_time_spectrum(waveform, sampling_rate=sampling_rate)))
    changes = np.diff(cepstrum, axis=0, append=cepstrum[-1:])
    parts = [cepstrum.mean(axis=0), cepstrum.std(axis=0), changes.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)
