"""The rules, as data files and a few checks in code, and the classes of paths."""
