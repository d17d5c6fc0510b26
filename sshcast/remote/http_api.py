"""Speaks to a service over HTTPS: sends GraphQL, follows subscriptions over SSE, and renews the session's tokens."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, IncompleteRead, InvalidURL
from types import TracebackType
from typing import Any, Self

from sshcast.errors import CommandFailed
from sshcast.remote.api import ApiRefused, ConnectionLost, GraphQLAnswer, NeverReached
from sshcast.remote.contexts import Context, ContextStore, Session
from sshcast.remote.http_connections import REDIRECTS, AddressInvalid, Connections, NotConnected, ProxyRefused
from sshcast.remote.server_sent import read_events
from sshcast.words import choose

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 45.0
"""The service sends a heartbeat at least every 12 s on streams, and `wait` holds an answer for 20 s at most."""
ANSWER_SECONDS = 75.0
"""A check of a server takes the longest of all: the service gives it up after 55 s."""
STREAM = "text/event-stream"
ANSWER = "application/graphql-response+json, application/json"
FAILURES = (OSError, HTTPException, NotConnected, ProxyRefused, AddressInvalid, UnicodeEncodeError)
CUT_SHORT = ("its answer ended too early", "应答过早结束")
REFRESH = """
mutation Refresh($token: String!) {
  refresh(input: {refreshToken: $token}) { errors { code field message } tokens { accessToken refreshToken } }
}
"""


@dataclass(slots=True)
class HttpClient:
    """One service over HTTP, without a session: sends requests, and turns every failure into a sentence."""

    url: str
    ca_file: str | None = None
    _connections: Connections = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tls = _build_tls(self.ca_file) if self.url.startswith("https:") else None
        try:
            self._connections = Connections(self.url, tls, CONNECT_SECONDS)
        except AddressInvalid as error:
            raise self._build_failure(error) from None

    def close(self) -> None:
        self._connections.close()

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object that a GET is answered with, whatever its status."""
        return self._send("GET", path, None, _build_headers("application/json", None))

    def post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        """Return the JSON object that a POST of `body` is answered with, whatever its status."""
        return self._send("POST", path, _write_json(body), _build_headers(ANSWER, token))

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        try:
            with self._connections.send(method, path, body, headers, ANSWER_SECONDS) as answer:
                content = answer.read()
        except FAILURES as error:
            raise self._build_failure(error) from None
        return self._read_object(answer, content)

    def stream(self, path: str, body: Mapping[str, Any], token: str) -> Iterator[dict[str, Any]]:
        """Yield the GraphQL answers of a subscription. Raise ConnectionLost if it is cut before its `complete`."""
        headers = _build_headers(f"{STREAM}, {ANSWER}", token)
        try:
            with self._connections.send("POST", path, _write_json(body), headers, SILENCE_SECONDS) as answer:
                if not answer.getheader("content-type", "").startswith(STREAM):
                    yield self._read_object(answer, answer.read())
                    return
                for event, data in read_events(answer):
                    if event == "complete":
                        return
                    if event == "next":
                        yield json.loads(data)
        except (*FAILURES, ValueError) as error:
            raise self._build_failure(error) from None
        raise ConnectionLost(choose(f"the connection to {self.url} was cut", f"与 {self.url} 的连接已断开"))

    def _read_object(self, found: HTTPResponse, content: bytes) -> dict[str, Any]:
        if found.status in REDIRECTS and found.getheader("location"):
            target = found.getheader("location")
            raise CommandFailed(
                choose(
                    f"{self.url} sends on to {target}: sign in with that address (`sshcast login URL`)",
                    f"{self.url} 转到 {target}：请用该地址登录（`sshcast login URL`）",
                )
            )
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise (
                self._build_cut(choose(*CUT_SHORT)) if _is_without_end(found, content) else self._build_stranger(found)
            )
        return body

    def _build_stranger(self, found: HTTPResponse) -> CommandFailed:
        """Return the error for an answer that is not the API's, as of a proxy or of another program."""
        kind = found.getheader("content-type", choose("no content type", "无类型")).partition(";")[0]
        what = f"{self.url} {choose('answered with', '的应答是')} {found.status} {choose('and', '和')} {kind}"
        if found.status in (502, 503, 504):
            return ConnectionLost(
                choose(
                    f"{what}: the service behind it is not there; try again shortly",
                    f"{what}：其后的服务不在，请稍后再试",
                )
            )
        return CommandFailed(
            choose(
                f"{what}, which is no answer of sshcast: check the address, and its path if it has one",
                f"{what}，这不是 sshcast 的应答：请检查地址及其路径",
            )
        )

    def _build_failure(self, error: Exception) -> CommandFailed:
        if isinstance(error, NotConnected):
            return self._build_unreachable(str(error), error.__cause__)
        if isinstance(error, ProxyRefused):
            return NeverReached(
                choose(f"the proxy for {self.url} refused: {error}", f"{self.url} 的代理拒绝了连接：{error}")
            )
        if isinstance(error, AddressInvalid | InvalidURL | UnicodeEncodeError):
            return CommandFailed(
                choose(f"{self.url} is no address of a service: {error}", f"{self.url} 不是服务的地址：{error}")
            )
        if isinstance(error, TimeoutError):
            return ConnectionLost(choose(f"{self.url} did not answer in time", f"{self.url} 没有及时应答"))
        return self._build_cut(_format_cut(error))

    def _build_cut(self, reason: str) -> CommandFailed:
        return ConnectionLost(
            choose(f"the connection to {self.url} was cut: {reason}", f"与 {self.url} 的连接已断开：{reason}")
        )

    def _build_unreachable(self, proxy: str, cause: BaseException | None) -> CommandFailed:
        """Return the error for a connection that did not come about, for this cause; `proxy` is "" if there is none."""
        if isinstance(cause, ssl.SSLError):
            return _build_tls_failure(self.url, cause)
        where = self.url if not proxy else choose(f"{self.url} (by the proxy {proxy})", f"{self.url}（经代理 {proxy}）")
        if isinstance(cause, TimeoutError):
            return NeverReached(
                choose(
                    f"{where} did not answer within {CONNECT_SECONDS:.0f} s",
                    f"{where} 在 {CONNECT_SECONDS:.0f} 秒内没有应答",
                )
            )
        return NeverReached(choose(f"{where} cannot be reached: {cause}", f"无法连接 {where}：{cause}"))


