"""Everything that is kept: models, store, queries. Imports nothing of ours."""
