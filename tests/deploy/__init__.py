"""Serving others: TLS, proxies in front, and the recipes of deploy/."""
