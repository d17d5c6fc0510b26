"""Sealed values."""
