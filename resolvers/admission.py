"""Authenticate the caller of a request by their token, and limit their rate."""

from dataclasses import replace

from resolvers import sign_in
from resolvers.context import Context
from resolvers.errors import Unauthenticated, Unavailable


async def authenticate(stranger: Context, token: str | None) -> Context:
    """Return the context with the viewer of the token; unchanged without a token.

    Raises Unauthenticated if the token is not valid, Unavailable if it cannot be checked, and RateLimited if the user
    (or the address, without a valid token) made too many requests.
    """
    if token is None:
        stranger.service.rates.check_stranger(stranger.address)
        return stranger
    try:
        viewer = await sign_in.authenticate_token(stranger.service, token, stranger.address)
    except (Unauthenticated, Unavailable):
        stranger.service.rates.check_stranger(stranger.address)
        raise
    stranger.service.rates.check_request(viewer.user_id)
    return replace(stranger, viewer=viewer)
