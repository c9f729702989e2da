"""Accounts with their users, written straight into slurmdbd's database: thirty thousand in seconds.

sacctmgr moves the whole tree's numbers for every association that it adds, which takes an hour for as many.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.slurm.errors import SandboxError
from sandbox.slurm.history import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    Sql = Callable[[str], list[list[str]]]

ROOT = "root"
LOAD = {
    "sandbox_assoc_table": "id_assoc, acct, user, parent_acct, lft, rgt, is_def, grp_tres_mins",
    "acct_table": "name, description, organization",
    "user_table": "name",
}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account below another one, with the users who may run under it, and TRES minutes that bind."""

    name: str
    parent: str
    users: Sequence[str] = ()
    grp_tres_mins: Mapping[str, int] = field(default_factory=dict)
    organization: str = ""
    is_default: bool = False
    """Whether it is its users' default account; it may be one that is there already."""


@dataclass(slots=True)
class _Row:
    """One association: an account's own has no user."""

    number: int
    account: str
    user: str
    parent: str
    is_default: bool = False
    minutes: str = ""
    left: int = 0
    right: int = 0


def insert(accounts: Iterable[NewAccount], sql: Sql, folder: Path) -> int:
    """Write them all; how many associations there are now. slurmdbd and slurmctld must start anew after it.

    Raises:
        SandboxError: a name that SLURM would not take, an unknown TRES, or a parent that is not there.
    """
    wanted = list(accounts)
    tres = {f"{kind}/{name}" if name else kind: number for number, kind, name in sql(TRES)}
    old = [_Row(int(number), acct, user, parent) for number, acct, user, parent in sql(ASSOCIATIONS)]
    there = {row.account for row in old}
    new = list(_rows(wanted, there, tres, int(sql(LAST)[0][0]) + 1))
    _number([*old, *new])
    made = [account for account in wanted if account.name not in there]
    people = {user for account in wanted for user in account.users} - {row.user for row in old}
    for row in old:
        sql(MOVE.format(row=row))
    _load("sandbox_assoc_table", (_association(row) for row in new), sql, folder)
    _load("acct_table", ((one.name, one.name, one.organization) for one in made), sql, folder)
    _load("user_table", ((user,) for user in sorted(people)), sql, folder)
    return len(old) + len(new)


TRES = "SELECT id, type, name FROM tres_table WHERE deleted = 0"
LAST = "SELECT MAX(id_assoc) FROM sandbox_assoc_table"
"""Deleted ones stay in the table."""
MOVE = "UPDATE sandbox_assoc_table SET lft = {row.left}, rgt = {row.right} WHERE id_assoc = {row.number}"
ASSOCIATIONS = (
    "SELECT id_assoc, acct, user, parent_acct FROM sandbox_assoc_table WHERE deleted = 0 ORDER BY id_assoc"
)


def _rows(
    accounts: Iterable[NewAccount], there: set[str], tres: Mapping[str, str], number: int
) -> Iterator[_Row]:
    """The associations of new accounts, and of new users of accounts that are there."""
    for account in accounts:
        wrong = [name for name in (account.name, account.parent, *account.users) if not NAME.fullmatch(name)]
        unknown = sorted(set(account.grp_tres_mins) - set(tres))
        if wrong or unknown:
            raise SandboxError(f"account {account.name!r}: SLURM takes no {(wrong or unknown)[0]!r}")
        if account.name not in there:
            minutes = ",".join(f"{tres[name]}={amount}" for name, amount in account.grp_tres_mins.items())
            yield _Row(number, account.name, "", account.parent, minutes=minutes)
            number += 1
        for user in account.users:
            yield _Row(number, account.name, user, "", is_default=account.is_default)
            number += 1


def _number(rows: Iterable[_Row]) -> None:
    """Each association's place in the tree: what is below it lies between its two numbers."""
    own: dict[str, _Row] = {}
    below: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if not row.user:
            own[row.account] = row
        if row.account != ROOT or row.user:
            below[row.account if row.user else row.parent].append(row)
    if missing := sorted(set(below) - set(own)):
        raise SandboxError(f"the account {missing[0]!r} is not there: it cannot have accounts or users")
    place = 1
    open_and_close: list[tuple[_Row, bool]] = [(own[ROOT], False)]
    while open_and_close:
        row, is_closing = open_and_close.pop()
        if is_closing:
            row.right = place
        else:
            row.left = place
            children = [] if row.user else below[row.account]
            open_and_close += [(row, True), *((child, False) for child in reversed(children))]
        place += 1


def _association(row: _Row) -> tuple[object, ...]:
    place = (row.left, row.right, int(row.is_default), row.minutes)
    return (row.number, row.account, row.user, row.parent, *place)


def _load(table: str, rows: Iterable[tuple[object, ...]], sql: Sql, folder: Path) -> None:
    """Rows into a table by way of a file."""
    path = folder / f"{table}.tsv"
    now = int(time.time())
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines("\t".join(map(str, row)) + "\n" for row in rows)
        sql(
            f"LOAD DATA INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 ({LOAD[table]}) "
            f"SET creation_time = {now}, mod_time = {now}"
        )
    finally:
        path.unlink(missing_ok=True)
