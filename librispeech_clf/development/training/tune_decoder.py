"""Word error rates of the configured model by weight and word score of a language model, for `evaluate --lm`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.audio.reading import normalize
from librispeech_clf.configuration import load_configuration
from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.development.training.material import (
    Recording,
    bundled_vocabulary,
    list_speech,
    read_or_warn,
    spread,
)
from librispeech_clf.development.training.train import DEVELOPMENT_SUBSET
from librispeech_clf.local.cli import count, make_parser, run
from librispeech_clf.local.model import inference
from librispeech_clf.local.model.decoder import BEAM, Decoder, read_language_model
from librispeech_clf.metrics import ErrorCounts, count_words
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    import keras


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser("tune_decoder", "Word error rates by weight and word score of a language model.")
    add = parser.add_argument
    add("--lm", type=Path, required=True, help="ARPA file or KenLM binary")
    add("--speech", type=Path, required=True, help="real speech: the folder that holds LibriSpeech/")
    add("--subset", default=DEVELOPMENT_SUBSET, metavar="NAME", help="of it; never one that is reported")
    add("--utterances", type=count, default=300, help="how many of them, evenly over the speakers")
    add("--weights", type=float, nargs="+", default=[0.35, 0.5, 0.65], metavar="W", help="to try")
    add("--scores", type=float, nargs="+", default=[0.0, 1.0], metavar="S", help="added per word, to try")
    add("--beam", type=count, default=BEAM, help="hypotheses to keep after each frame")
    return run(parser, tune, arguments)


def tune(options: argparse.Namespace) -> None:
    """Recognize once, decode by every pair, and print a table."""
    from rich.console import Console
    from rich.table import Table

    from librispeech_clf.local.model.load import load_model

    model, language_model = load_model(load_configuration().model.path), read_language_model(options.lm)
    recordings = spread(list_speech(options.speech, options.subset), options.utterances)
    found = list(find_logits(model, recordings))

    def rate(decode) -> str:
        errors = ErrorCounts()
        for recording, logits in found:
            errors += count_words(bundled_vocabulary().spell(recording.labels), decode(logits))
        return f"{errors.error_rate:.4f}"

    greedy = rate(lambda logits: greedy_text(logits, bundled_vocabulary()))
    print_plain(f"WER of {len(found)} utterances of {options.subset}: greedy {greedy}; decoded:")
    table = Table("word score, weight", *map(str, options.weights))
    for score in options.scores:
        decoders = [
            Decoder(
                bundled_vocabulary(), language_model, beam=options.beam, lm_weight=weight, word_score=score
            )
            for weight in options.weights
        ]
        table.add_row(str(score), *(rate(decoder.decode) for decoder in decoders))
    Console().print(table)


def find_logits(
    model: "keras.Model", recordings: Sequence[Recording]
) -> Iterator[tuple[Recording, np.ndarray]]:
    """Yield recordings with their logits (T, V), longest first; one that cannot be read is left out with a warning."""
    predict, count_frames = inference.compile_model(model), model.configuration.count_frames
    lengths = [recording.samples for recording in recordings]
    for batch in inference.plan_batches(lengths, batch_samples=inference.BATCH_SAMPLES):
        read = [(recordings[index], read_or_warn(recordings[index])) for index in batch]
        pairs = [(recording, normalize(waveform)) for recording, waveform in read if waveform is not None]
        if pairs:
            kept, waveforms = zip(*pairs, strict=True)
            logits, _ = inference.predict_batch(predict, waveforms, count_frames=count_frames)
            yield from zip(kept, logits, strict=True)


if __name__ == "__main__":
    sys.exit(main())
