"""Making of synthetic speech: voices, sentences, the bundled corpus, and training material for the model."""
