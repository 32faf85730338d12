"""Convert CTC checkpoints of the wav2vec 2.0 family to this project's Keras model: `poetry run convert-model`.

In: a Hugging Face folder or hub name (`checkpoint.py`). Out: an `.h5` file that `load.load_model` reads, and its
vocabulary beside it. The order is configuration, vocabulary, weights, files; any doubt is an error that names what
does not fit.
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
from librispeech_clf.local.model.convert.vocabulary import convert_vocabulary
from librispeech_clf.local.model.convert.weights import (
    UNNEEDED_TENSORS,
    check_tensors,
    convert_weights,
    fold_weight_norm,
    name_as_wav2vec2,
)
from librispeech_clf.local.model.save import check_suffix, save_model
from librispeech_clf.text.plain_text import escape_unprintable, print_plain
from librispeech_clf.text.vocabulary import Vocabulary, name_vocabulary_file

if TYPE_CHECKING:
    import keras

FAMILIES = {  # model_type of config.json: class; with _ for -, the prefix of its tensors
    "wav2vec2": "Wav2Vec2ForCTC",
    "hubert": "HubertForCTC",
    "data2vec-audio": "Data2VecAudioForCTC",
    "unispeech": "UniSpeechForCTC",
    "unispeech-sat": "UniSpeechSatForCTC",
    "wavlm": "WavLMForCTC",
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
    # fixed by transformers in the feature encoder; here one value serves all norms
    "layer_norm_eps": (1e-5, None),
}
_PREPROCESSING = {
    "sampling_rate": 16000,
    "do_normalize": True,
    "feature_size": 1,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
}


def convert_configuration(hugging_face: Mapping[str, Any]) -> Wav2Vec2Configuration:
    """Return the architecture that a Hugging Face `config.json` describes, for wav2vec 2.0 or another family.

    Absent fields take the defaults of its configuration class.

    Raises:
        ValueError: the family is another, or it has a part that this model lacks, or a value that no model can have.
    """
    kind = hugging_face.get("model_type")
    if not isinstance(kind, str | None):
        raise ValueError(f"config.json: model_type must be a text. Received: {kind!r}")
    if kind in _REFUSED_FAMILIES:
        raise ValueError(
            f"config.json: a model of type {kind} cannot be converted: {_REFUSED_FAMILIES[kind]}."
        )
    if kind not in FAMILIES:
        raise ValueError(f"config.json: model_type must be one of {', '.join(FAMILIES)}. Received: {kind!r}")
    if (architectures := hugging_face.get("architectures")) and architectures != [FAMILIES[kind]]:
        raise ValueError(
            f"config.json: architectures must be ['{FAMILIES[kind]}'], a model with a CTC head. "
            f"Received: {architectures}. A model for pre-training must be fine-tuned with CTC first."
        )
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
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    fields = [field.name for field in dataclasses.fields(Wav2Vec2Configuration)]
    try:
        return Wav2Vec2Configuration(**{name: given[name] for name in fields if name in given})
    except ValueError as error:
        raise ValueError(f"config.json: {error}") from error


def check_preprocessing(files: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a checkpoint that expects audio prepared differently from how this project does it.

    Args:
        files: as `Checkpoint.files`; absent fields have the defaults of `Wav2Vec2FeatureExtractor`, which fit.

    Raises:
        ValueError: it expects a sampling rate other than 16 kHz, unnormalized audio, or something else than samples.
    """
    described = {"preprocessor_config.json": files["preprocessor_config.json"]}
    # Its place in transformers 5.
    extractor = files["processor_config.json"].get("feature_extractor", {})
    described["processor_config.json: feature_extractor"] = extractor
    for place, fields in described.items():
        if not isinstance(fields, Mapping):
            raise ValueError(f"{place} must hold one JSON object. Received: {fields!r}")
        for name, expected in _PREPROCESSING.items():
            if fields.get(name, expected) != expected:
                raise ValueError(
                    f"{place}: {name} must be {expected}, as this project prepares audio. Received: {fields[name]!r}"
                )


