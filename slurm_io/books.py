"""Pure parsers of slurmdbd's own sums, and of what is in them besides jobs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allocations.reconcile import Books, Reservation
from slurm_io.commands_books import (
    BOOK_FIELDS,
    CLUSTER_BOOK_FIELDS,
    CLUSTER_FIELDS,
    RESERVATION_FIELDS,
)
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of, parse_pair

if TYPE_CHECKING:
    from collections.abc import Mapping

SREPORT = "sreport"
WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
MANY_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)


def parse_clusters(text: str) -> tuple[str, ...]:
    """The clusters that slurmdbd knows, at least one."""
    names = tuple(name for (name,) in lines_of(text, CLUSTER_FIELDS, "sacctmgr show cluster"))
    if not names or "" in names:
        raise UnexpectedSlurmOutput("sacctmgr show cluster", text, "at least one cluster, with a name")
    return names


def parse_books(text: str, start: datetime, until: datetime) -> Books:
    """What slurmdbd has summed up, by account and by user; no rows: nothing was used, or is summed up."""
    with_below: dict[str, dict[str, int]] = {}
    of_users: dict[str, dict[str, int]] = {}
    for line in lines_of(text, BOOK_FIELDS, SREPORT):
        _, account, user, tres, used = line
        if not account or not tres or not WHOLE.fullmatch(used):
            raise UnexpectedSlurmOutput(SREPORT, "|".join(line), "an account, a TRES and whole seconds")
        row = (of_users if user else with_below).setdefault(account, {})
        if tres in row and not user:
            raise UnexpectedSlurmOutput(SREPORT, "|".join(line), "each account and TRES once")
        row[tres] = row.get(tres, 0) + int(used)
    return Books(start, until, with_below, of_users)


def has_rollup(text: str) -> bool:
    """Whether slurmdbd has summed up the hours that it was asked for."""
    rows = list(lines_of(text, CLUSTER_BOOK_FIELDS, SREPORT))
    for row in rows:
        if not WHOLE.fullmatch(row[-1]):
            raise UnexpectedSlurmOutput(SREPORT, "|".join(row), "whole seconds")
    return bool(rows)


def parse_reservations(text: str, ids: Mapping[int, tuple[str, str]]) -> tuple[Reservation, ...]:
    """Reservations; `ids` says which account and user an association's number belongs to."""
    what = "sacctmgr show reservation"
    found = []
    for line in lines_of(text, RESERVATION_FIELDS, what):
        _, name, associations, start, end, tres, unused = line
        if not WHOLE.fullmatch(start) or not WHOLE.fullmatch(end) or not MANY_SECONDS.fullmatch(unused):
            raise UnexpectedSlurmOutput(what, "|".join(line), "two epochs and unused seconds")
        numbers = [int(number) for number in associations.split(",") if number.isdecimal()]
        allowed = frozenset(ids[number][0] for number in numbers if number in ids)
        counts = dict(parse_pair(pair, what) for pair in tres.split(",") if pair)
        found.append(
            Reservation(
                name,
                datetime.fromtimestamp(int(start), UTC),
                datetime.fromtimestamp(int(end), UTC),
                allowed,
                {kind: count for kind, count in counts.items() if count is not None},
                float(unused),
            )
        )
    return tuple(found)
