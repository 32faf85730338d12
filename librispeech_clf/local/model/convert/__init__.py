"""Checkpoints of other libraries, converted to this project's model file."""
