"""Pure parsers of what SLURM prints with -P: strict, because a misread line is money or a lock-out."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from allocations.limits import MEMORY
from slurm_io.errors import UnexpectedSlurmOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = 1024
SUFFIXES = {suffix: power for power, suffix in enumerate("KMGTP?", start=1)}
"""Powers of 1024; `?` is what SLURM prints for exa, whose letter it does not know."""
NUMBER = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,3})?)([KMGTP?]?)", re.ASCII)
MEGA = 2
"""mem is counted in MB, two steps of 1024 above bytes: a bare number is MB."""
EXACT = Context(prec=60)
"""Room for every digit of 20 digits times 1024**6."""
LARGEST_COUNT = 2**53
NO_VALUE = frozenset({2**64 - 2, 2**64 - 1})
"""SLURM's NO_VAL64 and INFINITE64: printed as numbers, they say that there is none."""


def lines_of(text: str, fields: tuple[str, ...], what: str) -> Iterator[list[str]]:
    """The fields of each line; a line that was cut short or has too many fields is an error.

    Lines end with a newline and nothing else: str.splitlines() would also break at U+2028 and the like.
    """
    if text and not text.endswith("\n"):
        last = text.rpartition("\n")[2]
        raise UnexpectedSlurmOutput(what, last, "a complete last line")
    for line in text.split("\n")[:-1]:
        values = line.split("|")
        if len(values) != len(fields):
            raise UnexpectedSlurmOutput(what, line, f"{len(fields)} fields ({', '.join(fields)})")
        yield values


def parse_pair(pair: str, what: str) -> tuple[str, int | None]:
    """`mem=8G` as the TRES and its exact count, memory in MB; None where SLURM says that it has none."""
    tres, equals, value = pair.partition("=")
    if not tres or not equals:
        raise UnexpectedSlurmOutput(what, pair, "TRES as name=count")
    count = parse_count(tres, value, what)
    if count in NO_VALUE:
        return tres, None
    if count != int(count) or count > LARGEST_COUNT:
        raise UnexpectedSlurmOutput(what, pair, "a whole count (of MB for mem)")
    return tres, int(count)


def tres_pairs(text: str, what: str) -> dict[str, str]:
    """TRES to its number as text."""
    pairs: dict[str, str] = {}
    for pair in text.split(",") if text else ():
        tres, equals, value = pair.partition("=")
        if not tres or not equals or tres in pairs:
            raise UnexpectedSlurmOutput(what, text, "TRES as name=count, each once")
        pairs[tres] = value
    return pairs


def parse_count(tres: str, value: str, what: str) -> Decimal:
    """One number: decimals and the suffixes K to P, in steps of 1024; memory comes out in MB."""
    match = NUMBER.fullmatch(value)
    if not match:
        raise UnexpectedSlurmOutput(what, f"{tres}={value}", "a count, perhaps with a suffix K, M, G, T or P")
    power = SUFFIXES.get(match[2], 0)
    if tres == MEMORY:
        power = power - MEGA if match[2] else 0
    return EXACT.multiply(Decimal(match[1]), EXACT.power(Decimal(STEP), power))
