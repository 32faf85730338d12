"""Architecture of a CTC model of the wav2vec 2.0 family: the fields of Hugging Face's configurations, and one more."""

from dataclasses import dataclass, fields
from typing import Any

from librispeech_clf.ctc.frames import count_frames

_FEATURE_NORMS = ("group", "layer")

FORCED_LOGIT = 1e4
"""Size of the logits at padded frames; fits float16, in which the Tensorleap engine stores tensors."""


@dataclass(frozen=True)
class Wav2Vec2Configuration:
    """Sizes and switches of the graph, named as in Hugging Face's `Wav2Vec2Config`.

    Attributes:
        conv_dim: channels of each convolution of the feature encoder.
        conv_kernel: kernel size of each convolution, in its own input frames (samples for the first).
        conv_stride: stride of each convolution.
        conv_bias: whether the convolutions have a bias.
        feat_extract_norm: "group" (first convolution normalized over time, base models) or "layer" (every convolution
            normalized over channels, large and XLSR models).
        hidden_size: width of the transformer.
        num_hidden_layers: transformer layers.
        num_attention_heads: heads per layer.
        intermediate_size: width of the feed-forward layers.
        num_conv_pos_embeddings: kernel size of the positional convolution, in frames.
        num_conv_pos_embedding_groups: groups of the positional convolution.
        num_conv_pos_layers: positional convolutions; if there are several, a norm without weights follows each
            (data2vec-audio has five).
        feat_proj_layer_norm: whether a norm precedes the projection of the features (not in every HuBERT).
        adapter_attn_dim: width of the adapter after each layer (MMS); 0 without one.
        num_buckets: buckets of the gated relative position bias (WavLM); 0 without it.
        max_bucket_distance: distance in frames from which all distances share a bucket.
        do_stable_layer_norm: layer norm before (large models) instead of after (base models) each block.
        sinusoidal_positions: add the sinusoids of a frame's position (Vaswani et al. 2017, as in Whisper's encoder)
            to what the positional convolution adds; no Hugging Face checkpoint has them.
        layer_norm_eps: epsilon of every norm.
        vocab_size: letters, the blank included.

    Raises:
        ValueError: a field does not fit the others.
    """

    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    feat_extract_norm: str = "group"
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    num_conv_pos_layers: int = 1
    feat_proj_layer_norm: bool = True
    adapter_attn_dim: int = 0
    num_buckets: int = 0
    max_bucket_distance: int = 800
    do_stable_layer_norm: bool = False
    sinusoidal_positions: bool = False
    layer_norm_eps: float = 1e-5
    vocab_size: int = 32

    def __post_init__(self) -> None:
        """Refuse values of the wrong kind, and combinations that have no graph."""
        for field in fields(self):
            _check_kind(field.name, getattr(self, field.name), field.default)
        if not len(self.conv_dim) == len(self.conv_kernel) == len(self.conv_stride) > 0:
            raise ValueError(
                "conv_dim, conv_kernel and conv_stride must have one entry per convolution. "
                f"Received: {self.conv_dim}, {self.conv_kernel}, {self.conv_stride}"
            )
        if self.feat_extract_norm not in _FEATURE_NORMS:
            raise ValueError(
                f"feat_extract_norm must be one of {_FEATURE_NORMS}. Received: {self.feat_extract_norm!r}"
            )
        if self.num_buckets and not 4 * self.max_bucket_distance > self.num_buckets >= 4:
            raise ValueError(
                "num_buckets must be 4 or more and below 4 times max_bucket_distance. "
                f"Received: {self.num_buckets}, {self.max_bucket_distance}"
            )
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % getattr(self, name):
                raise ValueError(
                    f"hidden_size must be a multiple of {name}. Received: {self.hidden_size}, {getattr(self, name)}"
                )

    def count_frames(self, samples: int) -> int:
        """Return how many frames of logits `samples` samples of audio give."""
        return count_frames(samples, kernels=self.conv_kernel, strides=self.conv_stride)


def _check_kind(name: str, value: Any, example: Any) -> None:
    """Raise ValueError unless the value is of the example's kind; numbers must be above 0, or may be 0 if it is."""
    if isinstance(example, tuple):
        fits = isinstance(value, tuple) and all(type(x) is int and x > 0 for x in value)
        rule = "a list of whole numbers above 0"
    elif type(example) is int:
        fits, rule = type(value) is int and value >= min(example, 1), "a whole number above 0"
    elif isinstance(example, float):
        fits, rule = type(value) in (int, float) and value > 0, "a number above 0"
    else:
        fits, rule = type(value) is type(example), {bool: "true or false", str: "a text"}[type(example)]
    if not fits:
        raise ValueError(f"{name} must be {rule}. Received: {value!r}")


BASE = Wav2Vec2Configuration()
"""facebook/wav2vec2-base-960h (its `config.json`)."""
