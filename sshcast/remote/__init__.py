"""The command line as a client of the API: of the service of a context, or of this machine's database."""
