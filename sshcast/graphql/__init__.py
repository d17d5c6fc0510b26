"""GraphQL over HTTP, server-sent events, multipart and WebSocket."""

from sshcast.graphql.routes import graphql_routes

__all__ = ["graphql_routes"]
