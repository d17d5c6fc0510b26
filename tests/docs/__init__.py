"""The documents: their links, and the commands in them."""
