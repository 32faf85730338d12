"""What `poetry run benchmark` measures."""
