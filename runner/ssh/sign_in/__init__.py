"""Signing in, and what a server said instead of letting us in."""
