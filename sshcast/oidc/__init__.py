"""Sign-in with an identity provider by OpenID Connect: the provider's client, and the routes for browsers."""
