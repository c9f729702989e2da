"""What a request body must look like: each check gives the value, or notes what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from sandbox.cloudrock.errors import RefusedError

Check: TypeAlias = Callable[[object], object]


class WrongError(Exception):
    """What is wrong with one value: texts, or a structure of them."""

    def __init__(self, complaint: object) -> None:
        super().__init__(complaint)
        self.complaint = [complaint] if isinstance(complaint, str) else complaint


def checked(
    body: object, required: dict[str, Check], optional: dict[str, Check] | None = None
) -> dict[str, object]:
    """The fields of a body, each through its check; all complaints are collected into one 400.

    Fields that nobody asked for are ignored. Optional ones that are missing stay missing.
    """
    try:
        return _fields(body, required, optional or {})
    except WrongError as wrong:
        raise RefusedError(wrong.complaint) from None


def _fields(body: object, required: dict[str, Check], optional: dict[str, Check]) -> dict[str, object]:
    if not isinstance(body, dict):
        raise WrongError(
            {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {_type(body)}."]}
        )
    values: dict[str, object] = {}
    complaints: dict[str, object] = {}
    for name, check in {**required, **optional}.items():
        if name not in body:
            if name in required:
                complaints[name] = ["This field is required."]
            continue
        try:
            values[name] = check(body[name])
        except WrongError as wrong:
            complaints[name] = wrong.complaint
    if complaints:
        raise WrongError(complaints)
    return values


def checked_list(
    body: object, required: dict[str, Check], optional: dict[str, Check]
) -> list[dict[str, object]]:
    """The same for a body that is a list of such things."""
    try:
        return _items(body, required, optional)
    except WrongError as wrong:
        raise RefusedError(wrong.complaint) from None


def _items(body: object, required: dict[str, Check], optional: dict[str, Check]) -> list[dict[str, object]]:
    if not isinstance(body, list):
        raise WrongError({"non_field_errors": [f'Expected a list of items but got type "{_type(body)}".']})
    values: list[dict[str, object]] = []
    complaints: list[object] = []
    for item in body:
        try:
            values.append(_fields(item, required, optional))
            complaints.append({})
        except WrongError as wrong:
            complaints.append(wrong.complaint)
    if any(complaints):
        raise WrongError(complaints)
    return values


def list_of(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    """A field that is a list of objects."""

    def check(value: object) -> object:
        return _items(_not_null(value), required, optional or {})

    return check


def text(longest: int | None = None, *, pattern: str = "", complaint: str = "Enter a valid value.") -> Check:
    """A text that says something."""

    def check(value: object) -> object:
        words = _as_text(value)
        if not words:
            raise WrongError("This field may not be blank.")
        complaints = []
        if longest is not None and len(words) > longest:
            complaints.append(f"Ensure this field has no more than {longest} characters.")
        if pattern and not re.fullmatch(pattern, words, re.ASCII):
            complaints.append(complaint)
        if complaints:
            raise WrongError(complaints)
        return words

    return check


def any_text(longest: int | None = None) -> Check:
    """A text, which may be empty."""

    def check(value: object) -> object:
        words = _as_text(value)
        if longest is not None and len(words) > longest:
            raise WrongError(f"Ensure this field has no more than {longest} characters.")
        return words

    return check


def integer(least: int | None = None, most: int | None = None) -> Check:
    """A whole number: 13.0 and "15" are, 12.5 and "14.50" are not."""

    def check(value: object) -> object:
        number = _whole(_not_null(value))
        if most is not None and number > most:
            raise WrongError(f"Ensure this value is less than or equal to {most}.")
        if least is not None and number < least:
            raise WrongError(f"Ensure this value is greater than or equal to {least}.")
        return number

    return check


def nullable(inner: Check) -> Check:
    """What the inner check allows, or null."""
    return lambda value: None if value is None else inner(value)


def choice(*words: str) -> Check:
    """One of these words."""

    def check(value: object) -> object:
        if value is None:
            raise WrongError("This field may not be null.")
        if value not in words:
            raise WrongError(f'"{value}" is not a valid choice.')
        return value

    return check


def moment(value: object) -> object:
    """A date and time; one without a zone is UTC."""
    try:
        read = datetime.fromisoformat(_as_text(value))
    except ValueError:
        raise WrongError(
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def boolean(value: object) -> object:
    """True or false, in any of the spellings that forms send."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    answer = words.get(str(_not_null(value)).lower())
    if answer is None:
        raise WrongError("Must be a valid boolean.")
    return answer


def _type(value: object) -> str:
    return type(value).__name__


def _not_null(value: object) -> object:
    if value is None:
        raise WrongError("This field may not be null.")
    return value


def _as_text(value: object) -> str:
    _not_null(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongError("Not a valid string.")
    words = str(value).strip()
    if "\x00" in words:
        raise WrongError("Null characters are not allowed.")
    return words


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongError("A valid integer is required.")
    if isinstance(value, str) and len(value) > 1000:  # noqa: PLR2004 - the framework's own bound
        raise WrongError("String value too large.")
    try:
        return int(re.sub(r"\.0*\s*$", "", str(value)))
    except ValueError:
        raise WrongError("A valid integer is required.") from None
