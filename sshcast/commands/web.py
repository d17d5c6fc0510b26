"""`sshcast web fetch`: downloads GraphiQL."""

from sshcast.web import fetch

__all__ = ["fetch"]
