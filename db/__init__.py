"""The database layer: models, the store and the queries. It imports no other package of this project."""
