"""The graph of `WHISPER_HEIR` in PyTorch, for training: what `local.model.graph` computes.

Parameters have Hugging Face's names. One sort of model only: group norm after the first convolution, biases, layer
norm first, sinusoidal positions. Legend of shapes: B batch, N samples, T frames, C width of the transformer, V letters.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.development.training.whisper import HOP_OF_FRAMES, WhisperEncoder
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.convert.weights import find_tensor_name

if TYPE_CHECKING:
    import keras
    import torch

WHISPER_HEIR = Wav2Vec2Configuration(
    conv_dim=(48, 80, 128, 192, 256, 384, 512),
    conv_kernel=(10, 3, 3, 3, 3, 4, 5),
    conv_bias=True,
    hidden_size=384,
    num_hidden_layers=5,
    num_attention_heads=6,
    intermediate_size=1536,
    num_conv_pos_embeddings=16,
    do_stable_layer_norm=True,
    sinusoidal_positions=True,
)
"""What is trained: the sizes of Whisper tiny.en's encoder, which it inherits, and one more layer.
The last two convolutions look at 1,040 samples, as a frame of Whisper's encoder does."""
LONGEST_PERIOD = 1e4
PADDED = -3e4
"""Added to the score of a padded key."""
BIAS_SPREAD = 0.3
"""Standard deviation of the convolutions' first biases: a logarithm is made of bends at many places."""
_PARTS_OF_LAYER = {
    "layer_norm": "self_attention/layer_norm",
    "final_layer_norm": "ffn/layer_norm",
    "attention.out_proj": "self_attention/linear_1",
    "feed_forward.intermediate_dense": "ffn/linear_0",
    "feed_forward.output_dense": "ffn/linear_1",
}
"""Module of Hugging Face's layer -> module of CTranslate2's."""
_OUTPUTS = ("attention.out_proj", "feed_forward.output_dense")
"""Of a layer's two halves."""


