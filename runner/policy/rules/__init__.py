"""The rules, as data and the few that need code, and classes of paths."""
