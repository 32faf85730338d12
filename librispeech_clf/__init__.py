"""LibriSpeech and wav2vec 2.0 on Tensorleap: from corpus to report."""
