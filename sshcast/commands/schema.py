"""`sshcast schema`."""

from schema.build import printed

__all__ = ["printed"]
