"""The health routes: whether the process lives, and whether it can do its work."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db import users
from db.sqlite_file import DatabaseFileDisplaced
from db.store import Store
from db.write_probe import try_write
from resolvers.context import Service
from runner.log import get_logger
from sshcast.http.answers import build_json_answer

log = get_logger()

# However often and by however many it is asked, the database is written to once in so many seconds.
GOOD_SECONDS = 2.0
REFUSED_SECONDS = 0.5
PATIENCE_SECONDS = 3.0
LOOK_SECONDS = 15.0
SILENT = "the database does not answer"
READ_ONLY = "the database cannot be written to"


async def _report_liveness(request: Request) -> Response:
    return build_json_answer({"status": "ok"})


class Readiness:
    """Checks whether the database answers and accepts writes. Callers share a check that is under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._look: asyncio.Task[None] | None = None
        self._trying = SILENT
        self._reason: str | None = None
        self._until = 0.0

    async def ready(self, request: Request) -> Response:
        """Answer 200 if the database answers and accepts writes, else 503 with the reason."""
        if self._look is None or (self._look.done() and time.monotonic() >= self._until):
            self._look = asyncio.create_task(self._find_reason(), name="look whether the database takes writes")
        # A look that hangs goes on: who asks next waits for the same one.
        done, _ = await asyncio.wait([self._look], timeout=PATIENCE_SECONDS)
        reason = self._reason if done else self._trying
        if reason is None:
            return build_json_answer({"status": "ok"})
        return build_json_answer({"status": "unavailable", "reason": reason}, 503)

    async def _find_reason(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._try_all()
        except Exception as error:
            if isinstance(error, DatabaseFileDisplaced):  # the database would answer, from a file that is lost
                self._trying = READ_ONLY
            if self._reason != self._trying:
                log.warning("not ready", reason=self._trying, error=str(error))
            self._reason, pause = self._trying, 0.0 if self._trying == SILENT else REFUSED_SECONDS
        else:
            self._reason, pause = None, GOOD_SECONDS
        self._until = time.monotonic() + pause

    async def _try_all(self) -> None:
        self._trying = SILENT
        await self._store.read(users.count)
        self._trying = READ_ONLY
        await self._store.run(try_write)


def build_routes(service: Service) -> list[Route]:
    readiness = Readiness(service.store)
    return [Route("/healthz", _report_liveness, methods=["GET"]), Route("/readyz", readiness.ready, methods=["GET"])]
