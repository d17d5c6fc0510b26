"""Turns due moments into ledger entries and executions."""
