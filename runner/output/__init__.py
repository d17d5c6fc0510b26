"""Output from SSH, on its way to stored, masked chunks."""
