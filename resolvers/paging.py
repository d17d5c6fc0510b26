"""Pages of rows, by cursor (`first/after/last/before`) or by number (`page/page_size`), with one implementation."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, overload

import orjson
from sqlalchemy import Connection

from db.nested import FoundRows, Nested, load_nested
from db.page import CutRows, PageKey, Window
from db.picked import Columns
from db.store import Store
from db.visibility import EVERYTHING, VisibilityScope
from resolvers.errors import Invalid
from resolvers.validation import CONTROL, MAX_ID, check_between

MOST = 100
MOST_PAGES = 1_000_000
# Columns that order by text; the others but the id order by time.
WORDS = ("name",)


class HasId(Protocol):
    id: int


Row = TypeVar("Row", bound=HasId)
Filter = TypeVar("Filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """A page to load: by cursors or by page number, not both. With neither, the first 20 rows."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    page: int | None = None
    page_size: int | None = None
    order: str = "id"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class WantedRows:
    """The columns of a page's rows that are shown, and the rows to read along. `visibility` holds for those."""

    columns: Columns
    nested: Sequence[Nested] = ()
    visibility: VisibilityScope = EVERYTHING

    def read(
        self, conn: Connection, page: Callable[[Connection, Filter, Window], list[Row]], filter: Filter, window: Window
    ) -> tuple[list[Row], FoundRows]:
        """Return the page's rows, one more than it has if there are more, and what they refer to."""
        found = page(conn, filter, window)
        shown = found[1:] if window.backward else found[: window.limit]
        return found, load_nested(conn, shown if len(found) > window.limit else found, self.nested, self.visibility)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Rows in display order with a cursor for each. The total costs a query, made only when `count` is called.

    `nested` has the rows that these refer to, as far as the caller wanted them read along. `ends`: the cursors at
    both ends of the page where they are not those of its rows, since rows were looked at that do not match.
    """

    rows: Sequence[Row]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
    page: int | None
    page_size: int | None
    count: Callable[[], Awaitable[int]]
    nested: FoundRows = field(default_factory=dict)
    ends: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Row, Filter]):
    """A table's queries for pages and counts, and the columns that it can be ordered by.

    For `load_wanted`, `page` takes `columns`.
    """

    page: Callable[..., list[Row]]
    count: Callable[[Connection, Filter], int]
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingEach(Generic[Row, Filter]):
    """A table's queries for pages and counts of several owners at once, by the owners' ids."""

    page: Callable[[Connection, Sequence[int], Filter, Window], dict[int, list[Row]]]
    count: Callable[[Connection, Sequence[int], Filter], dict[int, int]]
    orders: tuple[str, ...]


async def load_page(store: Store, listing: Listing[Row, Filter], filter: Filter, request: PageRequest) -> Page[Row]:
    window = build_window(request, listing.orders)
    found = await store.read(listing.page, filter, window)
    return _build_page(found, window, request, lambda: store.read(listing.count, filter))


def cut_page(rows: Sequence[Row], request: PageRequest) -> Page[Row]:
    """Return a page of rows that are all at hand, in order of ids."""
    window = build_window(request, ("id",))
    low = 0 if window.after is None else window.after[1]
    high = MAX_ID + 1 if window.before is None else window.before[1]
    inside = [row for row in rows if low < row.id < high]
    found = inside[-window.limit - 1 :] if window.backward else inside[: window.limit + 1]

    async def count() -> int:
        return len(rows)

    return _build_page(found, window, request, count)


async def load_wanted(
    store: Store, listing: Listing[Row, Filter], filter: Filter, request: PageRequest, wanted: WantedRows
) -> Page[Row]:
    """Return a page in rows of the wanted columns, with what they refer to: all in one read."""
    window = build_window(request, listing.orders)
    found, nested = await store.read(wanted.read, partial(listing.page, columns=wanted.columns), filter, window)
    return _build_page(found, window, request, lambda: store.read(listing.count, filter), nested)


async def load_pages(
    store: Store, listing: ListingEach[Row, Filter], owners: Sequence[int], filter: Filter, request: PageRequest
) -> list[Page[Row]]:
    """Return a page for each owner in one read. The totals take one more read, if one is asked for."""
    window = build_window(request, listing.orders)
    found = await store.read(listing.page, owners, filter, window)
    totals = Totals(lambda: store.read(listing.count, owners, filter))
    return [_build_page(found[owner], window, request, partial(totals.count_for, owner)) for owner in owners]


class Totals:
    """The number of rows of each owner, counted in one query when first asked for."""

    def __init__(self, count: Callable[[], Coroutine[Any, Any, dict[int, int]]]) -> None:
        self._count = count
        self._counting: asyncio.Task[dict[int, int]] | None = None

    async def count_for(self, owner: int) -> int:
        if self._counting is None:
            self._counting = asyncio.create_task(self._count(), name="totals of several lists")
        return (await asyncio.shield(self._counting))[owner]


def _build_page(
    found: list[Row],
    window: Window,
    request: PageRequest,
    count: Callable[[], Awaitable[int]],
    nested: FoundRows | None = None,
) -> Page[Row]:
    more = len(found) > window.limit
    rows = (found[1:] if window.backward else found[: window.limit]) if more else found
    cursors, ends = Cursors(rows, request), None
    if isinstance(found, CutRows):
        more, edge = True, _encode_cursor(*found.edge, request)
        ends = (edge, cursors[-1] if rows else edge) if window.backward else (cursors[0] if rows else edge, edge)
    return Page(
        rows=rows,
        cursors=cursors,
        has_next=window.before is not None if window.backward else more,
        has_previous=more if window.backward else window.after is not None or window.offset > 0,
        ends=ends,
        page=request.page,
        page_size=request.page_size,
        count=count,
        nested=nested or {},
    )


class Cursors(Sequence[str]):
    """The cursors of a page's rows. Each is made when it is looked at: many pages show only the first and last."""

    def __init__(self, rows: Sequence[HasId], request: PageRequest) -> None:
        self._rows = rows
        self._request = request

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self._encode(row) for row in self._rows[place]]
        return self._encode(self._rows[place])

    def _encode(self, row: HasId) -> str:
        return _encode_cursor(getattr(row, self._request.order), row.id, self._request)


