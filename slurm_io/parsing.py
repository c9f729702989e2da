"""Pure parsers of what SLURM prints with -P: strict, because a misread line is money or a lock-out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

from allocations.accounts import AccountName, UserName
from allocations.model import Account, Association, ClusterState
from allocations.usage import UNKNOWN, Jobs, total_of
from slurm_io.commands import ASSOCIATION_FIELDS, JOB_FIELDS
from slurm_io.errors import UnexpectedSlurmOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTES_PER_STEP = 1024
SUFFIXES = {suffix: power for power, suffix in enumerate("KMGTP", start=1)}
NUMBER = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)", re.ASCII)
MEMORY = "mem"
MEGA = 2
"""mem is counted in MB, two steps of 1024 above bytes: a bare number is MB."""


def lines_of(text: str, fields: tuple[str, ...], what: str) -> Iterator[list[str]]:
    """The fields of each line; a line that was cut short or has too many fields is an error."""
    if text and not text.endswith("\n"):
        last = text.rpartition("\n")[2]
        raise UnexpectedSlurmOutput(what, last, "a complete last line")
    for line in text.splitlines():
        values = line.split("|")
        if len(values) != len(fields):
            raise UnexpectedSlurmOutput(what, line, f"{len(fields)} fields ({', '.join(fields)})")
        yield values


def parse_associations(text: str) -> ClusterState:
    """The cluster as `sacctmgr show assoc` describes it.

    A user may have several rows for one account (one per partition): they are one association here.
    """
    what = "sacctmgr show assoc"
    accounts: dict[AccountName, Account] = {}
    associations: set[Association] = set()
    clusters: set[str] = set()
    for line in lines_of(text, ASSOCIATION_FIELDS, what):
        cluster, name, user, parent, limits = line
        clusters.add(cluster)
        if not cluster or not name:
            raise UnexpectedSlurmOutput(what, "|".join(line), "a cluster and an account in every row")
        if user:
            associations.add(Association(AccountName(name), UserName(user)))
        else:
            minutes = parse_tres(limits, what)
            accounts[AccountName(name)] = Account(
                AccountName(name), AccountName(parent) if parent else None, minutes
            )
    if "root" not in accounts:
        raise UnexpectedSlurmOutput(
            what, text.partition("\n")[0], "the account root among the rows (is the cluster registered?)"
        )
    if len(clusters) > 1:
        raise UnexpectedSlurmOutput(what, ", ".join(sorted(clusters)), "the associations of one cluster")
    return ClusterState(accounts, frozenset(associations))


def parse_tres(text: str, what: str) -> dict[str, int]:
    """`cpu=4,mem=8G,gres/gpu:a100=2` as counts, memory in MB. Empty text is no TRES at all."""
    counts: dict[str, int] = {}
    for pair in text.split(",") if text else ():
        tres, equals, value = pair.partition("=")
        if not tres or not equals or tres in counts:
            raise UnexpectedSlurmOutput(what, text, "TRES as name=count, each once")
        counts[tres] = parse_count(tres, value, what)
    return counts


def parse_count(tres: str, value: str, what: str) -> int:
    """One count: decimals and the suffixes K to P, in steps of 1024; memory comes out in whole MB."""
    match = NUMBER.fullmatch(value)
    if not match:
        raise UnexpectedSlurmOutput(what, f"{tres}={value}", "a count, perhaps with a suffix K, M, G, T or P")
    power = SUFFIXES.get(match[2], 0)
    if tres == MEMORY:
        power = power - MEGA if match[2] else 0
    exact = Decimal(match[1]) * Decimal(BYTES_PER_STEP) ** power
    return int(exact.to_integral_value())


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
    spans = (end - start) * ran
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
    """A column of non-negative integers."""
    bad = ~column.str.fullmatch(r"[0-9]+").astype(bool)
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
    table = pd.DataFrame(decoded, index=range(len(decoded))).fillna(0).astype("int64")
    return table.take(codes).reset_index(drop=True)
