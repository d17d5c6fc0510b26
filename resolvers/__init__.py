"""What the service does, once, for every face. Knows neither GraphQL nor HTTP."""
