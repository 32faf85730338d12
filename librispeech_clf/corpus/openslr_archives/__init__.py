"""LibriSpeech's archives on OpenSLR: downloaded, verified and unpacked."""
