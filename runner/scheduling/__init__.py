"""Moments to ledger entries and executions."""
