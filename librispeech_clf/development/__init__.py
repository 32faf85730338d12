"""How the bundled model, the bundled corpus and the pictures were made; no user needs it."""
