"""One row to its final state."""