def make_student(configuration: Wav2Vec2Configuration) -> "torch.nn.Module":
    """Make a model with random weights; the transformer's layers begin as identity, the positional convolution as 0.

    Args:
        configuration: the architecture.

    Returns:
        A module with `front`, `upper` and `logits`; its state dictionary has Hugging Face's names.

    Raises:
        ValueError: the configuration is of another sort.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    c = configuration
    if c.feat_extract_norm != "group" or not (
        c.conv_bias and c.do_stable_layer_norm and c.sinusoidal_positions
    ):
        raise ValueError(f"Only a model of WHISPER_HEIR's sort can be trained. Received: {configuration}")

    def make_layer() -> nn.ModuleDict:
        square = {
            name: nn.Linear(c.hidden_size, c.hidden_size)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj")
        }
        fed = {
            "intermediate_dense": nn.Linear(c.hidden_size, c.intermediate_size),
            "output_dense": nn.Linear(c.intermediate_size, c.hidden_size),
        }
        for linear in (square["out_proj"], fed["output_dense"]):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        norms = {
            name: nn.LayerNorm(c.hidden_size, c.layer_norm_eps) for name in ("layer_norm", "final_layer_norm")
        }
        return nn.ModuleDict(
            {"attention": nn.ModuleDict(square), "feed_forward": nn.ModuleDict(fed), **norms}
        )

    class Student(nn.Module):
        """Audio in, logits out; `dropout` is the share of what each layer adds that is put out in training."""

        dropout = 0.0

        def __init__(self) -> None:
            super().__init__()
            shapes = zip((1, *c.conv_dim), c.conv_dim, c.conv_kernel, c.conv_stride, strict=False)
            convolutions = [nn.ModuleDict({"conv": nn.Conv1d(*shape)}) for shape in shapes]
            convolutions[0]["layer_norm"] = nn.GroupNorm(c.conv_dim[0], c.conv_dim[0], c.layer_norm_eps)
            for layer in convolutions:
                nn.init.kaiming_normal_(layer["conv"].weight)
                nn.init.normal_(layer["conv"].bias, 0, BIAS_SPREAD)
            nn.init.zeros_(convolutions[0]["conv"].bias)  # the norm takes it out again
            nn.init.normal_(convolutions[0]["layer_norm"].bias, 0, BIAS_SPREAD)
            width, size = c.hidden_size, c.num_conv_pos_embeddings
            positional = nn.Conv1d(width, width, size, groups=c.num_conv_pos_embedding_groups)
            nn.init.zeros_(positional.weight)
            nn.init.zeros_(positional.bias)
            projection = {
                "layer_norm": nn.LayerNorm(c.conv_dim[-1], c.layer_norm_eps),
                "projection": nn.Linear(c.conv_dim[-1], width),
            }
            encoder = {
                "pos_conv_embed": nn.ModuleDict({"conv": positional}),
                "layers": nn.ModuleList(make_layer() for _ in range(c.num_hidden_layers)),
                "layer_norm": nn.LayerNorm(width, c.layer_norm_eps),
            }
            extractor = nn.ModuleDict({"conv_layers": nn.ModuleList(convolutions)})
            self.wav2vec2 = nn.ModuleDict(
                {
                    "feature_extractor": extractor,
                    "feature_projection": nn.ModuleDict(projection),
                    "encoder": nn.ModuleDict(encoder),
                }
            )
            self.lm_head = nn.Linear(width, c.vocab_size)
            nn.init.normal_(self.lm_head.weight, 0, 0.02)
            nn.init.zeros_(self.lm_head.bias)

        def count_frames(self, samples: torch.Tensor) -> torch.Tensor:
            """Return the frames of so many samples: int (B,) -> int (B,)."""
            for size, stride in zip(c.conv_kernel, c.conv_stride, strict=True):
                samples = torch.div(samples - size, stride, rounding_mode="floor") + 1
            return samples

        def front(self, audio: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
            """Apply convolutions and projection.

            Args:
                audio: float32 (B, N), each row with unit variance over its samples, zero-padded.
                samples: int (B,).

            Returns:
                float (B, T, C), what Whisper's convolutions give.
            """
            layers = self.wav2vec2["feature_extractor"]["conv_layers"]
            x = self._normalized_convolution(audio, samples, layers[0])
            x = F.gelu(x).transpose(1, 2)
            for layer, stride in zip(layers[1:], c.conv_stride[1:], strict=True):
                x = F.gelu(F.conv1d(x, layer["conv"].weight, layer["conv"].bias, stride=stride))
            projection = self.wav2vec2["feature_projection"]
            return projection["projection"](projection["layer_norm"](x.transpose(1, 2)))

        def _normalized_convolution(self, audio, samples, layer) -> torch.Tensor:
            """First convolution and group norm over valid frames in one product, as `local.model.fused` has it."""
            size, stride = c.conv_kernel[0], c.conv_stride[0]
            windows = audio.float().unfold(1, size, stride)
            valid = torch.div(samples - size, stride, rounding_mode="floor")[:, None] + 1
            with torch.autocast("cpu", enabled=False):
                mask = (torch.arange(windows.shape[1])[None] < valid).float()[..., None]
                seen, count = windows * mask, valid[..., None].float()
                mean = seen.sum(1, keepdim=True) / count
                covariance = seen.transpose(1, 2) @ seen / count - mean.transpose(1, 2) @ mean
                kernel, norm = layer["conv"].weight[:, 0].t(), layer["layer_norm"]
                variance = (kernel * (covariance @ kernel)).sum(1, keepdim=True).clamp(min=0)
                scale = norm.weight * torch.rsqrt(variance + norm.eps)
                kernels, shift = kernel[None] * scale, norm.bias - (mean @ kernel) * scale
            exact = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
            return windows.to(exact) @ kernels.to(exact) + shift.to(exact)

        def upper(self, features: torch.Tensor, frames: torch.Tensor, *, frozen: int = 0) -> torch.Tensor:
            """Add positions and apply the transformer.

            Args:
                features: (B, T, C), as `front` returns them.
                frames: int (B,), how many are valid.
                frozen: so many of the first layers give no gradients.

            Returns:
                (B, T, C), before the last norm.
            """
            length, size = features.shape[1], c.num_conv_pos_embeddings
            valid = torch.arange(length)[None] < frames[:, None]
            x = features * valid[..., None].to(features.dtype)
            padded = F.pad(x.transpose(1, 2), (size // 2, size - 1 - size // 2))
            added = F.gelu(self.wav2vec2["encoder"]["pos_conv_embed"]["conv"](padded).transpose(1, 2))
            x = x.float() + added.float() + draw_sinusoids(length, c.hidden_size)
            penalty = ((~valid).float() * PADDED)[:, None, None, :]
            for index, layer in enumerate(self.wav2vec2["encoder"]["layers"]):
                with torch.set_grad_enabled(torch.is_grad_enabled() and index >= frozen):
                    x = self._apply_layer(layer, x, penalty)
            return x

        def _apply_layer(self, layer, x, penalty) -> torch.Tensor:
            batch, length, width = x.shape
            heads, attention = c.num_attention_heads, layer["attention"]
            parts = [attention[name] for name in ("q_proj", "k_proj", "v_proj")]
            weight, bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
            joined = F.linear(layer["layer_norm"](x), weight, bias)
            query, key, value = joined.view(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            # Twice as fast backwards on a CPU as torch's scaled_dot_product_attention.
            scores = (query * (width // heads) ** -0.5) @ key.transpose(-1, -2) + penalty.to(query.dtype)
            attended = (scores.softmax(-1) @ value.contiguous()).transpose(1, 2).reshape(batch, length, width)
            x = x + self._drop(attention["out_proj"](attended))
            fed = layer["feed_forward"]
            grown = F.gelu(fed["intermediate_dense"](layer["final_layer_norm"](x)))
            return x + self._drop(fed["output_dense"](grown))

        def _drop(self, added) -> torch.Tensor:
            return F.dropout(added, self.dropout, torch.is_grad_enabled() and self.dropout > 0)

        def logits(self, x: torch.Tensor) -> torch.Tensor:
            """Return letters' logits of the transformer's output: (B, T, C) -> (B, T, V)."""
            return self.lm_head(self.wav2vec2["encoder"]["layer_norm"](x))

    return Student()


def draw_sinusoids(length: int, width: int) -> "torch.Tensor":
    """Return the positions that the graph adds: float32 (T, C)."""
    import torch

    half = width // 2
    frequencies = torch.exp(-math.log(LONGEST_PERIOD) / (half - 1) * torch.arange(half))
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies[None]
    return torch.cat([torch.sin(angles), torch.cos(angles)], 1)


def inherit(student: "torch.nn.Module", encoder: WhisperEncoder) -> None:
    """Copy the transformer of Whisper's encoder into the student's first layers and its last norm.

    The layers above get copies of the last one, but their outputs stay zero: they begin as identity.

    Args:
        student: as `make_student` returns it; of the same width, with as many layers or more.
        encoder: the source.

    Raises:
        ValueError: the sizes differ.
    """
    import torch

    source, target = encoder.tensors, dict(student.named_parameters())
    copies = {"wav2vec2.encoder.layer_norm": "layer_norm"}
    layers = max(encoder.layers, len(student.wav2vec2["encoder"]["layers"]))
    sources = {index: f"layer_{min(index, encoder.layers - 1)}" for index in range(layers)}
    for index, layer in sources.items():
        for ours, theirs in _PARTS_OF_LAYER.items():
            if index < encoder.layers or ours not in _OUTPUTS:
                copies[f"wav2vec2.encoder.layers.{index}.{ours}"] = f"{layer}/{theirs}"
    values = {}
    for ours, theirs in copies.items():
        for kinds in (("weight", "weight"), ("bias", "bias"), ("weight", "gamma"), ("bias", "beta")):
            if f"{theirs}/{kinds[1]}" in source:
                values[f"{ours}.{kinds[0]}"] = source[f"{theirs}/{kinds[1]}"]
    for index, layer in sources.items():
        for kind in ("weight", "bias"):
            thirds = source[f"{layer}/self_attention/linear_0/{kind}"].chunk(3)
            for letter, third in zip("qkv", thirds, strict=True):
                values[f"wav2vec2.encoder.layers.{index}.attention.{letter}_proj.{kind}"] = third
    misfits = [
        name for name, value in values.items() if name not in target or target[name].shape != value.shape
    ]
    if misfits:
        raise ValueError(f"The encoder does not fit the model: {misfits[:5]} of {len(misfits)}.")
    with torch.no_grad():
        for name, value in values.items():
            target[name].copy_(value)


def name_tensors(student: "torch.nn.Module") -> dict[str, np.ndarray]:
    """Return all weights by Hugging Face's names, float32, for `convert.conversion.convert_weights`."""
    return {name: value.detach().float().numpy().copy() for name, value in student.state_dict().items()}


