"""Paths as a command may name them, and what they stand for."""
