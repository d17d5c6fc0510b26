"""The service's operations, shared by GraphQL, REST and the CLI. This package knows neither GraphQL nor HTTP."""
