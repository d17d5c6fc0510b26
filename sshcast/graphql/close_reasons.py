"""The codes and reasons with which WebSockets are closed."""

import orjson
from starlette.websockets import WebSocket

from resolvers.errors import ServiceError, Unauthenticated
from sshcast.http.answers import read_language

TRY_AGAIN_LATER = 1013
# The npm client `graphql-ws` comes back after 4403, and gives up at once after 4401 and 4406.
UNAUTHORIZED = 4401
FORBIDDEN = 4403
UNACCEPTABLE = 4406
LONGEST_REASON = 123
LEGACY_PROTOCOL = "graphql-ws"


class NoToken(Unauthenticated):
    """connectionParams must be {"Authorization": "Bearer <token>"}, with an access token."""

    zh = 'connectionParams 须为 {"Authorization": "Bearer <token>"}（访问令牌）。'


class BadToken(Unauthenticated):
    """The token is expired or not valid: connectionParams must be {"Authorization": "Bearer <token>"}, a new one."""

    zh = '令牌已过期或无效：请在 connectionParams {"Authorization": "Bearer <token>"} 中换新令牌。'


class NotBegun(Unauthenticated):
    """Send connection_init with {"Authorization": "Bearer <token>"} first, and wait for connection_ack."""

    zh = '请先发送 connection_init：{"Authorization": "Bearer <token>"}，并等待 connection_ack。'


class WrongProtocol(ServiceError):
    """Use the subprotocol graphql-transport-ws (npm: graphql-ws), not graphql-ws (npm: subscriptions-transport-ws)."""

    code = "NOT_ACCEPTABLE"
    zh = "请使用子协议 graphql-transport-ws（npm：graphql-ws），而非 subscriptions-transport-ws。"


def fit(reason: str) -> str:
    """Shorten the reason to what a close frame can carry."""
    return reason.encode()[:LONGEST_REASON].decode("utf-8", "ignore")


async def turn_away(socket: WebSocket) -> None:
    """Tell a client of another subprotocol which one this server speaks.

    The connection is accepted first: browsers cannot read the close code of a server that accepted no subprotocol.
    """
    offered = next(filter(None, socket.scope["subprotocols"]), None)
    reason = WrongProtocol().text(read_language(socket))
    await socket.accept(offered)
    if offered == LEGACY_PROTOCOL:
        # This client hands what is in here to its `connectionCallback`, and no reason of a close to anybody.
        await socket.send_text(orjson.dumps({"type": "connection_error", "payload": {"message": reason}}).decode())
    await socket.close(UNACCEPTABLE, fit(reason))
