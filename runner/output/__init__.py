"""Bytes from SSH to stored, masked chunks."""
