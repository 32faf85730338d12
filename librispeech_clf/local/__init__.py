"""What a user runs at the desk: the model, the evaluation and its analysis, the page, the rehearsal of a push."""
