"""Turns schedule texts into moments."""
