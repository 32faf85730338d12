"""The corpus: one schema over the bundled sample, OpenSLR trees, Hugging Face datasets and custom files."""