def convert_checkpoint(
    checkpoint: Checkpoint, *, language: str | None = None
) -> tuple["keras.Model", Vocabulary, list[int]]:
    """Convert a checkpoint; `language` as for `convert_vocabulary`.

    Returns:
        The Keras model, its vocabulary, and the rows that it takes from the checkpoint's head.

    Raises:
        ValueError: something does not fit; see the functions above.
    """
    configuration = convert_configuration(checkpoint.files["config.json"])
    check_preprocessing(checkpoint.files)
    family = checkpoint.files["config.json"]["model_type"].replace("-", "_")
    tensors = fold_weight_norm(name_as_wav2vec2(checkpoint.tensors, family))
    if "lm_head.weight" not in tensors:
        raise ValueError(
            "The checkpoint has no CTC head, lm_head.weight. A model for pre-training must be fine-tuned with CTC "
            "first."
        )
    check_tensors(configuration, tensors)
    head_rows = configuration.vocab_size
    vocabulary, rows = convert_vocabulary(checkpoint.files, head_rows=head_rows, language=language)
    for name in ("lm_head.weight", "lm_head.bias"):
        if name in tensors and tensors[name].shape[:1] == (head_rows,):
            tensors[name] = tensors[name][rows]
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(dataclasses.replace(configuration, vocab_size=len(rows)))
    convert_weights(model, tensors)
    return model, vocabulary, rows


def convert_file(source: str, path: Path, *, language: str | None = None) -> None:
    """Convert a Hugging Face folder or hub name to an `.h5` file and its vocabulary; print what was converted.

    The language is an ISO 639 code; if there are adapters, it names one.

    Raises:
        ValueError: the suffix is not `.h5`, or the checkpoint cannot be converted.
        OSError: the checkpoint does not exist, or the files cannot be written.
    """
    check_suffix(path)
    checkpoint = read_checkpoint(find_checkpoint(source, language), language)
    model, vocabulary, rows = convert_checkpoint(checkpoint, language=language)
    save_model(model, path, vocabulary=vocabulary)
    beside, language_model = name_vocabulary_file(path), path.with_suffix(".language_model")
    atomic_write(beside, (json.dumps(vocabulary.to_fields(), ensure_ascii=False, indent=1) + "\n").encode())
    if checkpoint.language_model is not None:
        unfinished = path.with_suffix(".language_model.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(checkpoint.language_model, unfinished)
        shutil.rmtree(language_model, ignore_errors=True)
        unfinished.rename(language_model)
    configuration = model.configuration
    order = "stable layer norm" if configuration.do_stable_layer_norm else "layer norm last"
    names = {name.rpartition(".")[2] for name in UNNEEDED_TENSORS}
    unneeded = sorted(name for name in checkpoint.tensors if name.rpartition(".")[2] in names)
    head = checkpoint.files["config.json"].get("vocab_size") or Wav2Vec2Configuration.vocab_size
    unwritten = [f"row {row}, without a letter" for row in range(head) if row not in rows]
    described = {
        "from": source,
        "to": f"{path} ({path.stat().st_size / 1e6:.1f} MB), {beside.name}",
        "family": checkpoint.files["config.json"]["model_type"],
        "feature encoder": f"{len(configuration.conv_dim)} convolutions, {configuration.feat_extract_norm} norm",
        "transformer": f"{configuration.num_hidden_layers} layers of width {configuration.hidden_size}, {order}",
        "frames": f"one every {1000 * measure_frame_duration(configuration.conv_stride):g} ms",
        "parameters": f"{model.count_params():,} in {len(model.weights)} variables, all assigned",
        "vocabulary": f"{len(vocabulary.tokens)} tokens: {vocabulary.summary}",
        "language": vocabulary.language or "not known; --language names it",
        "error rate of": vocabulary.units,
        "tensors left out": ", ".join(unneeded) or "none",
        "rows left out": ", ".join(unwritten) or "none",
        "language model": f"kept in {language_model}" if checkpoint.language_model else "none",
    }
    table = Table(title="Converted", show_header=False)
    for name, said in described.items():
        table.add_row(name, Text(escape_unprintable(said)))
    Console().print(table)
    print_plain(f"Evaluate it:            poetry run evaluate --model {path}")
    if checkpoint.language_model is not None:
        print_plain(f"Decode with its words:  poetry run evaluate --model {path} --lm {language_model}")
    print_plain(
        f"Push it with the code:  leap push -n {path.stem} -m {path} -e\n"
        f"Older leap CLI:         leap projects push {path}\n"
        f"Before a push, name its vocabulary in config.yaml: model.vocabulary: {beside}"
    )
