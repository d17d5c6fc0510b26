"""GraphQL over HTTP, server-sent events, multipart and WebSocket."""

from sshcast.graphql.routes import build_graphql_routes

__all__ = ["build_graphql_routes"]
