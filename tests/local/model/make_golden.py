"""Make the golden arrays of `test_graph.py`: tiny random `transformers` models and their logits.

Needs torch and transformers (not dependencies of this project): `python tests/local/model/make_golden.py`.
Also the source of the random models of `test_parity_torch.py`.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers

GOLDEN_FOLDER = Path(__file__).parent / "golden"
TINY = {
    "conv_dim": (12, 12, 16),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 2, 2),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4,
}
LARGE = {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
SMALL = TINY | {
    "conv_dim": (8, 8, 8), "hidden_size": 16, "intermediate_size": 24, "num_feat_extract_layers": 3,
    "mask_time_prob": 0.0,
}  # fmt: skip
ARCHITECTURES = {
    "tiny_base": TINY,
    "tiny_large": TINY | {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
    "base": {},
    "large": LARGE,
    "Hubert": SMALL | {"feat_proj_layer_norm": False},
    "Data2VecAudio": SMALL | {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5},
    "WavLM": SMALL | STABLE | {"num_buckets": 32, "max_bucket_distance": 50},
    "MMS": SMALL | STABLE | {"adapter_attn_dim": 4},
}
"""Fields that differ from the defaults of `Wav2Vec2Config`, or of another family's configuration."""
FAMILIES = ("Hubert", "Data2VecAudio", "WavLM")


def make_random_model(architecture: str, *, seed: int) -> transformers.PreTrainedModel:
    """Return a seeded model with non-trivial norms and biases, in evaluation mode.

    transformers starts norms at 1 and biases at 0, which would hide that they are swapped or left out.
    """
    torch.manual_seed(seed)
    family = architecture if architecture in FAMILIES else "Wav2Vec2"
    configuration = getattr(transformers, f"{family}Config")(vocab_size=32, **ARCHITECTURES[architecture])
    model = getattr(transformers, f"{family}ForCTC")(configuration).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1)
            elif "layer_norm" in name or "adapter_layer.norm" in name or name.endswith("gru_rel_pos_const"):
                parameter.normal_(1, 0.2)
            elif name.endswith("original0"):
                parameter.mul_(torch.empty_like(parameter).uniform_(0.5, 1.5))
    return model


def make_audio(samples: int, *, seed: int) -> np.ndarray:
    """Return noise with a slow envelope, zero mean and unit variance: float32 (N,)."""
    generator = np.random.default_rng(seed)
    audio = generator.standard_normal(samples) * (1.2 + np.sin(np.arange(samples) / 3000))
    return ((audio - audio.mean()) / audio.std()).astype(np.float32)


def compute_logits(model: transformers.PreTrainedModel, audio: np.ndarray) -> np.ndarray:
    """Return the logits of one utterance without padding: float32 (T, V)."""
    with torch.inference_mode():
        return model(torch.from_numpy(audio)[None]).logits[0].numpy()


def compute_pooled(model: transformers.PreTrainedModel, audio: np.ndarray) -> np.ndarray:
    """Return the mean of the last hidden state over time: float32 (C,)."""
    with torch.inference_mode():
        return model.base_model(torch.from_numpy(audio)[None]).last_hidden_state[0].mean(0).numpy()


def main() -> None:
    """Write one file per tiny architecture: configuration, tensors, audio, logits, pooled hidden state."""
    GOLDEN_FOLDER.mkdir(exist_ok=True)
    for seed, architecture in enumerate(("tiny_base", "tiny_large", *FAMILIES, "MMS")):
        model = make_random_model(architecture, seed=seed)
        arrays = {f"tensor/{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
        for index, samples in enumerate((2000, 3501, 977)):
            audio = make_audio(samples, seed=index)
            arrays |= {f"audio/{index}": audio, f"logits/{index}": compute_logits(model, audio)}
            arrays[f"pooled/{index}"] = compute_pooled(model, audio)
        configuration = json.dumps(model.config.to_dict() | {"architectures": [type(model).__name__]})
        np.savez_compressed(GOLDEN_FOLDER / f"{architecture}.npz", configuration=configuration, **arrays)


if __name__ == "__main__":
    main()
