"""`sshcast web fetch`."""

from sshcast.web import fetch

__all__ = ["fetch"]
