"""Whether the process lives, and whether it can do its work."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db import users
from resolvers.context import Service
from sshcast.rest.answers import json_answer


async def live(request: Request) -> Response:
    return json_answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """200 when the database answers, else 503."""
    service: Service = request.app.state.service
    try:
        await service.store.read(users.count)
    except Exception:
        return json_answer({"status": "unavailable", "reason": "the database does not answer"}, 503)
    return json_answer({"status": "ok"})


ROUTES = [Route("/healthz", live, methods=["GET"]), Route("/readyz", ready, methods=["GET"])]
