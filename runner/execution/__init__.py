"""Drives one execution to its final state."""
