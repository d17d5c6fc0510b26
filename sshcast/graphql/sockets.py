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
from schema.engine import ALL_KINDS, Answer, Asked, Engine
from schema.errors import TooManyOperations, shown
from schema.operation import Operation
from sshcast.graphql.asking import check_extent, checked
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
from sshcast.graphql.http import refusal
from sshcast.graphql.seats import Seat, Seats, seated
from sshcast.rest.answers import language_in, language_of
from sshcast.rest.asked import bearer

INIT_WAIT = timedelta(seconds=5)
MOST_OPERATIONS = 20
LONGEST_ID = 128
MESSAGES = Rate(1000, 2000)


@dataclass(slots=True)
class Caller:
    """Who is at the other end; their token is looked at again for each operation."""

    service: Service
    language: Language
    address: str
    token: str
    seat: Seat
    connection_params: dict[str, Any] = field(default_factory=dict)
    renewal: Renewal | None = None

    async def context(self) -> Context:
        """The caller as the database knows them now; Unauthenticated when their token is no longer good."""
        viewer = await sign_in.authenticate(self.service, self.token, self.address)
        if self.renewal is None:
            self.renewal = Renewal(viewer)
        return Context(self.service, viewer, self.language, self.address, self.renewal)

    async def renew(self, token: str) -> Viewer:
        """Go on with this token of the same user; Unauthenticated, and with the one before, when it is not good."""
        viewer = await sign_in.authenticate(self.service, token, self.address)
        self.service.rates.request(viewer.user_id)
        if self.renewal is None or viewer.user_id != self.renewal.viewer.user_id:
            raise Unauthenticated("A connection stays its user's: open another one.", "连接不能更换用户，请另开连接。")
        self.token, self.renewal.viewer = token, viewer
        return viewer

    def stranger(self) -> Context:
        return Context(self.service, None, self.language, self.address)

    async def introduce(self) -> None:
        """Take what a browser cannot send with the handshake from `connection_init`: Authorization, Accept-Language."""
        if given := words_of(self.connection_params, "authorization"):
            self.token = bearer(given) or ""
        if languages := words_of(self.connection_params, "accept-language"):
            self.language = language_in(languages[0])
        ctx = await self._admit()
        if not self.seat.become(ctx.signed_in().user_id):
            raise RateLimited(
                1, "You have too many connections open: close one first.", "您打开的连接过多，请先关闭一个。"
            )

    async def _admit(self) -> Context:
        """As `context`, with words for somebody who has yet to get it right."""
        if not self.token:
            raise NoToken()
        try:
            return await self.context()
        except Unauthenticated as error:
            raise (error if str(error) != Unauthenticated.__doc__ else BadToken()) from None


