"""The HTTP parts that GraphQL and REST share: answers, bearer tokens, bodies, hosts, the listener."""