def build_window(request: PageRequest, orders: Sequence[str]) -> Window:
    """Return the request as a range of rows; Invalid names a value that is out of bounds."""
    if request.order not in orders:
        raise Invalid("order_by", f"must be one of {', '.join(orders)}.", f"必须是以下之一：{', '.join(orders)}。")
    limit, offset = (
        (_check_edge_limit(request), 0)
        if request.page is None and request.page_size is None
        else _check_page_number(request)
    )
    return Window(
        limit=limit,
        order=request.order,
        descending=request.descending,
        after=decode_cursor("after", request.after, request),
        before=decode_cursor("before", request.before, request),
        backward=request.last is not None,
        offset=offset,
    )


def _check_page_number(request: PageRequest) -> tuple[int, int]:
    if any(item is not None for item in (request.first, request.after, request.last, request.before)):
        raise Invalid("page", "cannot be combined with first, after, last or before.", "不能与游标参数同时使用。")
    page = check_between("page", 1 if request.page is None else request.page, 1, MOST_PAGES)
    size = check_between("page_size", 10 if request.page_size is None else request.page_size, 1, MOST)
    return size, (page - 1) * size


def _check_edge_limit(request: PageRequest) -> int:
    if request.first is not None and request.last is not None:
        raise Invalid("first", "cannot be combined with last.", "不能与 last 同时使用。")
    if request.last is not None:
        return check_between("last", request.last, 1, MOST)
    return check_between("first", 20 if request.first is None else request.first, 1, MOST)


def _encode_cursor(value: Any, id: int, request: PageRequest) -> str:
    """Return an opaque cursor that names its order, so that a list in another order refuses it."""
    shown = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    kind = "t" if isinstance(value, datetime) else "v"
    packed = orjson.dumps([_encode_order(request), kind, shown, id])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _encode_order(request: PageRequest) -> str:
    return ("-" if request.descending else "") + request.order


def decode_cursor(field: str, cursor: str | None, request: PageRequest) -> PageKey | None:
    if cursor is None:
        return None
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        order, kind, value, id = orjson.loads(packed)
        if order != _encode_order(request) or type(id) is not int or not 1 <= id <= MAX_ID:
            raise ValueError(order)
        return _parse_order_value(request.order, kind, value, id), id
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise Invalid(
            field,
            "is not a cursor of this list in this order: take it from pageInfo or an edge.",
            "不是此列表此排序下的游标：请从 pageInfo 或 edge 中取得。",
        ) from None


def _parse_order_value(order: str, kind: Any, value: Any, id: int) -> Any:
    """Return the order value of a cursor; ValueError if no row could have it."""
    if order == "id":
        plain = kind == "v" and value == id
    elif order in WORDS:
        plain = kind == "v" and type(value) is str and CONTROL.search(value) is None
    else:
        plain = kind == "v" and value is None
        if kind == "t" and (found := datetime.fromisoformat(value)).tzinfo is not None:
            return found.astimezone(UTC)
    if not plain:
        raise ValueError(value)
    return value