class SocketView:
    """What Strawberry's handler asks of a view."""

    def decode_json(self, data: str) -> Any:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()

    async def on_ws_connect(self, caller: Caller) -> Any:
        await caller.introduce()
        return UNSET


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """One socket. Operations go through the same engine as every other request."""

    engine: Engine
    messages: Buckets

    async def handle_message(self, message: Any) -> None:
        """Strawberry trusts a message's shape, and answers every ping."""
        if self.messages.take("socket") > 0:
            await self.websocket.close(TRY_AGAIN_LATER, "Too many messages")
            return
        if not well_formed(message):
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
            await self._later(error)

    async def handle_ping(self, message: PingMessage) -> None:
        """A ping whose payload has an Authorization renews the caller's token, for all that is open here too."""
        given = words_of(message.get("payload") or {}, "authorization")
        if not self.connection_acknowledged or not given:
            await super().handle_ping(message)
            return
        try:
            viewer = await self.context.renew(bearer(given) or "")
        except Unauthenticated as error:
            await self._forbid(error.text(self.context.language))
        except RateLimited as error:
            await self._later(error)
        else:
            await self.send_message({"type": "pong", "payload": {"tokenExpiresAt": viewer.expires_at.isoformat()}})

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if not self.connection_acknowledged:
            await self._close(UNAUTHORIZED, NotBegun().text(self.context.language))
            return
        if len(self.operations) >= MOST_OPERATIONS:
            error = shown(GraphQLError("", original_error=TooManyOperations()), self.context.language)
            await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})
            return
        await super().handle_subscribe(message)

    async def run_operation(self, operation: SocketOperation[Any, None]) -> None:
        with suppress(WebSocketDisconnected):
            try:
                await self._run(operation, await self.context.context())
            except Unauthenticated as error:
                await self._forbid(error.text(self.context.language))
            except (StoreUnavailable, Unavailable) as error:
                await self._refuse(operation, refusal(error, self.context.stranger()))

    async def _run(self, operation: SocketOperation[Any, None], ctx: Context) -> None:
        try:
            self.context.service.rates.request(ctx.signed_in().user_id)
            asked = asked_on(operation)
        except (Invalid, RateLimited) as error:
            await self._refuse(operation, refusal(error, ctx))
            return
        found = await self.engine.run(asked, Operation(ctx))
        if not isinstance(found, Answer):
            await self._pass_on(operation, found)
        elif found.refused:
            await self._refuse(operation, found)
        else:
            await self._next(operation, found)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _pass_on(self, operation: SocketOperation[Any, None], answers: AsyncGenerator[Answer, None]) -> None:
        async with aclosing(answers):
            async for answer in answers:
                if answer.code == Unauthenticated.code:
                    await self._forbid(answer.errors[0].message)
                    return
                await self._next(operation, answer)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _next(self, operation: SocketOperation[Any, None], answer: Answer) -> None:
        message: Any = {"id": operation.id, "type": "next", "payload": answer.body()}
        await operation.send_operation_message(message)

    async def _refuse(self, operation: SocketOperation[Any, None], answer: Answer) -> None:
        await operation.send_initial_errors(answer.errors)

    async def _later(self, error: RateLimited) -> None:
        await self._close(TRY_AGAIN_LATER, error.text(self.context.language))

    async def _forbid(self, reason: str) -> None:
        """The caller may not go on: the socket ends, and every operation on it."""
        adapter: Any = self.websocket
        if adapter.ws.application_state is not WebSocketState.DISCONNECTED:
            await self._close(FORBIDDEN, reason)

    async def _close(self, code: int, reason: str) -> None:
        await self.websocket.close(code, fit(reason))


async def serve(socket: WebSocket, service: Service, engine: Engine, seats: Seats) -> None:
    """One WebSocket to its end."""
    if GRAPHQL_TRANSPORT_WS_PROTOCOL not in socket.scope["subprotocols"]:
        await turn_away(socket)
        return
    await socket.accept(GRAPHQL_TRANSPORT_WS_PROTOCOL)
    address = socket.client.host if socket.client else ""
    try:
        with seated(seats, address) as seat:
            service.rates.stranger(address)
            await handler_of(socket, engine, caller_of(socket, service, address, seat)).handle()
    except RateLimited as error:
        await socket.close(TRY_AGAIN_LATER, fit(error.text(language_of(socket))))


def handler_of(socket: WebSocket, engine: Engine, caller: Caller) -> SocketHandler:
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


def caller_of(socket: WebSocket, service: Service, address: str, seat: Seat) -> Caller:
    token = bearer(socket.headers.getlist("authorization")) or ""
    return Caller(service, language_of(socket), address, token, seat)


def words_of(payload: Mapping[str, Any], wanted: str) -> list[str]:
    """What the payload says in strings under this name, however it is written; JSON has it as often as it likes."""
    return [value for name, value in payload.items() if name.lower() == wanted and isinstance(value, str)]


def well_formed(message: Any) -> bool:
    """An object with words for its type and id, an object (or nothing) for its payload."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    id, payload = message.get("id", ""), message.get("payload")
    if not isinstance(id, str) or len(id) > LONGEST_ID:
        return False
    try:
        check_extent(payload, "payload")
    except Invalid:
        return False
    return isinstance(payload, dict) or (payload is None and message["type"] != "subscribe")


def asked_on(operation: SocketOperation[Any, None]) -> Asked:
    found = {"query": operation.query, "variables": operation.variables, "operationName": operation.operation_name}
    return checked(found, ALL_KINDS)
