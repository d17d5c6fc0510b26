"""How this service is registered with the identity provider. It is apart from the client, which imports much."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRegistration:
    """This service's registration with the provider. Without a secret it is a public client."""

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)
    scopes: str
    redirect_uri: str
