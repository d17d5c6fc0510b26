"""The programs of graphql_examples/clients/, each run with its real package against the running service."""
