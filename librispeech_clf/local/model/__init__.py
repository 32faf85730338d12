"""wav2vec 2.0 with CTC in Keras: configuration, layers, graph, conversion of published weights, training."""
