"""Signs in to a service with a password or a token, and out of it again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sshcast.errors import CommandFailed
from sshcast.remote.api import ApiRefused, GraphQLAnswer
from sshcast.remote.browser_sign_in import BrowserSignIn
from sshcast.remote.contexts import Session
from sshcast.remote.http_api import HttpClient
from sshcast.words import choose

LOGIN = """
mutation SignIn($username: String!, $password: String!) {
  login(input: {username: $username, password: $password}) {
    errors { code field message } tokens { accessToken refreshToken user { name role } }
  }
}
"""
LOGOUT = "mutation SignOut { logout { errors { code field message } } }"
ME = "query WhoAmI { me { name role } }"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, with which role, and the session."""

    user: str
    role: str
    session: Session


def check_url(text: str, *, allow_http: bool) -> str:
    """Return the service's address without a slash at its end; raise CommandFailed if it is not one to sign in to."""
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CommandFailed(choose(f"URL: {text} is no address: {error}", f"URL：{text} 不是地址：{error}")) from None
    if parts.scheme not in ("http", "https") or not host:
        raise CommandFailed(
            choose(
                f"URL: {text} is no address of a service: write it as https://HOST or https://HOST/PATH",
                f"URL：{text} 不是服务的地址：请写作 https://HOST 或 https://HOST/PATH",
            )
        )
    if parts.query or parts.fragment or parts.username or parts.password:
        raise CommandFailed(
            choose(
                "URL: give the address alone, without a user, a password, a query or a fragment",
                "URL：只给出地址，不带用户、密码、查询或片段",
            )
        )
    if parts.scheme == "http" and host not in LOOPBACK and not allow_http:
        raise CommandFailed(
            choose(
                f"URL: http:// to {host} sends passwords, tokens and output unencrypted: use https://, "
                "or add --allow-http if the network between is safe",
                f"URL：http:// 会向 {host} 明文发送密码、令牌和输出：请用 https://，若其间的网络安全则加 --allow-http",
            )
        )
    return url.rstrip("/").removesuffix("/graphql")


def sign_in_with_password(client: HttpClient, username: str, password: str) -> SignedIn:
    body = {"query": LOGIN, "variables": {"username": username, "password": password}}
    tokens = GraphQLAnswer(client.post("/graphql", body)).read(client.url)["login"]["tokens"]
    return _build_signed_in(tokens)


def sign_in_with_token(client: HttpClient, token: str) -> SignedIn:
    """Check a personal token, or an access token, by asking who it belongs to."""
    if not token or not token.isascii() or any(each.isspace() for each in token):
        raise CommandFailed(
            choose(
                "the first line of standard input is no token: it is one word of ASCII characters",
                "标准输入的第一行不是令牌：令牌是一个 ASCII 单词",
            )
        )
    try:
        user = GraphQLAnswer(client.post("/graphql", {"query": ME}, token)).read(client.url)["me"]
    except ApiRefused as error:
        raise ApiRefused(
            choose(f"{client.url} does not accept this token: {error}", f"{client.url} 不接受此令牌：{error}"),
            error.code,
        ) from None
    return SignedIn(user["name"], user["role"], Session(token))


def sign_in_with_browser(client: HttpClient, say: Callable[[str], None]) -> SignedIn:
    """Have the person sign in with the identity provider in their browser, and wait for it."""
    found = client.get("/auth/oidc")
    if found.get("error"):
        raise ApiRefused(str(found.get("message", "")), str(found["error"]))
    provider = found.get("data", {})
    if provider is not None and (not isinstance(provider, dict) or "start" not in provider):
        raise CommandFailed(
            choose(
                f"{client.url} gave no answer of sshcast: check the address",
                f"{client.url} 的应答不是 sshcast 的：请检查地址",
            )
        )
    if provider is None:
        raise CommandFailed(
            choose(
                f"{client.url} has no identity provider: sign in with --user NAME, or with --token-stdin",
                f"{client.url} 没有身份提供方：请用 --user NAME 或 --token-stdin 登录",
            )
        )

    def exchange(address: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = client.post(address.removeprefix(client.url), body)
        if answer.get("data") is None:
            raise ApiRefused(str(answer.get("message", "")), str(answer.get("error", "")))
        return answer

    made = BrowserSignIn(url=client.url, post=exchange, say=say).sign_in()
    return SignedIn(made.username, made.role, Session(made.access_token, made.refresh_token))


def sign_out(client: HttpClient, session: Session) -> None:
    """End the session at the service. A session that has ended already is no mistake."""
    try:
        GraphQLAnswer(client.post("/graphql", {"query": LOGOUT}, session.access)).read(client.url)
    except ApiRefused as error:
        if error.code != "UNAUTHENTICATED":
            raise


def _build_signed_in(tokens: dict[str, Any]) -> SignedIn:
    user = tokens["user"]
    return SignedIn(user["name"], user["role"], Session(tokens["accessToken"], tokens["refreshToken"]))
