"""Servers that are reached through others: the connections of jump servers, and how their failures are told."""
