"""A connection to a target, and why there is none."""
