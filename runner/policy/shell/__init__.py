"""The shell that the interpreter simulates: its state, and the interface it offers."""
