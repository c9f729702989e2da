"""Query parameters that narrow a list: unknown ones are ignored, empty ones too, bad values are a 400."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sqlalchemy import false

from sandbox.cloudrock.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from sandbox.cloudrock.call import Call

    Condition: TypeAlias = ColumnElement[bool]
    Row = TypeVar("Row")


class BadValueError(Exception):
    """What a filter says of a value that it does not understand."""


@dataclass(frozen=True)
class Filter:
    """One query parameter. `repeatable` ones look at all their values, the others at the last."""

    condition: Callable[[list[str]], Condition]
    repeatable: bool = False


def filtered(call: Call, query: Select[tuple[Row]], filters: Mapping[str, Filter]) -> Select[tuple[Row]]:
    """The query, narrowed by what the caller asked for."""
    complaints: dict[str, list[str]] = {}
    for name, one in filters.items():
        values = call.values(name) if one.repeatable else call.values(name)[-1:]
        values = [value for value in values if value]
        if not values:
            continue
        try:
            query = query.where(one.condition(values))
        except BadValueError as bad:
            complaints[name] = [str(bad)]
    if complaints:
        raise RefusedError(complaints)
    return query


def by_uuid(condition: Callable[[str], Condition]) -> Filter:
    """A uuid, with or without dashes."""

    def narrow(values: list[str]) -> Condition:
        try:
            return condition(uuids.UUID(values[0]).hex)
        except ValueError:
            raise BadValueError("Enter a valid UUID.") from None

    return Filter(narrow)


def by_choice(choices: tuple[str, ...], condition: Callable[[list[str]], Condition]) -> Filter:
    """Words of a fixed list, exactly as they are written there; several mean any of them."""

    def narrow(values: list[str]) -> Condition:
        for value in values:
            if value not in choices:
                raise BadValueError(f"Select a valid choice. {value} is not one of the available choices.")
        return condition(values)

    return Filter(narrow, repeatable=True)


def by_text(condition: Callable[[str], Condition]) -> Filter:
    """Any text."""
    return Filter(lambda values: condition(values[0]))


def by_number(condition: Callable[[int], Condition]) -> Filter:
    """A whole number."""

    def narrow(values: list[str]) -> Condition:
        try:
            return condition(int(values[0]))
        except ValueError:
            raise BadValueError("Enter a number.") from None

    return Filter(narrow)


def by_date(condition: Callable[[date], Condition]) -> Filter:
    """A day, as YYYY-MM-DD."""

    def narrow(values: list[str]) -> Condition:
        try:
            return condition(date.fromisoformat(values[0]))
        except ValueError:
            raise BadValueError("Enter a valid date.") from None

    return Filter(narrow)


def by_moment(condition: Callable[[datetime], Condition]) -> Filter:
    """A day, or a day and a time; without a zone it is UTC."""

    def narrow(values: list[str]) -> Condition:
        try:
            moment = datetime.fromisoformat(values[0])
        except ValueError:
            raise BadValueError("Enter a valid date/time.") from None
        return condition(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

    return Filter(narrow)


def by_address(condition: Callable[[str], Condition]) -> Filter:
    """The address of a thing; one that leads nowhere finds nothing."""

    def narrow(values: list[str]) -> Condition:
        try:
            return condition(uuids.UUID(values[0].rstrip("/").rpartition("/")[2]).hex)
        except ValueError:
            return false()

    return Filter(narrow)


def day_start(day: date) -> datetime:
    """The first instant of a day, in UTC."""
    return datetime.combine(day, time(), UTC)


def day_end(day: date) -> datetime:
    """The first instant after a day, in UTC."""
    return day_start(day) + timedelta(days=1)


def ordered(
    call: Call,
    query: Select[tuple[Row]],
    columns: Mapping[str, InstrumentedAttribute[str] | InstrumentedAttribute[datetime]],
) -> Select[tuple[Row]]:
    """The query in the order that `o` asks for: names separated by commas, a minus for descending."""
    for word in filter(None, call.value("o").split(",")):
        column = columns.get(word.removeprefix("-"))
        if column is None:
            raise RefusedError({"o": [f"Select a valid choice. {word} is not one of the available choices."]})
        query = query.order_by(column.desc() if word.startswith("-") else column.asc())
    return query
