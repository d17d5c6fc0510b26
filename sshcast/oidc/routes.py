"""The routes of sign-in with the identity provider. No address holds a token: the page gets a one-time code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import provider_sign_in
from resolvers.errors import Invalid, RateLimited, ServiceError, Unavailable
from resolvers.provider import CommandLineRequest, Flow, SignInRefused
from resolvers.provider_sign_in import CODE_LIFE, OneTimeCode
from sshcast.http import bearer
from sshcast.http.answers import (
    HEADERS,
    build_error_answer,
    build_success_answer,
    catch_errors,
    mask_error,
    read_language,
)
from sshcast.http.sign_in_cookie import HALF_COOKIE, LINK
from sshcast.oidc import pages
from sshcast.oidc.addresses import is_local_path
from sshcast.oidc.cli_routes import CommandLineRoutes
from sshcast.oidc.state_cookie import CALLBACK, FLOW_COOKIE, StateCookie

INFO = "/auth/oidc"
START = "/auth/oidc/start"
PAGE = "/graphql"
MOST_PARAMETERS = 20

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class OidcRoutes:
    """The routes, with those of a command line, whose sign-in ends at the same callback."""

    state_cookie: StateCookie

    async def describe_provider(self, request: Request) -> Response:
        """Answer with what the sign-in form shows for the provider; null if none is set up."""
        provider = bearer.build_anonymous_context(request).service.provider
        found = None if provider is None else {"name": provider.name, "start": START}
        return build_success_answer(request, "OK", "成功", found)

    async def start_sign_in(self, request: Request) -> Response:
        path = bearer.read_query(request, "return").get("return", PAGE)
        if not is_local_path(path):
            raise Invalid("return", "must be a path of this site, such as /graphql.", "必须是本站路径，例如 /graphql。")
        begun = await provider_sign_in.begin(bearer.build_rate_limited_context(request), path)
        answer = _redirect_to(begun.address)
        self.state_cookie.write(answer, begun.flow)
        return answer

    async def finish_sign_in(self, request: Request) -> Response:
        flow = self.state_cookie.decrypt(request.cookies.get(FLOW_COOKIE, ""))
        if flow is not None and flow.command_line is not None:
            return await _finish_for_command_line(request, flow, flow.command_line)
        found = await _finish(request, flow)
        answer = _redirect_to(f"{flow.return_path if flow else PAGE}#code={found.code}")
        answer.set_cookie(
            HALF_COOKIE,
            found.half,
            max_age=int(CODE_LIFE.total_seconds()),
            path=LINK,
            secure=self.state_cookie.secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def build_routes(self) -> list[Route]:
        return [
            Route(INFO, catch_errors(self.describe_provider), methods=["GET"]),
            Route(START, _show_errors_on_page(self.start_sign_in), methods=["GET"]),
            Route(CALLBACK, _show_errors_on_page(self.finish_sign_in), methods=["GET"]),
            *CommandLineRoutes(self.state_cookie).build_routes(),
        ]


async def _finish(request: Request, flow: Flow | None) -> OneTimeCode:
    given = request.query_params.multi_items()[:MOST_PARAMETERS]
    if len(dict(given)) != len(given):
        raise Invalid("query", "has a parameter twice.", "有重复的参数。")
    return await provider_sign_in.finish(bearer.build_rate_limited_context(request), flow, dict(given))


async def _finish_for_command_line(request: Request, flow: Flow, asked: CommandLineRequest) -> Response:
    """Lead the browser to the command line's address, which was checked and sealed, with the code or the reason."""
    try:
        told = {"code": (await _finish(request, flow)).code}
    except Exception as error:
        told = {"error": _choose_reason(mask_error(error, request.url.path))}
    return pages.build_onward_page(read_language(request), pages.add_query(asked.redirect, **told, state=asked.state))


def _show_errors_on_page(handler: Handler) -> Handler:
    """Wrap the handler so that the page shows its errors to browsers in its own words. The sign-in ends either way."""

    async def answer(request: Request) -> Response:
        try:
            found = await handler(request)
        except Exception as error:
            found = _answer_refusal(request, mask_error(error, request.url.path))
        if request.scope["path"] == CALLBACK:
            found.delete_cookie(FLOW_COOKIE, path=CALLBACK)
        return found

    return answer


def _answer_refusal(request: Request, error: ServiceError) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return build_error_answer(request, error)
    return _redirect_to(f"{PAGE}#refused={_choose_reason(error)}")


def _choose_reason(error: ServiceError) -> str:
    """Return the reason among those that the page has words for."""
    if isinstance(error, SignInRefused):
        return error.reason
    if isinstance(error, RateLimited):
        return "busy"
    return "unavailable" if isinstance(error, Unavailable) else "failed"


def _redirect_to(address: str) -> Response:
    headers = HEADERS | {"Location": quote(address, safe=":/%#?=@[]!$&'()*+,;"), "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers=headers)
