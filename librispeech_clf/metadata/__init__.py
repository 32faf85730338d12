"""Metadata of an utterance: its signal, its text, its readability and its record in the tables."""
