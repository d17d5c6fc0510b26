"""The HTTPS client of the identity provider: fetches its metadata and keys, and exchanges codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from resolvers.errors import Unavailable
from resolvers.provider import CodeRejected, Flow, ProviderTokens
from runner.log import get_logger
from sshcast.oidc.addresses import is_loopback
from sshcast.oidc.refreshing_cache import RefreshingCache, UnusableAnswer, build_unavailable_error
from sshcast.oidc.registration import ClientRegistration

DISCOVERY = "/.well-known/openid-configuration"
SECONDS = 5.0
MOST_BYTES = 1024 * 1024
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 600.0
MOST_KEYS = 50
METHOD = "S256"
KEY_TYPES: Mapping[Any, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ValueError)

log = get_logger()


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The provider's endpoints, and how it wants this service to authenticate."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    auth_method: str


class OidcClient:
    """Fetches nothing before it is needed, so the service starts and serves while the provider is away."""

    def __init__(self, client: ClientRegistration) -> None:
        self._client = client
        local = is_loopback(client.issuer)
        context = httpx2.create_ssl_context()
        self._http_options: dict[str, Any] = {"timeout": SECONDS, "verify": context, "trust_env": not local}
        self._metadata = RefreshingCache(
            self._discover, what="the identity provider's metadata", fresh_seconds=METADATA_SECONDS
        )
        self._keys = RefreshingCache(self._fetch_keys, what="the identity provider's keys", fresh_seconds=KEYS_SECONDS)

    async def keys(self) -> Sequence[Key]:
        return await self._keys.get()

    async def newer_keys(self) -> Sequence[Key]:
        return await self._keys.refresh()

    async def address(self, flow: Flow) -> str:
        metadata = await self._metadata.get()
        async with self._build_authlib_client(metadata) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization, state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(url)

    async def redeem(self, code: str, verifier: str) -> ProviderTokens:
        metadata = await self._metadata.get()
        try:
            async with self._build_authlib_client(metadata) as client:
                found = await client.fetch_token(
                    metadata.token, grant_type="authorization_code", code=code, code_verifier=verifier
                )
            return _parse_token_response(found)
        except OAuthError as error:
            log.warning("the identity provider refuses a code", error=error.error, description=error.description)
            if error.error == "invalid_grant":
                raise CodeRejected() from None
            raise build_unavailable_error() from None
        except FAILURES as error:
            log.warning("the identity provider does not redeem a code", error=f"{type(error).__name__}: {error}")
            raise build_unavailable_error() from None

    async def more_claims(self, access_token: str) -> Mapping[str, Any]:
        metadata = await self._metadata.get()
        if metadata.userinfo is None:
            return {}
        try:
            return await self._fetch_json(metadata.userinfo, {"Authorization": f"Bearer {access_token}"})
        except UnusableAnswer as error:
            log.warning("the identity provider's userinfo cannot be had", error=str(error))
            raise build_unavailable_error() from None

    def _build_authlib_client(self, metadata: ProviderMetadata) -> AsyncOAuth2Client:
        """Return a new client for each use: one that is reused would keep the last user's tokens."""
        return AsyncOAuth2Client(
            client_id=self._client.client_id,
            client_secret=self._client.secret,
            token_endpoint_auth_method=metadata.auth_method,
            scope=self._client.scopes,
            redirect_uri=self._client.redirect_uri,
            code_challenge_method=METHOD,
            **self._http_options,
        )

    async def _discover(self) -> ProviderMetadata:
        issuer = self._client.issuer
        found = await self._fetch_json(issuer.rstrip("/") + DISCOVERY)
        if found.get("issuer") != issuer:
            raise UnusableAnswer(
                f"it calls itself {found.get('issuer')!r}, and not {issuer!r} as SSHCAST_OIDC_ISSUER does"
            )
        if METHOD not in found.get("code_challenge_methods_supported", [METHOD]):
            raise UnusableAnswer(f"it does not support PKCE by {METHOD}")
        return ProviderMetadata(
            authorization=self._check_endpoint(found, "authorization_endpoint"),
            token=self._check_endpoint(found, "token_endpoint"),
            keys=self._check_endpoint(found, "jwks_uri"),
            userinfo=self._check_endpoint(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
            auth_method=_choose_auth_method(found, self._client.secret),
        )

    def _check_endpoint(self, found: Mapping[str, Any], name: str) -> str:
        """Return the endpoint; it must be https, unless the issuer itself is on this machine."""
        url = found.get(name)
        if not isinstance(url, str):
            raise UnusableAnswer(f"it names no {name}")
        if urlsplit(url).scheme != "https" and not (is_loopback(self._client.issuer) and is_loopback(url)):
            raise UnusableAnswer(f"its {name} is not https")
        return url

    async def _fetch_keys(self) -> Sequence[Key]:
        try:
            metadata = await self._metadata.get()
        except Unavailable as error:
            raise UnusableAnswer(str(error)) from None
        found = (await self._fetch_json(metadata.keys)).get("keys")
        keys = [key for each in found[:MOST_KEYS] if (key := parse_public_key(each))] if isinstance(found, list) else []
        if not keys:
            raise UnusableAnswer("there is no key among them that signs")
        return keys

    async def _fetch_json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Fetch a JSON object of at most 1 MiB without following redirects; raise UnusableAnswer for anything else."""
        try:
            async with (
                httpx2.AsyncClient(**self._http_options) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                found = orjson.loads(await _read_body(answer))
        except FAILURES as error:
            raise UnusableAnswer(
                f"{urlsplit(url)._replace(query='').geturl()}: {type(error).__name__}: {error}"
            ) from None
        if not isinstance(found, dict):
            raise UnusableAnswer(f"{url} is no JSON object")
        return found


async def _read_body(answer: httpx2.Response) -> bytes:
    if answer.status_code != 200:
        raise ValueError(f"HTTP {answer.status_code}")
    data = bytearray()
    async for part in answer.aiter_bytes():
        data += part
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
    return bytes(data)


def _parse_token_response(found: Mapping[str, Any]) -> ProviderTokens:
    id_token, access_token = found.get("id_token"), found.get("access_token", "")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise ValueError("no id_token: is openid among SSHCAST_OIDC_SCOPES?")
    return ProviderTokens(id_token, access_token)


def _choose_auth_method(found: Mapping[str, Any], secret: str | None) -> str:
    """Return `none` for a public client, else the Authorization header method wherever the provider supports it."""
    taken = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if secret is None:
        return "none"
    return "client_secret_basic" if "client_secret_basic" in taken else "client_secret_post"


def parse_public_key(value: Any) -> Key | None:
    """Return the key if it can be read and has no private or shared part, else None: a key set may hold other kinds."""
    try:
        key = KEY_TYPES[value["kty"]].import_key(value)
        return None if key.is_private else key
    except (JoseError, KeyError, TypeError, ValueError):
        return None
