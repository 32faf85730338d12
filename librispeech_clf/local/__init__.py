"""What a user runs at the desk: the model, the evaluation, what it tells, the page, the rehearsal of a push."""
