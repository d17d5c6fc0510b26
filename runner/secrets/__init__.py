"""Secrets, and the vault that seals them."""
