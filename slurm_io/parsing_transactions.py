"""Pure parser of `sacctmgr show transactions`: who changed which association, account or user, and when.

The columns are of different kinds. `Where` is SQL, whose `||` looks like two separators; `Info` comes last
because it repeats descriptions, which may have separators and even line ends in them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allocations.history import ADD_ASSOCIATIONS, Transaction
from slurm_io.commands import ASSOCIATION_ID_FIELDS
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allocations.accounts import ClusterName

    Pair = tuple[str, str]

WHAT = "sacctmgr show transactions"
HEAD = re.compile(r"([0-9]{1,11})\|([A-Z][A-Za-z ]+)\|([^|]+)\|([^|]*)\|", re.ASCII)
"""Time, action, actor, cluster: how a transaction begins, and as no line of a description is likely to."""
WHERE = re.compile(r"((?:[^|]|(?<= )\|\|(?= ))*)\|", re.ASCII)
"""Up to the first separator that is not SQL's ` || `."""
ASSOCIATION_ID = re.compile(r"\bid_assoc=([0-9]+)", re.ASCII)
NAME = re.compile(r"\bname='([^']*)'")
SETTING = re.compile(r"(?:^|, )`?([a-z_]+)`? ?= ?(?:'([^']*)'|([^', ]*))", re.ASCII)
"""`acct='a'`, `is_def=1`, `grp_tres_mins = if (id_assoc=6, '1=60', grp_tres_mins)`."""
EVERYWHERE = ""
"""The cluster of what was done to an account's or a user's record."""
DEPENDS = "if"
"""How a value begins that differs from association to association."""


def parse_association_ids(text: str) -> dict[int, Pair]:
    """Id to account and user of every association, the account's own ones with an empty user."""
    what = "sacctmgr show assoc"
    pairs: dict[int, Pair] = {}
    for number, account, user in lines_of(text, ASSOCIATION_ID_FIELDS, what):
        if not re.fullmatch(r"[0-9]{1,10}", number, re.ASCII) or not account:
            raise UnexpectedSlurmOutput(
                what, f"{number}|{account}|{user}", "an id and an account in every row"
            )
        pairs[int(number)] = (account, user)
    return pairs


def parse_transactions(text: str, ids: Mapping[int, Pair], ours: ClusterName) -> tuple[Transaction, ...]:
    """The transactions, oldest first, with times as epochs (SLURM_TIME_FORMAT=%s), without other clusters'.

    Associations are named by id: those that are gone for good are known only if the text has their making.
    Each cluster counts its own from 1.
    """
    rows = [row for row in map(fields_of, records_of(text)) if row[3] in (EVERYWHERE, ours)]
    made = {
        number: pair_of(settings)
        for _, action, _, _, where, settings in rows
        if action == ADD_ASSOCIATIONS
        for number in ids_of(where)
    }
    known = {**made, **ids}
    return tuple(
        Transaction(
            when=datetime.fromtimestamp(int(time), UTC),
            action=action,
            actor=actor,
            names=names_of(where),
            pairs=frozenset(known[number] for number in ids_of(where) if number in known),
            settings=settings,
        )
        for time, action, actor, _, where, settings in rows
    )


def records_of(text: str) -> Iterator[str]:
    """Each transaction's text; a line that does not begin one goes on with the one before."""
    if text and not text.endswith("\n"):
        raise UnexpectedSlurmOutput(WHAT, text.rpartition("\n")[2], "a complete last line")
    record = ""
    for line in text.split("\n")[:-1]:
        if HEAD.match(line):
            if record:
                yield record
            record = line
        elif record:
            record += f"\n{line}"
        else:
            raise UnexpectedSlurmOutput(WHAT, line, "time, action, actor, cluster, where and info")
    if record:
        yield record


def fields_of(record: str) -> tuple[str, str, str, str, str, dict[str, str]]:
    """Time, action, actor, cluster, where, and what was set."""
    head = HEAD.match(record)
    where = WHERE.match(record, head.end()) if head else None
    if head is None or where is None:
        raise UnexpectedSlurmOutput(WHAT, record, "time, action, actor, cluster, where and info")
    return head[1], head[2], head[3], head[4], where[1], settings_of(record[where.end() :])


def settings_of(info: str) -> dict[str, str]:
    """What a transaction set; empty where the value depends on the association."""
    found = {name: quoted or plain for name, quoted, plain in SETTING.findall(info)}
    return {name: "" if value == DEPENDS else value for name, value in found.items()}


def pair_of(settings: Mapping[str, str]) -> Pair:
    """Account and user of an association that was made."""
    return settings.get("acct", ""), settings.get("user", "")


def ids_of(where: str) -> list[int]:
    """The associations that a condition names."""
    return [int(number) for number in ASSOCIATION_ID.findall(where)]


def names_of(where: str) -> frozenset[str]:
    """The accounts or users that it names; what was added stands there alone."""
    return frozenset(NAME.findall(where)) if "=" in where else frozenset({where})
