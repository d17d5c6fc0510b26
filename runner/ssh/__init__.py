"""Connections to targets, and explanations of why there is none."""
