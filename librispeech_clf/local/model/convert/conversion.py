"""Convert CTC checkpoints of the wav2vec 2.0 family to this project's Keras model: `poetry run convert-model`.

In: a Hugging Face folder or hub name (`checkpoint.py`). Out: an `.h5` file that `load.load_model` reads, and its
vocabulary beside it. The order: configuration, vocabulary, weights, files; a doubt is an error that names what does not
fit.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.ctc.frames import measure_frame_duration
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.convert.checkpoint import Checkpoint, find_checkpoint, read_checkpoint
from librispeech_clf.local.model.convert.vocabulary import (
    check_head,
    fit_head,
    list_left_out,
    make_vocabulary,
    read_tokens,
)
from librispeech_clf.local.model.convert.weights import (
    UNNEEDED_TENSORS,
    check_finite,
    check_sizes,
    convert_weights,
    fold_weight_norm,
    name_as_wav2vec2,
    strip_prefix,
)
from librispeech_clf.local.model.save import check_suffix, save_model
from librispeech_clf.text.plain_text import escape_unprintable, print_plain
from librispeech_clf.text.vocabulary import Vocabulary
from librispeech_clf.text.vocabulary_file import name_vocabulary_file

if TYPE_CHECKING:
    import keras

FAMILIES = {  # model_type of config.json: class, prefix of its tensors
    "wav2vec2": ("Wav2Vec2ForCTC", "wav2vec2"),
    "hubert": ("HubertForCTC", "hubert"),
    "data2vec-audio": ("Data2VecAudioForCTC", "data2vec_audio"),
    "unispeech": ("UniSpeechForCTC", "unispeech"),
    "unispeech-sat": ("UniSpeechSatForCTC", "unispeech_sat"),
    "wavlm": ("WavLMForCTC", "wavlm"),
}
_REFUSED_FAMILIES = {
    "wav2vec2-conformer": "its layers are Conformers, with convolutions and batch norms that this graph does not have",
    "wav2vec2-bert": "it hears mel features, not samples",
    "sew": "it squeezes its frames, which this graph does not do",
    "sew-d": "its attention is DeBERTa's, which this graph does not have",
}
_ALLOWED = {  # None: absent, transformers' default
    "hidden_act": ("gelu", None),
    "feat_extract_activation": ("gelu", None),
    "add_adapter": (False, None),
    "conv_pos_batch_norm": (False, None),
    "position_embeddings_type": (None,),
    # transformers fixes it in the feature encoder; one value serves all norms here
    "layer_norm_eps": (1e-5, None),
}
_PREPROCESSING = {
    "sampling_rate": 16000,
    "do_normalize": True,
    "feature_size": 1,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
}


def find_family(hugging_face: Mapping[str, Any]) -> str:
    """Return the model_type of a `config.json`; without one, that of its architecture.

    Raises:
        ValueError: it is none of `FAMILIES`, or its architecture has no CTC head.
    """
    architectures = hugging_face.get("architectures") or []
    types = {name: kind for kind, (name, _) in FAMILIES.items()}
    kind = hugging_face.get("model_type") or next(
        (types[name] for name in architectures if name in types), None
    )
    if kind in _REFUSED_FAMILIES:
        raise ValueError(
            f"config.json: a model of type {kind} cannot be converted: {_REFUSED_FAMILIES[kind]}."
        )
    if kind not in FAMILIES:
        raise ValueError(f"config.json: model_type must be one of {', '.join(FAMILIES)}. Received: {kind!r}")
    if architectures and architectures != [FAMILIES[kind][0]]:
        raise ValueError(
            f"config.json: architectures must be ['{FAMILIES[kind][0]}'], a model with a CTC head. "
            f"Received: {architectures}. A model for pre-training must be fine-tuned with CTC first."
        )
    return kind


def convert_configuration(hugging_face: Mapping[str, Any]) -> Wav2Vec2Configuration:
    """Return the architecture that a Hugging Face `config.json` describes.

    Args:
        hugging_face: the fields of `Wav2Vec2Config` or of another family's; absent ones have that class's defaults.

    Raises:
        ValueError: another family, a part that this model does not have, or a value that no model can have.
    """
    kind = find_family(hugging_face)
    if hugging_face.get("quantization_config") is not None:
        raise ValueError(
            "config.json: quantization_config says that the weights are quantized; use the checkpoint that is not."
        )
    for name, allowed in _ALLOWED.items():
        if hugging_face.get(name) not in allowed:
            raise ValueError(
                f"config.json: {name} must be {allowed[0]!r}. Received: {hugging_face.get(name)!r}"
            )
    given = {name: value for name, value in hugging_face.items() if value is not None}
    if kind == "data2vec-audio":
        given |= {
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": False,
            "num_conv_pos_layers": given.get("num_conv_pos_embeddings", 5),
            "num_conv_pos_embeddings": given.get("conv_pos_kernel_size", 19),
        }
    if kind == "wavlm":
        given.setdefault("num_buckets", 320)
    else:
        given.pop("num_buckets", None)
    if not given.get("do_stable_layer_norm"):
        given.pop("adapter_attn_dim", None)  # transformers builds adapters into stable layers only
    fields = [field.name for field in dataclasses.fields(Wav2Vec2Configuration)]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value := given[name], list) else value
        for name in fields
        if name in given
    }
    try:
        return Wav2Vec2Configuration(**values)
    except ValueError as error:
        raise ValueError(f"config.json: {error}") from error


def check_preprocessing(preprocessing: Mapping[str, Any], *, file: str = "preprocessor_config.json") -> None:
    """Refuse a checkpoint that hears audio otherwise than this project prepares it.

    Args:
        preprocessing: fields of transformers' `Wav2Vec2FeatureExtractor`; absent ones have its defaults, which fit.
        file: where they stand, for the message.

    Raises:
        ValueError: another sampling rate than 16 kHz, audio that is not normalized, or no plain samples.
    """
    for name, expected in _PREPROCESSING.items():
        if preprocessing.get(name, expected) != expected:
            raise ValueError(
                f"{file}: {name} must be {expected}, as this project prepares audio. "
                f"Received: {preprocessing[name]!r}"
            )


def check_processor(processor: Mapping[str, Any]) -> None:
    """Refuse like `check_preprocessing` what transformers 5 says in `processor_config.json`: feature_extractor."""
    extractor = processor.get("feature_extractor", {})
    if not isinstance(extractor, Mapping):
        raise ValueError(
            f"processor_config.json: feature_extractor must hold one JSON object. Received: {extractor!r}"
        )
    check_preprocessing(extractor, file="processor_config.json: feature_extractor")


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A converted checkpoint: the Keras model, what its logits mean, and the rows of the head that are left out."""

    model: "keras.Model"
    vocabulary: Vocabulary
    left_out: list[str]


