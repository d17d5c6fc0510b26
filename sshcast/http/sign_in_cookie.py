"""The cookie that carries a sign-in with the identity provider to the route that makes a session of it."""

LINK = "/api/auth/link"
# The half of a one-time code that stays in the browser for which it was made.
HALF_COOKIE = "sshcast_sign_in"
