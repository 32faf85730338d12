"""Error rates of a model under training, measured as it goes by greedy decoding."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from librispeech_clf.audio.reading import normalize
from librispeech_clf.ctc.decoding import greedy_text, spell
from librispeech_clf.development.training.batches import Recording, read_or_warn
from librispeech_clf.local.model.inference import BATCH_SAMPLES, Predict, plan_batches, predict_batch
from librispeech_clf.metrics import ErrorCounts, count_characters, count_words

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class DevelopmentRates:
    """Corpus error rates.

    Attributes:
        wer: of words.
        cer: of characters.
    """

    wer: float
    cer: float


def compile_plain(model: "keras.Model") -> Predict:
    """Return a compiled call that reads the model's weights anew each time, which `inference.compile_model`'s does not.

    Args:
        model: as `build_wav2vec2` returns it, in float32.
    """
    import tensorflow as tf

    from librispeech_clf.local.model.graph import build_pooled_model

    pooled_model = build_pooled_model(model)
    signature = [tf.TensorSpec((None, None), tf.float32)]
    call = tf.function(lambda audio: pooled_model(audio, training=False), input_signature=signature)
    return lambda audio: tuple(output.numpy() for output in call(audio))


def measure_error_rates(
    predict: Predict, recordings: Sequence[Recording], *, count_frames: Callable[[int], int]
) -> DevelopmentRates:
    """Recognise recordings and count the errors.

    Args:
        predict: as `compile_plain` returns it.
        recordings: one that cannot be read is left out with a warning.
        count_frames: frames that the model makes of a number of samples.

    Raises:
        ValueError: none can be read.
    """
    words, characters = ErrorCounts(), ErrorCounts()
    for recording, hypothesis in recognise(predict, recordings, count_frames=count_frames):
        reference = spell(recording.labels)
        words += count_words(reference, hypothesis)
        characters += count_characters(reference, hypothesis)
    if words == ErrorCounts():
        raise ValueError("No utterance of the development set can be read; restore it, or give another one.")
    return DevelopmentRates(words.error_rate, characters.error_rate)


def recognise(
    predict: Predict, recordings: Sequence[Recording], *, count_frames: Callable[[int], int]
) -> Iterator[tuple[Recording, str]]:
    """Recognise recordings by greedy decoding, the longest first; one that cannot be read is left out with a warning.

    Args:
        predict: as `compile_plain` or `inference.compile_model` returns it.
        recordings: what to recognise.
        count_frames: frames that the model makes of a number of samples.

    Yields:
        Each recording with its hypothesis.
    """
    lengths = [recording.samples for recording in recordings]
    for batch in plan_batches(lengths, batch_samples=BATCH_SAMPLES):
        read = [(recordings[index], read_or_warn(recordings[index])) for index in batch]
        pairs = [(recording, normalize(waveform)) for recording, waveform in read if waveform is not None]
        if pairs:
            logits, _ = predict_batch(predict, [waveform for _, waveform in pairs], count_frames=count_frames)
            yield from zip([recording for recording, _ in pairs], map(greedy_text, logits), strict=True)
