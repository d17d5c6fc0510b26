"""Parses shell texts into syntax trees."""
