"""Who may come in: the caller by their token, as often as they may ask."""

from dataclasses import replace

from resolvers import sign_in
from resolvers.context import Context
from resolvers.errors import Unauthenticated, Unavailable


async def authenticate(stranger: Context, token: str | None) -> Context:
    """One request's caller: signed in, or nobody without a token.

    Unauthenticated when the token is not good, Unavailable when that cannot be found out, RateLimited when they (or,
    without a good token, their address) asked too often.
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
