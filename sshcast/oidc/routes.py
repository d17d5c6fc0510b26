"""The routes of sign-in with the identity provider. Tokens stand in no address: the page gets a one-time code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import provider_sign_in
from resolvers.errors import Invalid, RateLimited, ServiceError, Unavailable
from resolvers.provider import SignInRefused
from resolvers.provider_sign_in import CODE_LIFE, FLOW_LIFE
from sshcast.oidc.addresses import is_path_here
from sshcast.oidc.seal import Seal
from sshcast.rest import asked
from sshcast.rest.answers import HEADERS, done, guarded, known, refused
from sshcast.rest.auth import HALF_COOKIE, LINK

INFO = "/auth/oidc"
START = "/auth/oidc/start"
CALLBACK = "/auth/oidc/callback"
PAGE = "/graphql"
FLOW_COOKIE = "sshcast_oidc"
MOST_PARAMETERS = 20

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Doorway:
    """`secure`: browsers reach us by https, and cookies travel by nothing else."""

    seal: Seal
    secure: bool

    async def info(self, request: Request) -> Response:
        """What the sign-in form shows beside the password; null where nothing is set up."""
        provider = asked.stranger(request).service.provider
        found = None if provider is None else {"name": provider.name, "start": START}
        return done(request, "OK", "成功", found)

    async def start(self, request: Request) -> Response:
        path = asked.query(request, "return").get("return", PAGE)
        if not is_path_here(path):
            raise Invalid("return", "must be a path of this site, such as /graphql.", "必须是本站路径，例如 /graphql。")
        begun = await provider_sign_in.begin(asked.counted_stranger(request), path)
        answer = sent_to(begun.address)
        answer.set_cookie(
            FLOW_COOKIE,
            self.seal.close(begun.flow),
            max_age=int(FLOW_LIFE.total_seconds()),
            path=CALLBACK,
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def callback(self, request: Request) -> Response:
        flow = self.seal.open(request.cookies.get(FLOW_COOKIE, ""))
        given = request.query_params.multi_items()[:MOST_PARAMETERS]
        if len(dict(given)) != len(given):
            raise Invalid("query", "has a parameter twice.", "有重复的参数。")
        found = await provider_sign_in.finish(asked.counted_stranger(request), flow, dict(given))
        answer = sent_to(f"{flow.return_path if flow else PAGE}#code={found.code}")
        answer.set_cookie(
            HALF_COOKIE,
            found.half,
            max_age=int(CODE_LIFE.total_seconds()),
            path=LINK,
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def routes(self) -> list[Route]:
        return [
            Route(INFO, guarded(self.info), methods=["GET"]),
            Route(START, shown_on_the_page(self.start), methods=["GET"]),
            Route(CALLBACK, shown_on_the_page(self.callback), methods=["GET"]),
        ]


def shown_on_the_page(handler: Handler) -> Handler:
    """What is refused is told by the page, in its own words, to whoever came with a browser. Flows end either way."""

    async def answer(request: Request) -> Response:
        try:
            found = await handler(request)
        except Exception as error:
            found = refusal(request, known(error, request.url.path))
        if request.scope["path"] == CALLBACK:
            found.delete_cookie(FLOW_COOKIE, path=CALLBACK)
        return found

    return answer


def refusal(request: Request, error: ServiceError) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return refused(request, error)
    return sent_to(f"{PAGE}#refused={reason_of(error)}")


def reason_of(error: ServiceError) -> str:
    """One of those that the page has words for."""
    if isinstance(error, SignInRefused):
        return error.reason
    if isinstance(error, RateLimited):
        return "busy"
    return "unavailable" if isinstance(error, Unavailable) else "failed"


def sent_to(address: str) -> Response:
    headers = HEADERS | {"Location": quote(address, safe=":/%#?=@[]!$&'()*+,;"), "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers=headers)
