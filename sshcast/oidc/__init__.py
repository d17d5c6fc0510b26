"""Sign-in with an identity provider, by OpenID Connect: the line to it, and the routes that browsers take."""
