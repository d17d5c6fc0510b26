"""The REST routes, mapped onto the same resolvers as the GraphQL face."""
