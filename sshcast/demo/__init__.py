"""The demo's SSH server, and its one run."""
