"""Executes plain selections a column at a time, by a plan that is kept with the document."""
