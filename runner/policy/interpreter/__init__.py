"""Interprets a command's syntax tree and reports the broken rules. Nothing is run."""
