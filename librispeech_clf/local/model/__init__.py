"""wav2vec 2.0 with CTC in Keras: configuration, layers, graph, inference, and conversion of published weights."""
