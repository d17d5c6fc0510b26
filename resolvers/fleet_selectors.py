"""The selectors of fleet runs: checked as they come in, and as they are stored."""

from collections.abc import Sequence
from typing import Any

from db.fleet_selection import MOST_SERVERS, ServerSelector
from resolvers import validation
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.inputs import SelectServers

MOST_TAGS = 32
TAGS = ("tags_all", "tags_any", "tags_none")
PATH = "selector"


def check(ctx: Context, wanted: SelectServers) -> ServerSelector:
    """Return the selector, limited to what the viewer may see. Invalid names the condition that is wrong."""
    tags = {name: _check_tags(name, getattr(wanted, name)) for name in TAGS}
    ids = None if wanted.ids is None else _check_ids(wanted.ids)
    name = None if wanted.name_contains is None else validation.check_name_part(PATH, wanted.name_contains)
    if ids is None and name is None and all(found is None for found in tags.values()):
        raise Invalid(
            PATH,
            'must have a condition: nameContains: "" selects every server.',
            '至少须有一个条件：nameContains: "" 选择所有服务器。',
        )
    return ServerSelector(ids=ids, name_contains=name, visibility=ctx.visibility, **tags)


def describe(selector: ServerSelector) -> dict[str, Any]:
    """Return the selector as a fleet run stores it: only the conditions that it has."""
    names = ("ids", *TAGS, "name_contains")
    found = {name: getattr(selector, name) for name in names}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value is not None
    }


def _check_ids(ids: Sequence[int]) -> tuple[int, ...]:
    if not 1 <= len(ids) <= MOST_SERVERS:
        raise Invalid((PATH, "ids"), f"must hold 1 to {MOST_SERVERS} ids.", f"须包含 1 到 {MOST_SERVERS} 个 ID。")
    return tuple(sorted({validation.check_id(PATH, id) for id in ids}))


def _check_tags(name: str, tags: Sequence[str] | None) -> tuple[str, ...] | None:
    if tags is None:
        return None
    if not 1 <= len(tags) <= MOST_TAGS or not all(validation.TAG.match(tag) for tag in tags):
        raise Invalid(
            (PATH, name),
            f"must hold 1 to {MOST_TAGS} tags of 1 to 64 letters, digits or . : / - _",
            f"须包含 1 到 {MOST_TAGS} 个标签，每个为 1 到 64 个字母、数字或 . : / - _",
        )
    return tuple(sorted(set(tags)))
