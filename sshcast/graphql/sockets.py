"""GraphQL over WebSocket: the graphql-transport-ws protocol, on Strawberry's handler of it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as SocketOperation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    PingMessage,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET

from db.unavailable import StoreUnavailable
from resolvers import sign_in
from resolvers.context import Context, Renewal, Service, Viewer
from resolvers.errors import Invalid, Language, RateLimited, Unauthenticated, Unavailable
from resolvers.rates import Buckets, Rate
from schema.engine import Answer, Engine
from schema.errors import TooManyOperations, translate_error
from schema.operation import Operation
from schema.request import ALL_KINDS, GraphQLRequest
from sshcast.graphql.close_reasons import (
    FORBIDDEN,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    BadToken,
    NotBegun,
    NoToken,
    fit,
    turn_away,
)
from sshcast.graphql.http import build_refusal
from sshcast.graphql.requests import build_graphql_request, check_extent
from sshcast.graphql.socket_limiter import OpenSocket, SocketLimiter, reserve_socket
from sshcast.http.answers import parse_language, read_language
from sshcast.http.bearer import parse_bearer

INIT_WAIT = timedelta(seconds=5)
MOST_OPERATIONS = 20
LONGEST_ID = 128
MESSAGES = Rate(1000, 2000)


@dataclass(slots=True)
class Caller:
    """The caller of a WebSocket, whose token is checked again for each operation."""

    service: Service
    language: Language
    address: str
    token: str
    open_socket: OpenSocket
    connection_params: dict[str, Any] = field(default_factory=dict)
    renewal: Renewal | None = None

    async def load_context(self) -> Context:
        """Return the caller as the database knows them now; raise Unauthenticated if their token is no longer valid."""
        viewer = await sign_in.authenticate_token(self.service, self.token, self.address)
        if self.renewal is None:
            self.renewal = Renewal(viewer)
        return Context(self.service, viewer, self.language, self.address, self.renewal)

    async def renew(self, token: str) -> Viewer:
        """Use this newer token of the same user; if it is not valid, keep the old one and raise Unauthenticated."""
        viewer = await sign_in.authenticate_token(self.service, token, self.address)
        self.service.rates.check_request(viewer.user_id)
        if self.renewal is None or viewer.user_id != self.renewal.viewer.user_id:
            raise Unauthenticated("A connection stays its user's: open another one.", "连接不能更换用户，请另开连接。")
        self.token, self.renewal.viewer = token, viewer
        return viewer

    def build_anonymous_context(self) -> Context:
        return Context(self.service, None, self.language, self.address)

    async def accept_init(self) -> None:
        """Take Authorization and Accept-Language from `connection_init`: browsers cannot send them in the handshake."""
        if given := _list_values(self.connection_params, "authorization"):
            self.token = parse_bearer(given) or ""
        if languages := _list_values(self.connection_params, "accept-language"):
            self.language = parse_language(languages[0])
        ctx = await self._admit()
        if not self.open_socket.assign_to_user(ctx.require_viewer().user_id):
            raise RateLimited(
                1, "You have too many connections open: close one first.", "您打开的连接过多，请先关闭一个。"
            )

    async def _admit(self) -> Context:
        """Return the context like `load_context`, with errors that explain how to send the token."""
        if not self.token:
            raise NoToken()
        try:
            return await self.load_context()
        except Unauthenticated as error:
            raise (error if str(error) != Unauthenticated.__doc__ else BadToken()) from None


class SocketView:
    """The part of a view that Strawberry's handler needs."""

    def decode_json(self, data: str) -> Any:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()

    async def on_ws_connect(self, caller: Caller) -> Any:
        await caller.accept_init()
        return UNSET


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """Handles one WebSocket. Operations go through the same engine as every other request."""

    engine: Engine
    messages: Buckets

    async def handle_message(self, message: Any) -> None:
        """Limit the rate of messages, and check their shape, which Strawberry trusts."""
        if self.messages.take("socket") > 0:
            await self.websocket.close(TRY_AGAIN_LATER, "Too many messages")
            return
        if not _is_well_formed(message):
            await self.handle_invalid_message("Failed to parse message")
            return
        try:
            await super().handle_message(message)
        except (StoreUnavailable, Unavailable) as error:
            told = error if isinstance(error, Unavailable) else Unavailable()
            await self._close(TRY_AGAIN_LATER, told.text(self.context.language))

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init({**message, "payload": message.get("payload") or {}})
        except Unauthenticated as error:
            await self._close(UNAUTHORIZED, error.text(self.context.language))
        except RateLimited as error:
            await self._close_rate_limited(error)

    async def handle_ping(self, message: PingMessage) -> None:
        """Renew the caller's token if the ping's payload has an Authorization, for open operations too."""
        given = _list_values(message.get("payload") or {}, "authorization")
        if not self.connection_acknowledged or not given:
            await super().handle_ping(message)
            return
        try:
            viewer = await self.context.renew(parse_bearer(given) or "")
        except Unauthenticated as error:
            await self._forbid(error.text(self.context.language))
        except RateLimited as error:
            await self._close_rate_limited(error)
        else:
            await self.send_message({"type": "pong", "payload": {"tokenExpiresAt": viewer.expires_at.isoformat()}})

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if not self.connection_acknowledged:
            await self._close(UNAUTHORIZED, NotBegun().text(self.context.language))
            return
        if len(self.operations) >= MOST_OPERATIONS:
            error = translate_error(GraphQLError("", original_error=TooManyOperations()), self.context.language)
            await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})
            return
        # Strawberry's operation has no room for `extensions`: its variables carry the whole payload.
        packed: Any = {"query": "", "variables": message["payload"]}
        await super().handle_subscribe({**message, "payload": packed})

    async def run_operation(self, operation: SocketOperation[Any, None]) -> None:
        with suppress(WebSocketDisconnected):
            try:
                await self._run(operation, await self.context.load_context())
            except Unauthenticated as error:
                await self._forbid(error.text(self.context.language))
            except (StoreUnavailable, Unavailable) as error:
                await self._send_errors(operation, build_refusal(error, self.context.build_anonymous_context()))

    async def _run(self, operation: SocketOperation[Any, None], ctx: Context) -> None:
        try:
            self.context.service.rates.check_request(ctx.require_viewer().user_id)
            asked = _build_operation_request(operation)
        except (Invalid, RateLimited) as error:
            await self._send_errors(operation, build_refusal(error, ctx))
            return
        found = await self.engine.run(asked, Operation(ctx))
        if not isinstance(found, Answer):
            await self._send_answers(operation, found)
        elif found.refused:
            await self._send_errors(operation, found)
        else:
            await self._send_next(operation, found)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _send_answers(self, operation: SocketOperation[Any, None], answers: AsyncGenerator[Answer, None]) -> None:
        async with aclosing(answers):
            async for answer in answers:
                if answer.code == Unauthenticated.code:
                    await self._forbid(answer.errors[0].message)
                    return
                await self._send_next(operation, answer)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _send_next(self, operation: SocketOperation[Any, None], answer: Answer) -> None:
        message: Any = {"id": operation.id, "type": "next", "payload": answer.body()}
        await operation.send_operation_message(message)

    async def _send_errors(self, operation: SocketOperation[Any, None], answer: Answer) -> None:
        await operation.send_initial_errors(answer.errors)

    async def _close_rate_limited(self, error: RateLimited) -> None:
        await self._close(TRY_AGAIN_LATER, error.text(self.context.language))

    async def _forbid(self, reason: str) -> None:
        """Close the socket and end all operations on it, as the caller may not go on."""
        adapter: Any = self.websocket
        if adapter.ws.application_state is not WebSocketState.DISCONNECTED:
            await self._close(FORBIDDEN, reason)

    async def _close(self, code: int, reason: str) -> None:
        await self.websocket.close(code, fit(reason))