def convert_checkpoint(checkpoint: Checkpoint, *, language: str | None = None) -> Conversion:
    """Convert a checkpoint.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        language: see `make_vocabulary`.

    Raises:
        ValueError: something does not fit; see the functions above.
    """
    configuration = convert_configuration(checkpoint.configuration)
    check_preprocessing(checkpoint.preprocessing)
    check_processor(checkpoint.processor)
    _, prefix = FAMILIES[find_family(checkpoint.configuration)]
    tensors = name_as_wav2vec2(strip_prefix(checkpoint.tensors), prefix)
    # An adapter brings a head of its own, whatever config.json says.
    head_rows = checkpoint.adapter_rows or configuration.vocab_size
    check_head(tensors, head_rows=head_rows)
    tokens = read_tokens(checkpoint, head_rows=head_rows, language=language)
    vocabulary, rows = make_vocabulary(checkpoint, tokens, language=language)
    tensors = fold_weight_norm(fit_head(tensors, rows))
    check_sizes(configuration, tensors)
    check_finite(tensors)
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(dataclasses.replace(configuration, vocab_size=len(rows)))
    convert_weights(model, tensors)
    return Conversion(model, vocabulary, list_left_out(tokens, head_rows=head_rows))


def convert_file(source: str, path: Path, *, language: str | None = None) -> None:
    """Convert a checkpoint to a model file and its vocabulary, and print what was converted.

    Args:
        source: Hugging Face folder or hub name.
        path: the `.h5` file to write.
        language: ISO 639 code of what it hears; which adapter, where there is one for each language.

    Raises:
        ValueError: the suffix is another, or the checkpoint cannot be converted.
        OSError: the checkpoint is not there, or the files cannot be written.
    """
    check_suffix(path)
    checkpoint = read_checkpoint(find_checkpoint(source, language), language)
    converted = convert_checkpoint(checkpoint, language=language)
    vocabulary = converted.vocabulary
    save_model(converted.model, path, vocabulary=vocabulary)
    beside = name_vocabulary_file(path)
    atomic_write(beside, (json.dumps(vocabulary.to_fields(), ensure_ascii=False, indent=1) + "\n").encode())
    if checkpoint.language_model is not None:
        kept, unfinished = name_language_model(path), path.with_suffix(".language_model.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(checkpoint.language_model, unfinished)
        shutil.rmtree(kept, ignore_errors=True)
        unfinished.rename(kept)
    _print_summary(source, checkpoint, converted, path)


def name_language_model(path: Path) -> Path:
    """Return the folder beside a model file that holds its checkpoint's own language model, if it has one."""
    return path.with_suffix(".language_model")


def _print_summary(source: str, checkpoint: Checkpoint, converted: Conversion, path: Path) -> None:
    """Print what was converted, and how to push it."""
    model, vocabulary = converted.model, converted.vocabulary
    configuration = model.configuration
    order = "stable layer norm" if configuration.do_stable_layer_norm else "layer norm last"
    names = [name.rsplit(".", 1)[-1] for name in UNNEEDED_TENSORS]
    unneeded = sorted(name for name in checkpoint.tensors if name.rsplit(".", 1)[-1] in names)
    rows = {
        "from": source,
        "to": f"{path} ({path.stat().st_size / 1e6:.1f} MB), {name_vocabulary_file(path).name}",
        "family": find_family(checkpoint.configuration),
        "feature encoder": f"{len(configuration.conv_dim)} convolutions, {configuration.feat_extract_norm} norm",
        "transformer": f"{configuration.num_hidden_layers} layers of width {configuration.hidden_size}, {order}",
        "frames": f"one every {1000 * measure_frame_duration(configuration.conv_stride):g} ms",
        "parameters": f"{model.count_params():,} in {len(model.weights)} variables, all assigned",
        "vocabulary": f"{len(vocabulary.tokens)} tokens: {vocabulary.summary}",
        "language": vocabulary.language or "not known; --language names it",
        "error rate of": vocabulary.units,
        "tensors left out": ", ".join(unneeded) or "none",
        "rows left out": ", ".join(converted.left_out) or "none",
        "language model": f"kept in {name_language_model(path)}" if checkpoint.language_model else "none",
    }
    table = Table(title="Converted", show_header=False)
    for name, said in rows.items():
        table.add_row(name, Text(escape_unprintable(said)))
    Console().print(table)
    print_plain(f"Evaluate it:            poetry run evaluate --model {path}")
    if checkpoint.language_model is not None:
        print_plain(
            f"Decode with its words:  poetry run evaluate --model {path} --lm {name_language_model(path)}"
        )
    print_plain(f"Push it with the code:  leap push -n {path.stem} -m {path} -e")
    print_plain(f"Older leap CLI:         leap projects push {path}")
    print_plain(
        f"Before a push, name its vocabulary in config.yaml: model.vocabulary: {name_vocabulary_file(path)}"
    )
