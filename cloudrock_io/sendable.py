"""What may be sent: what Cloudrock would refuse, crash on or misunderstand is stopped here. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudrock_io.errors import UnsendableToCloudrock
from cloudrock_io.fields import UUID, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 2**63 - 1
"""The server's integers have 64 bits; one more is an error 500 there."""

LONGEST_DESCRIPTION = 2000


def uuid(what: str, value: str) -> str:
    """The uuid, which becomes part of an address."""
    if not UUID.fullmatch(value):
        raise UnsendableToCloudrock(what, "32 hexadecimal digits in small letters", shown(value))
    return value


def text(what: str, value: str) -> str:
    """A string that says something."""
    if not value.strip():
        raise UnsendableToCloudrock(what, "a name", shown(value))
    return value


def description(what: str, value: str) -> str:
    """A text that fits: a longer one is an error 500 there."""
    if len(value) > LONGEST_DESCRIPTION:
        raise UnsendableToCloudrock(what, f"at most {LONGEST_DESCRIPTION} characters", f"{len(value)}")
    return value


def amount(what: str, value: int) -> int:
    """A whole number from 0 up to the server's largest. The type checker stops floats, this also `True`."""
    if type(value) is not int or not 0 <= value <= MOST:
        raise UnsendableToCloudrock(what, f"a whole number from 0 to {MOST}", shown(value))
    return value


def amounts(what: str, values: Mapping[str, int]) -> dict[str, int]:
    """Component type to amount."""
    return {component: amount(f"{what} of {component!r}", value) for component, value in values.items()}
