"""Conversion of checkpoints from other libraries to this project's model file."""
