"""Evaluation without the platform: run the registered functions, analyse the table of results."""
