"""The sign-in: the names and keys that people give for it, and explanations of why a server refused it."""
