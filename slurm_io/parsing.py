"""Pure parsers of what SLURM prints with -P: strict, because a misread line is money or a lock-out."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import pandas as pd

from allocations.limits import MEMORY
from allocations.usage import UNKNOWN, Jobs, total_of
from slurm_io.commands import JOB_FIELDS
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


def parse_tres(text: str, what: str) -> dict[str, int]:
    """`cpu=4,mem=8G,gres/gpu:a100=2` as exact counts, memory in MB. Empty text is no TRES at all."""
    counts = {}
    for tres, value in tres_pairs(text, what).items():
        count = parse_count(tres, value, what)
        if count in NO_VALUE:
            continue
        if count != int(count) or count > LARGEST_COUNT:
            raise UnexpectedSlurmOutput(what, f"{tres}={value}", "a whole count (of MB for mem)")
        counts[tres] = int(count)
    return counts


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


def parse_jobs(text: str) -> Jobs:
    """Job records as `sacct` prints them, with epochs (SLURM_TIME_FORMAT=%s) and exact memory (--noconvert).

    A record that never started has no start, or one without a length: it counts zero.
    """
    what = "sacct"
    rows = list(lines_of(text, JOB_FIELDS, what))
    frame = pd.DataFrame(rows, columns=list(JOB_FIELDS), dtype="object")
    elapsed = whole_seconds(frame["elapsedraw"], "ElapsedRaw")
    start, started = epochs(frame["start"], "Start")
    end, ended = epochs(frame["end"], "End")
    ran = (started & ended).astype("int64")
    # a job that still runs is clipped to a window after now as if it began there: it used nothing of it
    spans = ((end - start) * ran).where((end >= start) | (elapsed > 0), 0)
    if (spans < 0).any():
        raise UnexpectedSlurmOutput(
            what, "|".join(rows[int(spans.argmin())]), "an end that is not before the start"
        )
    records = pd.DataFrame(
        {
            "account": frame["account"].replace("", UNKNOWN),
            "user": frame["user"].replace("", UNKNOWN),
            "state": frame["state"],
            "elapsed_seconds": elapsed,
            "span_seconds": spans,
        }
    )
    return Jobs(records, allocated(frame["alloctres"], what))


def whole_seconds(column: pd.Series[str], name: str) -> pd.Series[int]:
    """A column of non-negative integers, none of them beyond the year 5138."""
    bad = ~column.str.fullmatch(r"[0-9]{1,11}").astype(bool)
    if bad.any():
        raise UnexpectedSlurmOutput("sacct", str(column[bad].iloc[0]), f"{name} in whole seconds")
    return column.astype("int64")


NO_TIME = frozenset({"Unknown", "None", "", "N/A"})


def epochs(column: pd.Series[str], name: str) -> tuple[pd.Series[int], pd.Series[bool]]:
    """A column of epochs, and where there is one; 0 where SLURM says that there is none."""
    known = ~column.isin(list(NO_TIME))
    return whole_seconds(column.where(known, "0"), name), known


def allocated(column: pd.Series[str], what: str) -> pd.DataFrame:
    """One int64 column per TRES; each distinct text is parsed once."""
    codes, texts = pd.factorize(column)
    decoded = [total_of(parse_tres(str(text), what)) for text in texts]
    names = dict.fromkeys(tres for counts in decoded for tres in counts)
    columns = {tres: [counts.get(tres, 0) for counts in decoded] for tres in names}
    table = pd.DataFrame(columns, index=range(len(decoded)), dtype="int64")
    return table.take(codes).reset_index(drop=True)
