"""Reads shell texts into syntax trees."""
