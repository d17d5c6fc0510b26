"""The REST routes, which call the same resolvers as GraphQL."""
