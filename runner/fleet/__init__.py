"""Carries fleet runs on: decides when the next batch starts, when nothing more starts, and how the fleet run ended."""
