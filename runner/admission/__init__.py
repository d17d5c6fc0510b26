"""May this run: by policy and by right."""
