"""The demo: an SSH target of our own, and one run on it."""
