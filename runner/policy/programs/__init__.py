"""Simulates programs: those that run other programs, and those whose output can be computed."""
