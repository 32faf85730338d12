"""Training: settings, material, batches, objectives, optimizer, and the trainer that joins them."""
