"""The console's pages, in a real browser against a real service."""
