"""Parses the roles of groups: `ops=operator,root=admin`, or a JSON object."""

from collections.abc import Iterator

import orjson

from db.values import Role


def parse_role_map(text: str) -> dict[str, Role]:
    """Return the role of each group; raise ValueError for what is wrong. Names with a comma need the JSON form."""
    try:
        found = orjson.loads(text) if text.lstrip().startswith("{") else dict(_parse_pairs(text))
        return {str(group): Role(role) for group, role in found.items()}
    except ValueError as error:
        roles = ", ".join(Role)
        raise ValueError(f"must be like ops=operator,root=admin, with the roles {roles}") from error


def _parse_pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(str.strip, text.split(",")):
        group, _, role = part.rpartition("=")
        if not group.strip():
            raise ValueError(part)
        yield group.strip(), role.strip()
