"""Whisper's encoder, read from a model file of CTranslate2, in PyTorch: teacher and source of weights.

Architecture: Radford et al. 2022 (arXiv 2212.04356): log-mel spectrogram, two convolutions, sinusoids of the positions,
transformer with layer norm first. Legend of shapes: B batch, N samples at 16 kHz, M mel frames of 10 ms, T frames of
20 ms, C channels.

Source of the file's format: `python/ctranslate2/specs/model_spec.py` of CTranslate2 4 (MIT), binary version 6, a plain
list of named arrays. All numbers are little-endian: u32 version; the specification's name; u32 revision; u32 number of
variables; and of each its name, u8 rank, u32 sizes, u8 type, u32 bytes, the bytes. A name is a u16 length and so many
bytes, the last of them zero.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

WINDOW, HOP, STRIDE = 400, 160, 2
"""Samples of a spectrum and from one to the next; mel frames to a frame of the second convolution."""
HOP_OF_FRAMES = HOP * STRIDE
FLOOR, RANGE = 1e-10, 8.0
"""Least energy of a mel band, and how far (in powers of ten) the weakest one may lie below an utterance's strongest."""

VERSION = 6
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By their number in the file; one of a higher number (bfloat16) is refused."""


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


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Read every variable of a model file.

    Args:
        path: `model.bin`.

    Returns:
        Arrays by name, of the file's own types, such as "encoder/conv1/weight", float16 (384, 80, 3). They cannot be
        written to.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file of this format and version, or it is cut off.
    """
    content = path.read_bytes()
    place = 0

    def read(kind: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(f"<{kind}", content, place)
        place += struct.calcsize(kind)
        return value

    def read_name() -> str:
        nonlocal place
        length = read("H")
        name = content[place : place + length].rstrip(b"\0").decode()
        place += length
        return name

    def read_array() -> np.ndarray:
        nonlocal place
        shape = [read("I") for _ in range(read("B"))]
        kind, size = np.dtype(TYPES[read("B")]), read("I")
        array = np.frombuffer(content, kind, size // kind.itemsize, place).reshape(shape)
        place += size
        return array

    try:
        version = read("I")
        if version != VERSION:
            raise ValueError(f"its version is {version}, this reads {VERSION}")
        read_name()
        read("I")
        return {read_name(): read_array() for _ in range(read("I"))}
    except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CTranslate2 model file, or cut off ({error}).") from error


def load_encoder(variables: Mapping[str, np.ndarray]) -> WhisperEncoder:
    """Return the encoder among a model file's variables.

    Args:
        variables: as `read_variables` returns them.

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
