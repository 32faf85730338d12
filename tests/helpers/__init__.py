"""What several test modules share: made-up inputs, stand-ins, and references to compare with."""
