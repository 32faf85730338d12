"""The rehearsal of a push: what leap.yaml collects, and whether that works by itself."""