class HttpApi:
    """The API of a context's service. An expired access token is renewed once, also where other processes do so."""

    is_local = False

    def __init__(self, context: Context, store: ContextStore) -> None:
        self._context = context
        self._store = store
        self._http = HttpClient(context.url, context.ca_file)
        self._session = context.session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._http.close()

    @property
    def place(self) -> str:
        return self._context.url

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = {"query": document, "variables": variables or {}}
        for renewed in (False, True):
            try:
                answer = self._http.post("/graphql", body, self._require_session().access)
                return GraphQLAnswer(answer).read(self.place)
            except ApiRefused as error:
                self._renew_or_raise(error, renewed=renewed)
        raise AssertionError  # the second refusal was raised

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the data of each event. A token that expires in mid-stream is renewed by the next subscription."""
        body = {"query": document, "variables": variables or {}}
        for renewed in (False, True):
            begun = False
            try:
                for answer in self._http.stream("/graphql", body, self._require_session().access):
                    data = GraphQLAnswer(answer).read(self.place)
                    begun = True
                    yield data
            except ApiRefused as error:
                self._renew_or_raise(error, renewed=renewed or begun)
                continue
            return

    def interrupt(self) -> None:
        raise KeyboardInterrupt

    def _require_session(self) -> Session:
        if self._session is None:
            raise CommandFailed(
                choose(
                    f"you are signed out of {self.place}: sign in with `sshcast login {self.place}`",
                    f"您已退出 {self.place}：用 `sshcast login {self.place}` 登录",
                )
            )
        return self._session

    def _renew_or_raise(self, error: ApiRefused, *, renewed: bool) -> None:
        """Renew the tokens after they were refused; else raise the refusal, with what to do about it."""
        if error.code != "UNAUTHENTICATED":
            raise error
        session = self._require_session()
        if renewed or session.refresh is None:
            raise ApiRefused(
                choose(
                    f"{self.place} does not accept your token any more: sign in with `sshcast login {self.place}`",
                    f"{self.place} 不再接受您的令牌：用 `sshcast login {self.place}` 登录",
                ),
                error.code,
            )
        self._session = self._renew(session)

    def _renew(self, used: Session) -> Session:
        """Return the session with new tokens, made here or by another process meanwhile."""
        with self._store.lock():
            stored = self._store.require(self._context.name).session
            if stored is not None and stored.access != used.access:
                return stored
            answer = self._http.post("/graphql", {"query": REFRESH, "variables": {"token": used.refresh}})
            try:
                tokens = GraphQLAnswer(answer).read(self.place)["refresh"]["tokens"]
            except ApiRefused as error:
                raise ApiRefused(
                    choose(
                        f"your session at {self.place} has ended: sign in with `sshcast login {self.place}`",
                        f"您在 {self.place} 的会话已结束：用 `sshcast login {self.place}` 登录",
                    ),
                    error.code,
                ) from None
            made = Session(tokens["accessToken"], tokens["refreshToken"])
            self._store.save_session(self._context.name, made)
            return made


def _build_headers(accept: str, token: str | None) -> dict[str, str]:
    headers = {"Accept": accept, "Accept-Language": choose("en", "zh"), "User-Agent": "sshcast"}
    headers["Content-Type"] = "application/json"
    return headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})


def _write_json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _build_tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(
            choose(
                f"the certificates in {ca_file} (--ca-file) cannot be read: {error}",
                f"无法读取 {ca_file}（--ca-file）中的证书：{error}",
            )
        ) from None


def _is_without_end(answer: HTTPResponse, content: bytes) -> bool:
    """Tell whether an answer was cut before its body: http.client takes an end within the head for the head's end."""
    return not content and not answer.chunked and answer.getheader("content-length") is None


def _format_cut(error: Exception) -> str:
    return choose(*CUT_SHORT) if isinstance(error, IncompleteRead) else str(error) or type(error).__name__


def _build_tls_failure(url: str, error: ssl.SSLError) -> CommandFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NeverReached(
            choose(
                f"the certificate of {url} is not trusted ({error.verify_message}): if your organisation issued it, "
                "name its certificate authority with `sshcast login URL --ca-file FILE`",
                f"{url} 的证书不受信任（{error.verify_message}）：若由贵组织签发，"
                "请用 `sshcast login URL --ca-file FILE` 指定其证书颁发机构",
            )
        )
    return NeverReached(
        choose(
            f"no TLS connection to {url} came about ({error.reason or error}): does it speak HTTPS?",
            f"无法与 {url} 建立 TLS 连接（{error.reason or error}）：它使用 HTTPS 吗？",
        )
    )
