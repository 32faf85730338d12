"""Transcripts as text: the vocabulary, alignments, and foreign text that is safe to print."""
