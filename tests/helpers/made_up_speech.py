"""Made-up speech, a tone for each letter, as an OpenSLR tree and as shards; and a tiny architecture."""

from pathlib import Path

import numpy as np
import soundfile

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration

# Windows of 400 samples every 320, as the base model's, in three convolutions: TensorFlow compiles each of them.
TINY = Wav2Vec2Configuration(
    conv_dim=(8,) * 3,
    conv_kernel=(10, 23, 8),
    conv_stride=(5, 8, 8),
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    num_conv_pos_embeddings=4,
    num_conv_pos_embedding_groups=2,
    do_stable_layer_norm=True,
)
WORDS = ("AT", "BEE", "SEA", "TEN", "ZOO", "OAK")
LETTER_SAMPLES = 1600


def sing(text: str) -> np.ndarray:
    """0.1 s of a tone for each letter, a pause for a space."""
    times = np.arange(LETTER_SAMPLES) / 16000
    tones = [np.sin(2 * np.pi * (200 + 60 * (ord(letter) - 64)) * times) * (letter != " ") for letter in text]
    noise = np.random.default_rng(len(text)).standard_normal(len(text) * LETTER_SAMPLES)
    return (0.3 * np.concatenate(tones) + 0.003 * noise).astype(np.float32)


def make_texts(count: int) -> list[str]:
    """Texts of many lengths."""
    generator = np.random.default_rng(count)
    return [" ".join(generator.choice(WORDS, 1 + index % 4)) for index in range(count)]


def write_speech(root: Path, subset: str, *, speakers=2, utterances=5, make_texts=make_texts) -> Path:
    """Write `root/LibriSpeech/<subset>`; returns `root`."""
    for speaker in range(11, 11 + speakers):
        folder = root / "LibriSpeech" / subset / str(speaker) / "7"
        folder.mkdir(parents=True)
        texts = {f"{speaker}-7-{number:04d}": text for number, text in enumerate(make_texts(utterances))}
        for name, text in texts.items():
            soundfile.write(folder / f"{name}.flac", sing(text), 16000)
        lines = "".join(f"{name} {text}\n" for name, text in texts.items())
        (folder / f"{speaker}-7.trans.txt").write_text(lines)
    return root


def write_shards(folder: Path, *counts: int) -> Path:
    """Write one shard of `make_training_material` for each count of recordings."""
    import pyarrow
    import pyarrow.parquet as parquet

    folder.mkdir(parents=True)
    for index, count in enumerate(counts):
        samples = [(sing(text) * 32767).astype("<i2") for text in make_texts(count)]
        columns = {
            "id": [f"{index}-{row}" for row in range(count)],
            "text": make_texts(count),
            "samples": [row.tobytes() for row in samples],
            "sample_count": [len(row) for row in samples],
        }
        parquet.write_table(pyarrow.table(columns), folder / f"training-{index:05d}.parquet")
    return folder
