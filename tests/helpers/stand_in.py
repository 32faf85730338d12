"""A model file of random weights: one small layer, frames as the base model's."""

import dataclasses
import json
from pathlib import Path

from tests.helpers.letters import VOCABULARY
from tests.helpers.made_up_speech import TINY


def save_stand_in(folder: Path, vocabulary=VOCABULARY) -> Path:
    """Write the model, which says something for every sound, and its vocabulary beside it; return the model's path."""
    import keras

    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.save import save_model
    from librispeech_clf.text.vocabulary import name_vocabulary_file

    keras.utils.set_random_seed(22)
    path = folder / "random.h5"
    model = build_wav2vec2(dataclasses.replace(TINY, vocab_size=len(vocabulary.tokens)))
    save_model(model, path, vocabulary=vocabulary)
    name_vocabulary_file(path).write_text(json.dumps(vocabulary.to_fields()), encoding="utf-8")
    return path
