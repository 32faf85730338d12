"""Whisper's encoder in PyTorch, as teacher and as source of weights.

Architecture: Radford et al. 2022 (arXiv 2212.04356): log-mel spectrogram, two convolutions, sinusoids of the positions,
transformer with layer norm first. Legend of shapes: B batch, N samples at 16 kHz, M mel frames of 10 ms, T frames of
20 ms, C channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

WINDOW, HOP, STRIDE = 400, 160, 2
"""Samples of a spectrum and from one to the next; mel frames to a frame of the second convolution."""
HOP_OF_FRAMES = HOP * STRIDE
FLOOR, RANGE = 1e-10, 8.0
"""Least energy of a mel band, and how far (in powers of ten) the weakest one may lie below an utterance's strongest."""


@dataclass(frozen=True)
class WhisperEncoder:
    """Weights of an encoder.

    Attributes:
        tensors: float32, by CTranslate2's name without "encoder/".
        heads: of each layer.
    """

    tensors: "Mapping[str, torch.Tensor]"
    heads: int

    @property
    def width(self) -> int:
        """C of the transformer."""
        return len(self.tensors["layer_norm/gamma"])

    @property
    def layers(self) -> int:
        """Layers of the transformer."""
        return sum(name.endswith("ffn/linear_0/bias") for name in self.tensors)

    def log_mel(self, audio: "torch.Tensor") -> "torch.Tensor":
        """Return Whisper's input features of audio: float32 (B, N) -> (B, mel bands, M)."""
        import torch

        window = torch.hann_window(WINDOW)
        spectrum = torch.stft(audio, WINDOW, HOP, window=window, return_complex=True, pad_mode="reflect")
        bands = torch.tensor(make_mel_filters(self.tensors["conv1/weight"].shape[1]))
        energy = torch.clamp(bands @ spectrum[..., :-1].abs().square(), min=FLOOR).log10()
        energy = torch.maximum(energy, energy.amax((1, 2), keepdim=True) - RANGE)
        return (energy + 4) / 4

    def encode_front(self, mel: "torch.Tensor") -> "torch.Tensor":
        """Apply the two convolutions: (B, mel bands, M) -> (B, M // 2, C), the positions not yet added."""
        import torch.nn.functional as F  # noqa: N812

        weights = self.tensors
        x = F.gelu(F.conv1d(mel, weights["conv1/weight"], weights["conv1/bias"], padding=1))
        x = F.conv1d(x, weights["conv2/weight"], weights["conv2/bias"], padding=1, stride=STRIDE)
        return F.gelu(x).transpose(1, 2)

    def encode_upper(self, x: "torch.Tensor") -> "torch.Tensor":
        """Apply transformer and last norm to frames with positions, none of them padding: (B, T, C) -> (B, T, C)."""
        import torch.nn.functional as F  # noqa: N812

        weights = self.tensors

        def norm(x, name):
            return F.layer_norm(x, (self.width,), weights[f"{name}/gamma"], weights[f"{name}/beta"])

        def dense(x, name):
            return F.linear(x, weights[f"{name}/weight"], weights[f"{name}/bias"])

        for index in range(self.layers):
            attention, fed = f"layer_{index}/self_attention", f"layer_{index}/ffn"
            joined = dense(norm(x, f"{attention}/layer_norm"), f"{attention}/linear_0")
            parts = joined.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
            x = x + dense(attended, f"{attention}/linear_1")
            grown = F.gelu(dense(norm(x, f"{fed}/layer_norm"), f"{fed}/linear_0"))
            x = x + dense(grown, f"{fed}/linear_1")
        return norm(x, "layer_norm")


def load_encoder(variables: Mapping[str, np.ndarray]) -> WhisperEncoder:
    """Return the encoder among a model file's variables.

    Args:
        variables: as `ctranslate2.read_variables` returns them.

    Raises:
        ValueError: there is no encoder of Whisper among them.
    """
    import torch

    try:
        heads = int(variables["encoder/num_heads"])
        variables["encoder/conv2/weight"], variables["encoder/layer_norm/gamma"]
    except KeyError as error:
        raise ValueError(f"No encoder of Whisper: the model file lacks {error}.") from error
    tensors = {
        name.removeprefix("encoder/"): torch.tensor(array.astype(np.float32))
        for name, array in variables.items()
        if name.startswith("encoder/") and array.ndim
    }
    return WhisperEncoder(tensors, heads)


def make_mel_filters(count: int) -> np.ndarray:
    """Return the mel bands of Whisper's spectrogram, as librosa makes them: float32 (count, WINDOW // 2 + 1).

    The scale is Slaney's: linear below 1 kHz, logarithmic above; each triangle has the same area.
    """

    def to_hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < 15, 200 / 3 * mel, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))

    frequencies = np.linspace(0, 8000, WINDOW // 2 + 1)
    highest = 15 + 27 * np.log(8) / np.log(6.4)  # 8 kHz
    edges = to_hz(np.linspace(0, highest, count + 2))
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
