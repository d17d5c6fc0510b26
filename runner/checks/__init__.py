"""Checks of servers: what is asked, the steps in turn, and what came of each."""
