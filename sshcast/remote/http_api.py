"""Speaks to a service over HTTPS: sends GraphQL, follows subscriptions over SSE, and renews the session's tokens."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

from sshcast.errors import CommandFailed
from sshcast.remote.api import ApiRefused, ConnectionLost, GraphQLAnswer, NeverReached
from sshcast.remote.contexts import Context, ContextStore, Session
from sshcast.remote.words import choose

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 45.0
"""The service sends a heartbeat at least every 12 s on streams, and `wait` holds an answer for 20 s at most."""
ANSWER_SECONDS = 75.0
"""A check of a server takes the longest of all: the service gives it up after 55 s."""
LARGEST_EVENT = 16 * 1024 * 1024
STREAM = "text/event-stream"
ANSWER = "application/graphql-response+json, application/json"
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
    _client: httpx2.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = httpx2.Client(
            verify=_build_tls(self.ca_file) if self.url.startswith("https:") else False,
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(keepalive_expiry=3.0),
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object that a GET is answered with, whatever its status."""
        return self._send("GET", path)

    def post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        """Return the JSON object that a POST of `body` is answered with, whatever its status."""
        return self._send("POST", path, json=body, headers=_build_headers(ANSWER, token))

    def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            patience = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            found = self._client.request(method, self.url + path, timeout=patience, **request)
        except httpx2.HTTPError as error:
            raise self._build_failure(error) from None
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise CommandFailed(f"{self.url} is no address of a service: {error}") from None
        return self._read_object(found)

    def stream(self, path: str, body: Mapping[str, Any], token: str) -> Iterator[dict[str, Any]]:
        """Yield the GraphQL answers of a subscription. Raise ConnectionLost if it is cut before its `complete`."""
        headers = _build_headers(f"{STREAM}, {ANSWER}", token)
        try:
            with self._client.stream("POST", self.url + path, json=body, headers=headers) as found:
                if not found.headers.get("content-type", "").startswith(STREAM):
                    found.read()
                    yield self._read_object(found)
                    return
                for event in httpx2.EventSource(found, LARGEST_EVENT):
                    if event.event == "complete":
                        return
                    if event.event == "next":
                        yield httpx2.Response(200, content=event.data).json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._build_failure(error) from None
        raise ConnectionLost(choose(f"the connection to {self.url} was cut", f"与 {self.url} 的连接已断开"))

    def _read_object(self, found: httpx2.Response) -> dict[str, Any]:
        if found.is_redirect:
            target = found.headers.get("location", "")
            raise CommandFailed(f"{self.url} sends on to {target}: sign in with that address (`sshcast login URL`)")
        try:
            body = found.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._build_stranger(found)
        return body

    def _build_stranger(self, found: httpx2.Response) -> CommandFailed:
        """Return the error for an answer that is not the API's, as of a proxy or of another program."""
        kind = found.headers.get("content-type", "no content type").partition(";")[0]
        what = f"{self.url} answered with {found.status_code} and {kind}"
        if found.status_code in (502, 503, 504):
            return ConnectionLost(f"{what}: the service behind it is not there; try again shortly")
        return CommandFailed(f"{what}, which is no answer of sshcast: check the address, and its path if it has one")

    def _build_failure(self, error: Exception) -> CommandFailed:
        cause = _find_tls_error(error)
        if cause is not None:
            return _build_tls_failure(self.url, cause)
        if isinstance(error, httpx2.ProxyError):
            return NeverReached(f"the proxy for {self.url} refused: {error}")
        if isinstance(error, httpx2.ConnectTimeout):
            return NeverReached(
                choose(
                    f"{self.url} did not answer within {CONNECT_SECONDS:.0f} s",
                    f"{self.url} 在 {CONNECT_SECONDS:.0f} 秒内没有应答",
                )
            )
        if isinstance(error, httpx2.ConnectError):
            return NeverReached(choose(f"{self.url} cannot be reached: {error}", f"无法连接 {self.url}：{error}"))
        if isinstance(error, httpx2.UnsupportedProtocol):
            return CommandFailed(f"{self.url} is no address of a service: it begins with https://")
        if isinstance(error, httpx2.TimeoutException):
            return ConnectionLost(choose(f"{self.url} did not answer in time", f"{self.url} 没有及时应答"))
        reason = str(error) or type(error).__name__
        return ConnectionLost(
            choose(f"the connection to {self.url} was cut: {reason}", f"与 {self.url} 的连接已断开：{reason}")
        )


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
    headers = {"Accept": accept, "Accept-Language": choose("en", "zh")}
    return headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})


def _build_tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(f"the certificates in {ca_file} (--ca-file) cannot be read: {error}") from None


def _find_tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _build_tls_failure(url: str, error: ssl.SSLError) -> CommandFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NeverReached(
            f"the certificate of {url} is not trusted ({error.verify_message}): if your organisation issued it, "
            "name its certificate authority with `sshcast login URL --ca-file FILE`"
        )
    return NeverReached(f"no TLS connection to {url} came about ({error.reason or error}): does it speak HTTPS?")
