"""The push rehearsal: what leap.yaml collects, and whether that works by itself."""
