"""Expands the words of a command as a shell does."""
