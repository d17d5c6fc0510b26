"""The host keys of a server: the lines that pin them, and the verification of the key that it offers."""
