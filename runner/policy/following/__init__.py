"""What a shell knows and expands while a text is followed."""