async def serve_socket(socket: WebSocket, service: Service, engine: Engine, limiter: SocketLimiter) -> None:
    """Serve one WebSocket to its end."""
    if GRAPHQL_TRANSPORT_WS_PROTOCOL not in socket.scope["subprotocols"]:
        await turn_away(socket)
        return
    await socket.accept(GRAPHQL_TRANSPORT_WS_PROTOCOL)
    address = socket.client.host if socket.client else ""
    try:
        with reserve_socket(limiter, address) as open_socket:
            service.rates.check_stranger(address)
            await _build_handler(socket, engine, _build_caller(socket, service, address, open_socket)).handle()
    except RateLimited as error:
        await socket.close(TRY_AGAIN_LATER, fit(error.text(read_language(socket))))


def _build_handler(socket: WebSocket, engine: Engine, caller: Caller) -> SocketHandler:
    view: Any = SocketView()
    handler = SocketHandler(
        view=view,
        websocket=ASGIWebSocketAdapter(view, socket, socket),
        context=caller,
        root_value=None,
        schema=view,
        connection_init_wait_timeout=INIT_WAIT,
        max_subscriptions_per_connection=MOST_OPERATIONS,
    )
    handler.engine = engine
    handler.messages = Buckets(MESSAGES)
    return handler


def _build_caller(socket: WebSocket, service: Service, address: str, open_socket: OpenSocket) -> Caller:
    token = parse_bearer(socket.headers.getlist("authorization")) or ""
    return Caller(service, read_language(socket), address, token, open_socket)


def _list_values(payload: Mapping[str, Any], wanted: str) -> list[str]:
    """Return the payload's strings under this name, in any case: JSON may hold a name several times."""
    return [value for name, value in payload.items() if name.lower() == wanted and isinstance(value, str)]


def _is_well_formed(message: Any) -> bool:
    """Tell whether the message is an object with text as type and id, and an object or nothing as payload.

    That of `subscribe` has a document, or extensions that may name one.
    """
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    id, payload = message.get("id", ""), message.get("payload")
    if not isinstance(id, str) or len(id) > LONGEST_ID:
        return False
    try:
        check_extent(payload, "payload")
    except Invalid:
        return False
    if message["type"] == "subscribe":
        return isinstance(payload, dict) and bool(payload.keys() & {"query", "extensions"})
    return isinstance(payload, dict) or payload is None


def _build_operation_request(operation: SocketOperation[Any, None]) -> GraphQLRequest:
    """Read the payload of `subscribe`, which `handle_subscribe` has put into the variables."""
    return build_graphql_request(operation.variables, ALL_KINDS)
