"""Between frames of logits and text: frame arithmetic, decoding and the loss."""
