"""Numbered pages: their parameters, and the one shape of all lists."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from resolvers.errors import Invalid
from resolvers.paging import MOST, MOST_PAGES, Page, PageRequest
from resolvers.validation import CONTROL, LONGEST_NAME
from sshcast.http.answers import build_json_answer
from sshcast.rest.parameters import Parameter, define_integer

PAGE = (
    define_integer("page", "The page, newest objects first.", 1, MOST_PAGES, default=1),
    define_integer("page_size", "How many objects a page has.", 1, MOST, default=10),
)


def build_page_request(found: Mapping[str, Any]) -> PageRequest:
    """Return the request for a numbered page, newest first."""
    return PageRequest(page=found["page"], page_size=found["page_size"], descending=True)


async def build_page_answer(page: Page[Any], items: list[Any]) -> Response:
    return build_json_answer(
        {"list": items, "total": await page.count(), "page": page.page, "page_size": page.page_size}
    )


def define_name_filter(description: str) -> Parameter:
    return Parameter("name", description, {"type": "string", "maxLength": LONGEST_NAME}, read_name_filter)


def read_name_filter(found: Mapping[str, str]) -> str | None:
    """Return the filter on names: any text that a name may contain, also a single space."""
    part = found.get("name")
    if part is not None and (len(part) > LONGEST_NAME or CONTROL.search(part)):
        raise Invalid(
            "name",
            f"must be at most {LONGEST_NAME} characters, none of them a control character.",
            f"最多 {LONGEST_NAME} 个字符，且不能包含控制字符。",
        )
    return part
