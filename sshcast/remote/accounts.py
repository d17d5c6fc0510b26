"""Finds users of a service by the names, or the ids, that people write."""

from typing import Any

from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.pages import read_pages

FIELDS = (
    "id name role disabled createdAt grants { id role tag serverId server { id name } createdAt createdBy { name } }"
)
USERS = f"""
query Users($after: String, $filter: UserFilter) {{
  users(first: 100, after: $after, filter: $filter) {{ nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
}}
"""


def require_user(api: Api, user: str) -> dict[str, Any]:
    """Return the user with this name, else the one with this id, with their grants."""
    every = list(read_pages(api, USERS, "users", {}))
    for key in ("name", "id"):
        for each in every:
            if str(each[key]) == user:
                return each
    raise build_absence("user", user, noun="user")
