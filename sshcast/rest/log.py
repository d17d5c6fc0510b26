"""The log route: one execution's output at once, as a long poll, as raw bytes, as server-sent events or as NDJSON."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.values import Stream
from resolvers import cursor as cursors
from resolvers import output
from resolvers.context import Context
from sshcast.rest import asked, formats, log_page, stream
from sshcast.rest.answers import guarded
from sshcast.rest.formats import Format
from sshcast.rest.stream import LiveAnswer, Pace

PARAMETERS = ("follow", "wait", "cursor", "stream", "encoding")
LONGEST_WAIT = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the log, and how. `live`: the format of a stream; None for one JSON answer."""

    after: str | None
    live: Format | None
    wait_seconds: int
    exact: bool


def wanted(request: Request) -> Wanted:
    """Every parameter is checked, also those that the chosen form has no use for."""
    found = asked.query(request, *PARAMETERS)
    after = request.headers.get("last-event-id") or found.get("cursor")
    cursors.decode(after, "cursor")
    only = asked.choice(found, "stream", tuple(Stream))
    return Wanted(
        after=after,
        live=live_format(request, asked.flag(found, "follow"), None if only is None else Stream(only)),
        wait_seconds=asked.optional_integer(found, "wait", 0, LONGEST_WAIT) or 0,
        exact=asked.choice(found, "encoding", ("utf-8", "base64")) == "base64",
    )


def live_format(request: Request, follow: bool, only: Stream | None) -> Format | None:
    accept = request.headers.get("accept", "").lower()
    if formats.EventStream.media_type in accept:
        return formats.EventStream(only)
    if formats.Ndjson.media_type in accept:
        return formats.Ndjson(only)
    return formats.Raw(only) if follow else None


@dataclass(frozen=True, slots=True)
class LogRoute:
    pace: Pace

    async def __call__(self, request: Request) -> Response:
        ctx = await asked.signed_in(request)
        id = asked.path_id(request)
        found = wanted(request)
        if found.live is None:
            return await log_page.answer(ctx, id, found.after, wait_seconds=found.wait_seconds, exact=found.exact)
        return await self._live(ctx, id, found.after, found.live)

    async def _live(self, ctx: Context, id: int, after: str | None, live: Format) -> Response:
        """The first event is there before the answer starts, so that what is wrong with the request is still told."""
        events = output.follow(ctx, id, after, field="cursor")
        first = await anext(events)
        return LiveAnswer(stream.parts(ctx, first, events, live, self.pace), events, live.media_type)


def routes(pace: Pace) -> list[Route]:
    return [Route("/api/task/{id}/log", guarded(LogRoute(pace)), methods=["GET"])]
