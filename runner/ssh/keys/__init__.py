"""Keys, certificates, and the host keys that are trusted."""
