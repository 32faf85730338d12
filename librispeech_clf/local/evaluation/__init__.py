"""Evaluation without the platform: run the registered functions, analyze the table of results."""
