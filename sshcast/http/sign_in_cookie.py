"""The cookies of signing in: a browser's refresh token, and one half of a one-time code from the identity provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from sshcast.http.hosts import DEFAULT_PORTS

LINK = "/api/auth/link"
# The half of a one-time code that stays in the browser for which it was made.
HALF_COOKIE = "sshcast_sign_in"
REFRESH = "/api/auth/refresh"


@dataclass(frozen=True, slots=True)
class RefreshCookie:
    """The cookie that holds a browser's refresh token, which scripts cannot read and browsers send to one path only.

    Browsers keep one set of cookies for all ports of a host, so the name holds the port: services on other ports of the
    same host do not overwrite each other's.
    """

    name: str
    secure: bool

    def read(self, request: Request) -> str | None:
        """Return the token; None if there is none, or more than one: a neighbouring site may have set the other."""
        found = _list_values(request.headers.getlist("cookie"), self.name)
        return found[0] if len(found) == 1 and found[0] else None

    def write(self, answer: Response, token: str, seconds: int) -> None:
        """Let the browser keep the token for as long as it is good."""
        answer.set_cookie(
            self.name,
            token,
            max_age=seconds,
            path=REFRESH,
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, answer: Response) -> None:
        answer.delete_cookie(self.name, path=REFRESH, secure=self.secure, httponly=True, samesite="strict")


def choose_refresh_cookie(request: Request) -> RefreshCookie:
    """Return the cookie of the service at the host and port of this request.

    The port is that of Host; where Host has none, that of SSHCAST_PUBLIC_URL. With an https address there, browsers
    send the cookie over https only; so they do where this request came by https.
    """
    site = urlsplit(request.app.state.public_url or "")
    secure = "https" in (site.scheme, request.url.scheme)
    _, _, port = request.headers.get("host", "").rpartition(":")
    if not (port.isascii() and port.isdigit()):
        port = str(site.port or DEFAULT_PORTS["https" if secure else "http"])
    return RefreshCookie(f"{'__Secure-' if secure else ''}sshcast_refresh_{port}", secure)


def is_from_another_page(request: Request) -> bool:
    """Tell whether the browser says that a page of another origin sent this, be it of the same site."""
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


def _list_values(headers: Sequence[str], name: str) -> list[str]:
    pairs = [pair.strip().partition("=") for header in headers for pair in header.split(";")]
    return [value for key, _, value in pairs if key == name]