def adopt(student: "torch.nn.Module", model: "keras.Model") -> None:
    """Copy a Keras model's weights into a student of its architecture: the inverse of `convert_weights`."""
    import torch

    parts: dict[str, list[np.ndarray]] = {}
    for variable in model.weights:
        # A convolution in groups is one variable a group.
        parts.setdefault(find_tensor_name(variable.path), []).append(np.asarray(variable).T)
    shapes = {name: value.shape for name, value in student.state_dict().items()}
    # A norm over frames is a convolution of width 1 in the graph.
    values = {name: np.concatenate(own).reshape(shapes[name]) for name, own in parts.items()}
    student.load_state_dict({name: torch.tensor(value) for name, value in values.items()})


def look_ahead(configuration: Wav2Vec2Configuration) -> int:
    """Return by how many samples the center of a frame lies behind Whisper's frame of the same number.

    Whisper's frame t is centered at sample `HOP_OF_FRAMES` t, the convolutions' at half their receptive field later:
    Whisper hears the same audio from there on.

    Raises:
        ValueError: the strides make frames of another length.
    """
    if math.prod(configuration.conv_stride) != HOP_OF_FRAMES:
        raise ValueError(f"The strides must make frames of {HOP_OF_FRAMES} samples, as Whisper's are.")
    field, step = 1, 1
    for size, stride in zip(configuration.conv_kernel, configuration.conv_stride, strict=True):
        field, step = field + (size - 1) * step, step * stride
    return field // 2
