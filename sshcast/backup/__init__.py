"""Backups of a service on SQLite: one archive with the database and the master key, and its way back."""
