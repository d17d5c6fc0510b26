"""What programs do: those that run others, and those whose output is known."""
