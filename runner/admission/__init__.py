"""Decides whether a run may start: by the command policy and by the user's rights."""
