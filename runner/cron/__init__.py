"""Text to moments."""
