"""Lists in pages: the silent cap, X-Result-Count, and Link in the order first, prev, next, last."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from sqlalchemy import func, select

from sandbox.cloudrock.call import Reply
from sandbox.cloudrock.errors import NotFoundError

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.sql.base import ExecutableOption

    from sandbox.cloudrock.call import Call
    from sandbox.cloudrock.rendering import Shape

    Row = TypeVar("Row")

DEFAULT_SIZE = 10
LARGEST_SIZE = 300


def page_reply(call: Call, query: Select[tuple[Row]], shape: Shape[Row], *loaded: ExecutableOption) -> Reply:
    """One page of a list; `loaded`: what its rows refer to, read with them and not row by row."""
    count = call.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    size = _page_size(call)
    last = max(1, -(-count // size))
    page = _page_number(call, last)
    rows = call.session.scalars(query.options(*loaded).offset((page - 1) * size).limit(size))
    headers = {"X-Result-Count": str(count), "Link": _links(call, page, last)}
    return Reply(shape.all(call, rows), headers=headers)


def _page_size(call: Call) -> int:
    text = call.value("page_size")
    size = int(text) if text.isascii() and text.isdecimal() else 0
    return min(size, LARGEST_SIZE) or DEFAULT_SIZE


def _page_number(call: Call, last: int) -> int:
    text = call.value("page") or "1"
    if text == "last":
        return last
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= last:
        raise NotFoundError("Invalid page.")
    return int(text)


def _links(call: Call, page: int, last: int) -> str:
    targets = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    return ", ".join(
        f'<{_address(call, number)}>; rel="{name}"' for name, number in targets.items() if 1 <= number <= last
    )


def _address(call: Call, page: int) -> str:
    """The caller's own query, its parameters sorted by name, turned to another page."""
    pairs = [(name, value) for name, value in call.query if name != "page"]
    if page > 1:
        pairs.append(("page", str(page)))
    query = urlencode(sorted(pairs, key=lambda pair: pair[0]))
    return f"{call.base}{call.path}" + (f"?{query}" if query else "")
