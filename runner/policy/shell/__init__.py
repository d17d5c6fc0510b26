"""A shell as the interpreter simulates it: its state and what it offers."""
