"""The commands of pyproject.toml, one module each."""
