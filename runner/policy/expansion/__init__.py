"""Words of a command as a shell expands them."""
