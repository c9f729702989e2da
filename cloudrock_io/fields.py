"""One JSON object, read key by key: each either has what the contract says or names what is wrong. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from cloudrock_io.errors import UnexpectedCloudrockData
from cloudrock_io.reasons import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

WordT = TypeVar("WordT", bound="Enum")

UUID = re.compile(r"[0-9a-f]{32}")


def shown(value: object) -> str:
    """The value for a message. Of containers only the kind: they may hold anything, a token too."""
    if value is None or isinstance(value, bool | int | float | str):
        return (
            one_line(repr(value), 80)
            if not isinstance(value, int) or abs(value) < 10**40
            else "a huge number"
        )
    return "a list" if isinstance(value, list) else "an object"


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and its name in messages."""

    what: str
    values: Mapping[str, object]

    @classmethod
    def of(cls, json: object, kind: str) -> Fields:
        """The object, named by its kind and, where it has one, its uuid."""
        if not isinstance(json, dict):
            raise UnexpectedCloudrockData(kind, "an object", shown(json))
        uuid = json.get("uuid")
        named = f"{kind} {uuid}" if isinstance(uuid, str) and UUID.fullmatch(uuid) else kind
        return cls(named, json)

    def wrong(self, key: str, expected: str) -> UnexpectedCloudrockData:
        """The error for this key."""
        got = shown(self.values[key]) if key in self.values else "nothing"
        return UnexpectedCloudrockData(f"{self.what}, key {key!r}", expected, got)

    def text(self, key: str) -> str:
        """A string, possibly empty."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def text_or(self, key: str, default: str) -> str:
        """A string; the default where the key is absent or null."""
        return default if self.values.get(key) is None else self.text(key)

    def uuid(self, key: str) -> str:
        """32 hexadecimal digits, since they are put into addresses."""
        value = self.values.get(key)
        if not isinstance(value, str) or not UUID.fullmatch(value):
            raise self.wrong(key, "a uuid of 32 hexadecimal digits")
        return value

    def uuid_or_none(self, key: str) -> str | None:
        """A uuid; None where the key is absent or null."""
        return None if self.values.get(key) is None else self.uuid(key)

    def integer(self, key: str) -> int:
        """A whole number: 5, or 5.0, which is the same JSON number. Not true, not "5", not 5.5."""
        whole = whole_number(self.values.get(key))
        if whole is None:
            raise self.wrong(key, "a whole number")
        return whole

    def boolean(self, key: str) -> bool:
        """True or false."""
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def word(self, key: str, words: type[WordT]) -> WordT:
        """One of the known words, exact."""
        value = self.values.get(key)
        for known in words:
            if isinstance(value, str) and known.value == value:
                return known
        raise self.wrong(key, "one of " + ", ".join(str(known.value) for known in words))

    def moment(self, key: str) -> datetime:
        """A date and time with its offset from UTC."""
        value = self.values.get(key)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.utcoffset() is None:
            raise self.wrong(key, "a date and time with an offset (2026-11-22T06:52:00Z)")
        return moment

    def moment_or_null(self, key: str) -> datetime | None:
        """A date and time, or null; the key must be there."""
        if key not in self.values:
            raise self.wrong(key, "a date and time, or null")
        return None if self.values[key] is None else self.moment(key)

    def objects(self, key: str, kind: str) -> list[Fields]:
        """A list of objects, each named by its kind."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return [Fields.of(item, f"{kind} of {self.what}") for item in value]

    def child(self, key: str) -> Fields:
        """An object inside; an empty one where the key is absent or null."""
        value = self.values.get(key)
        if value is None:
            return Fields(f"{self.what}, {key!r}", {})
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return Fields(f"{self.what}, {key!r}", value)

    def limits(self, key: str) -> dict[str, int]:
        """Component type to a whole number, 0 or more; empty where the key is absent or null.

        Nothing else is taken for a limit: null, -1 and fractions have no agreed meaning, and the server
        stores whatever it is sent. An administrator repairs such limits with `set_limits` or a new order.
        """
        found = self.child(key)
        limits = {component: found.integer(component) for component in found.values}
        for component, limit in limits.items():
            if limit < 0:
                raise found.wrong(component, "a whole number, 0 or more")
        return limits


def whole_number(value: object) -> int | None:
    """The JSON number as an int if it is whole, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None
