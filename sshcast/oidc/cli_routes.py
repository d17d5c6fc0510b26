"""The routes by which a command line signs in through the browser: the question, the way to the provider, the code."""

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import provider_sign_in, provider_sign_in_cli
from resolvers.errors import ForeignPage, Invalid
from resolvers.provider_sign_in import FLOW_LIFE
from resolvers.sign_in import TokenPair
from sshcast.http import bearer, body
from sshcast.http.answers import (
    build_error_answer,
    build_error_body,
    build_success_answer,
    catch_errors,
    mask_error,
    read_language,
)
from sshcast.http.sign_in_cookie import is_from_another_page
from sshcast.oidc import pages
from sshcast.oidc.state_cookie import StateCookie

START = "/auth/cli/start"
EXCHANGE = "/auth/cli/token"
GUARD_COOKIE = "sshcast_cli"
GUARD = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 10
PARAMETERS = ("redirect", "state", "code_challenge", "code_challenge_method")
FORM_FIELDS = (*PARAMETERS, "guard")

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class CommandLineRoutes:
    """The routes. The callback that ends such a sign-in is that of `OidcRoutes`, the provider knows only that one."""

    state_cookie: StateCookie

    async def ask_person(self, request: Request) -> Response:
        """Show what wants to sign in, so that no program signs in behind a person's back. Nothing has begun yet."""
        ctx = bearer.build_rate_limited_context(request)
        asked = provider_sign_in_cli.parse_request(bearer.read_query(request, *PARAMETERS))
        provider_sign_in.require_provider(ctx)
        known = request.cookies.get(GUARD_COOKIE, "")
        guard = known if GUARD.fullmatch(known) else secrets.token_urlsafe(16)
        host = urlsplit(request.app.state.public_url or "").netloc
        answer = pages.build_question(read_language(request), host, asked, guard)
        # Without a path it is for /auth/cli, under whatever prefix browsers find this service.
        answer.set_cookie(
            GUARD_COOKIE,
            guard,
            max_age=int(FLOW_LIFE.total_seconds()),
            path=None,
            secure=self.state_cookie.secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def begin_sign_in(self, request: Request) -> Response:
        """Send the browser to the provider, now that the person has said yes on our own page."""
        ctx = bearer.build_rate_limited_context(request)
        form = await _read_form(request)
        _check_own_page(request, form)
        asked = provider_sign_in_cli.parse_request(form)
        begun = await provider_sign_in.begin(ctx, "/", asked)
        answer = pages.build_onward_page(read_language(request), begun.address)
        self.state_cookie.write(answer, begun.flow)
        return answer

    async def exchange_code(self, request: Request) -> Response:
        """Give the command line its tokens, for its code and the verifier that nobody else has."""
        ctx = bearer.build_rate_limited_context(request)
        found = await body.read(request, {"code": str, "codeVerifier": str})
        tokens = await provider_sign_in_cli.exchange_code(ctx, found["code"], found["codeVerifier"])
        return build_success_answer(request, "Signed in.", "登录成功", _describe_tokens(tokens))

    def build_routes(self) -> list[Route]:
        return [
            Route(START, _show_errors(self.ask_person), methods=["GET"]),
            Route(START, _show_errors(self.begin_sign_in), methods=["POST"]),
            Route(EXCHANGE, catch_errors(self.exchange_code), methods=["POST"]),
        ]


async def _read_form(request: Request) -> dict[str, str]:
    """Read the question's form: the one body that is no JSON, as a page without scripts cannot send any."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise Invalid("Content-Type", f"must be {FORM}.", f"必须是 {FORM}。")
    try:
        text = (await body.read_bytes(request)).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Invalid("body", "must be the form of the page that asks.", "必须是询问页面的表单。") from None
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= set(FORM_FIELDS):
        raise Invalid("body", "must be the form of the page that asks.", "必须是询问页面的表单。")
    return found


def _check_own_page(request: Request, form: Mapping[str, str]) -> None:
    """Refuse what another page sent: it has neither the cookie, which is SameSite=Strict, nor the guard of the form.

    A foreign Origin is refused before, by the guard of host names.
    """
    kept, given = request.cookies.get(GUARD_COOKIE, ""), form.get("guard", "")
    same = hmac.compare_digest(kept.encode(), given.encode())
    if is_from_another_page(request) or not GUARD.fullmatch(given) or not same:
        raise ForeignPage(
            "Only this service's own page may begin the sign-in of a command line, within 10 minutes and with cookies "
            "allowed: run `sshcast login` again.",
            "只有本服务自己的页面可以在 10 分钟内发起命令行登录，且浏览器须允许 Cookie：请重新运行 `sshcast login`。",
        )


def _describe_tokens(tokens: TokenPair) -> dict[str, object]:
    user = tokens.user
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in,
        "refresh_expires_in": tokens.refresh_expires_in,
        "user": {"id": user.id, "username": user.name, "role": user.role},
    }


def _show_errors(handler: Handler) -> Handler:
    """Wrap the handler so that a browser shows its errors as a page of ours. No error leads to another address."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as error:
            told = mask_error(error, request.url.path)
        found = build_error_answer(request, told)
        if "text/html" not in request.headers.get("accept", ""):
            return found
        language = read_language(request)
        page = pages.build_error_page(language, build_error_body(told, language)["message"], found.status_code)
        if "retry-after" in found.headers:
            page.headers["retry-after"] = found.headers["retry-after"]
        return page

    return answer
