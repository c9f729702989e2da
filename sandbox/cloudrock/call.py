"""One request on its way through the server, and the answer to it."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from sandbox.cloudrock.errors import NotFoundError
from sandbox.cloudrock.visibility import Roles

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from sandbox.cloudrock.tables import Named, User

    Row = TypeVar("Row", bound=Named)


@dataclass(frozen=True)
class Reply:
    """What the server answers. A body of None is an empty one."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Switches:
    """What can be switched on and off beside HTTP."""

    freeipa: bool = True
    dated_usage: bool = False
    """Whether a usage report with a date is booked under its month; the recorded server ignores the date."""
    limits_orders: bool = False
    """Whether limits can be ordered over REST; the recorded server refuses them, later ones do not."""


@dataclass(frozen=True)
class Call:
    """A request of a known user, with the database session that it works in."""

    session: Session
    user: User
    now: datetime
    method: str
    path: str
    base: str
    query: list[tuple[str, str]]
    body: object
    switches: Switches
    approved: list[str]
    """Uuids of the order items that the worker has to process once this request is kept."""

    @cached_property
    def roles(self) -> Roles:
        """What the user is, where."""
        return Roles(self.session, self.user)

    def values(self, name: str) -> list[str]:
        """All values of a query parameter."""
        return [value for key, value in self.query if key == name]

    def value(self, name: str) -> str:
        """The last value of a query parameter, as Django takes it; empty when there is none."""
        return next(iter(reversed(self.values(name))), "")

    def url(self, *parts: str) -> str:
        """The address of a thing in the API, on the host that the caller used."""
        return f"{self.base}/api/{'/'.join(parts)}/"

    def find(self, table: type[Row], uuid: str, *conditions: ColumnElement[bool]) -> Row:
        """The row of this uuid, or 404: unknown, malformed and not to be seen are one."""
        try:
            hexadecimal = uuids.UUID(uuid).hex
        except ValueError:
            raise NotFoundError from None
        row = self.session.scalar(select(table).where(table.uuid == hexadecimal, *conditions))
        if row is None:
            raise NotFoundError
        return row
