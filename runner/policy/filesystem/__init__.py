"""Resolves the paths that a command may name, and classifies them."""
