"""Rows as JSON objects: a table of fields per kind, of which only those asked for are worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sandbox.cloudrock.call import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sandbox.cloudrock.call import Call

Row = TypeVar("Row")
ABSENT: Final = object()
"""The value of a key that the marketplace leaves out when it has nothing to say."""


def constant(value: object) -> Callable[[Call, object], object]:
    """A field that says the same of every row."""
    return lambda _call, _row: value


def or_absent(value: object) -> object:
    """The value, or no key at all where there is none."""
    return ABSENT if value is None else value


class Shape(Generic[Row]):
    """How one kind of row looks in an answer."""

    def __init__(
        self, fields: Mapping[str, Callable[[Call, Row], object]], *, obeys_field: bool = True
    ) -> None:
        self.fields = dict(fields)
        self.obeys_field = obeys_field

    def of(self, call: Call, row: Row) -> dict[str, object]:
        """One row, with the fields that the caller asked for."""
        wanted = set(call.values("field")) if self.obeys_field else set()
        names = [name for name in self.fields if name in wanted] if wanted else list(self.fields)
        rendered = {name: self.fields[name](call, row) for name in names}
        return {name: value for name, value in rendered.items() if value is not ABSENT}

    def all(self, call: Call, rows: Iterable[Row]) -> list[dict[str, object]]:
        """Many rows."""
        return [self.of(call, row) for row in rows]

    def reply(self, call: Call, row: Row, status: int = 200) -> Reply:
        """An answer that is this row."""
        return Reply(self.of(call, row), status)
