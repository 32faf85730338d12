"""Recordings: reading, containers, acoustics and simulations."""
