"""From a pending row to a finished one: claim, connect, run, store output, schedule."""
