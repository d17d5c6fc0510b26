"""`sshcast schema`: prints the GraphQL schema."""

from schema.build import format_schema

__all__ = ["format_schema"]
