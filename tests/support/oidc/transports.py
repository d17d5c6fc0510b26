"""Who gets in with a bearer token, on each transport that takes one."""

import asyncio

from websockets.exceptions import ConnectionClosed

from tests.support.service import Running

ME = "{ me { name role } }"
TRANSPORTS = ("rest", "graphql", "sse", "socket")


async def who(api: Running, bearer: str, transport: str) -> str | None:
    """The name of who gets in with the token; None when nobody does."""
    headers = {"Authorization": f"Bearer {bearer}"}
    if transport == "rest":
        answer = await api.http.get("/api/auth/profile", headers=headers)
        if answer.status_code == 200:
            return str(answer.json()["data"]["username"])
        assert answer.status_code == 401
        return None
    if transport == "socket":
        return await over_socket(api, headers)
    accept = {"Accept": "text/event-stream"} if transport == "sse" else {}
    answer = await api.http.post("/graphql", json={"query": ME}, headers=headers | accept)
    if '"UNAUTHENTICATED"' in answer.text:
        return None
    assert '"me"' in answer.text, answer.text
    return str(answer.text.partition('"name":"')[2].partition('"')[0])


async def over_socket(api: Running, headers: dict[str, str]) -> str | None:
    async with api.socket(None) as socket:
        try:
            await socket.begin(headers)
            async for payload in socket.follow(ME):
                return str(payload["data"]["me"]["name"])
        except ConnectionClosed:
            assert (await socket.closed())[0] == 4401
    return None


async def everywhere(api: Running, bearer: str) -> set[str | None]:
    return set(await asyncio.gather(*(who(api, bearer, transport) for transport in TRANSPORTS)))
