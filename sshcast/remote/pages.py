"""Reads lists page by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from sshcast.remote.api import Api


def read_pages(
    api: Api, document: str, root: str, variables: Mapping[str, Any], most: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the nodes of all pages of the connection `root`, but at most `most`.

    The document takes `$after`, and selects `nodes` and `pageInfo { hasNextPage endCursor }`.
    """
    after, left = None, most
    while left is None or left > 0:
        page = api.execute(document, {**variables, "after": after})[root]
        yield from page["nodes"][:left]
        left = None if left is None else left - len(page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
