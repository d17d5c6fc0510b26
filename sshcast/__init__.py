"""The package that puts the service together."""
