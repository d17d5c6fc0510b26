"""Follows a command's syntax tree, and finds what it would do."""
