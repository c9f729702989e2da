"""What we counted beside slurmdbd's own books: agreement, a residue that has a name, or a mismatch.

The books are slurmdbd's hourly rollup. They hold whole hours only, and they hold things that are in no job's
record: the idle time of reservations, spread over the accounts that may use them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from allocations.accounts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from allocations.days import Correction
    from allocations.model import ClusterState

    Seconds = Mapping[str, Mapping[str, int]]
    """Account to TRES to TRES-seconds."""


class Reconcile(Enum):
    """What a mismatch does."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


class Verdict(Enum):
    """How our count of one account and TRES stands to slurmdbd's books."""

    AGREES = "agrees"
    EXPLAINED = "explained"
    """They differ, and by no more than what has a name."""
    UNVERIFIED = "cannot verify"
    """The books say nothing about it: that is not agreement."""
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Books:
    """slurmdbd's own sums of the whole hours [start, until).

    `with_below`: account to TRES-seconds, those of all accounts below it included; an account that is not
    there used nothing. `of_users`: account to TRES-seconds of its own users as sreport lists them.
    """

    start: datetime
    until: datetime
    with_below: Seconds
    of_users: Seconds

    def own(self, account: str, tres: str, below: Iterable[str]) -> int:
        """What the account used without those directly below it; with the users that sreport leaves out."""
        used = self.with_below.get(account, {}).get(tres, 0)
        return used - sum(self.with_below.get(child, {}).get(tres, 0) for child in below)


def add_books(start: datetime, until: datetime, parts: Collection[Books]) -> Books:
    """The books of a time that consecutive parts make up."""
    return Books(
        start, until, _added(part.with_below for part in parts), _added(part.of_users for part in parts)
    )


def _added(parts: Iterable[Seconds]) -> Seconds:
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for account, row in part.items():
            total.setdefault(account, Counter()).update(row)
    return total


@dataclass(frozen=True, slots=True)
class Reservation:
    """A stretch of time in which only some accounts may use a part of the cluster."""

    name: str
    start: datetime
    end: datetime
    accounts: frozenset[str]
    tres: Mapping[str, int]
    unused_seconds: float
    """For how long of its time it was idle, as slurmdbd's rollup has it."""

    def idle(self, tres: str, start: datetime, until: datetime) -> int:
        """The most idle TRES-seconds that the rollup can have booked to one account within that time."""
        overlap = (min(self.end, until) - max(self.start, start)).total_seconds()
        return math.ceil(max(0.0, min(overlap, self.unused_seconds))) * self.tres.get(tres, 0)


@dataclass(frozen=True, slots=True, order=True)
class Compared:
    """One account and TRES: ours beside the books."""

    account: str
    tres: str
    ours: int
    books: int | None
    verdict: Verdict = field(compare=False)
    words: str = ""
    """Why, where it is no plain agreement."""

    def __str__(self) -> str:
        books = "nothing" if self.books is None else self.books
        text = f"{self.account} {self.tres}: {self.ours} TRES-seconds, slurmdbd's books {books}"
        return f"{text}: {self.verdict.value}{f' ({self.words})' if self.words else ''}"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Every account and TRES compared, up to one whole hour."""

    until: datetime
    lines: tuple[Compared, ...]

    def with_verdict(self, verdict: Verdict) -> tuple[Compared, ...]:
        """The lines that came out so."""
        return tuple(line for line in self.lines if line.verdict is verdict)

    def held_back(self, mode: Reconcile) -> frozenset[str]:
        """The accounts whose usage must not be sent."""
        if mode is not Reconcile.BLOCK:
            return frozenset()
        return frozenset(line.account for line in self.with_verdict(Verdict.MISMATCH))

    @property
    def accounts_verified(self) -> frozenset[str]:
        """The accounts of which every TRES agrees or is explained."""
        good = (Verdict.AGREES, Verdict.EXPLAINED)
        every = {line.account for line in self.lines}
        return frozenset(every - {line.account for line in self.lines if line.verdict not in good})


NO_BOOKS = "slurmdbd has not summed up the hours before: DisableRollups, or its rollup is behind"
NOT_IN_BOOKS = "job records without an association are in no account's books"
MORE_IN_BOOKS = (
    "the books hold more than the job records show: records that this caller may not see (PrivateData and an "
    "AdminLevel below Operator), or that were purged (PurgeJobAfter)"
)
LESS_IN_BOOKS = "the books hold less than the job records show: records that came late, until the next rollup"


def children_of(observed: ClusterState) -> dict[str, list[str]]:
    """Account to the accounts directly below it."""
    below: dict[str, list[str]] = {}
    for account in observed.accounts.values():
        if account.parent:
            below.setdefault(account.parent, []).append(account.name)
    return below


def reconcile(
    ours: Seconds,
    books: Books | None,
    tres: Collection[str],
    *,
    below: Mapping[str, Collection[str]],
    reservations: Collection[Reservation] = (),
    until: datetime,
) -> Reconciliation:
    """Compare every account that either side knows, TRES by TRES.

    Args:
        ours: what was counted up to `until`, account by account, sub-accounts not included.
        books: slurmdbd's own; None when it has not summed up lately (DisableRollups, or it is far behind).
        tres: what to compare: the components that are sold.
        below: account to the accounts directly below it.
        reservations: those that overlap the time.
        until: the whole hour up to which both sides count.
    """
    accounts = sorted({*ours, *(books.with_below if books else ())})
    lines = []
    for account in accounts:
        for name in tres:
            counted = ours.get(account, {}).get(name, 0)
            lines.append(compare(account, name, counted, books, below.get(account, ()), reservations))
    return Reconciliation(until, tuple(lines))


def compare(
    account: str,
    tres: str,
    ours: int,
    books: Books | None,
    below: Collection[str],
    reservations: Collection[Reservation],
) -> Compared:
    """One account and TRES."""
    if account == UNKNOWN:
        verdict = Verdict.EXPLAINED if ours else Verdict.AGREES
        return Compared(account, tres, ours, None, verdict, NOT_IN_BOOKS if ours else "")
    if books is None:
        return Compared(account, tres, ours, None, Verdict.UNVERIFIED, NO_BOOKS)
    held = books.own(account, tres, below)
    if held == ours:
        return Compared(account, tres, ours, held, Verdict.AGREES)
    idle = {r.name: r.idle(tres, books.start, books.until) for r in reservations if account in r.accounts}
    if 0 < held - ours <= sum(idle.values()):
        named = ", ".join(sorted(name for name, seconds in idle.items() if seconds))
        words = f"idle time of the reservation {named}"
        return Compared(account, tres, ours, held, Verdict.EXPLAINED, words)
    return Compared(
        account, tres, ours, held, Verdict.MISMATCH, MORE_IN_BOOKS if held > ours else LESS_IN_BOOKS
    )


@dataclass(frozen=True, slots=True, order=True)
class Fall:
    """An account whose usage of the month is much less than it was: held back until somebody has looked."""

    account: str
    tres: str
    before: int
    after: int
    words: str

    def __str__(self) -> str:
        return (
            f"{self.account} {self.tres}: fell from {self.before} to {self.after} TRES-seconds: {self.words}"
        )


def unexplained_falls(
    before: Seconds,
    after: Seconds,
    records: Mapping[str, int],
    corrections: Iterable[Correction] = (),
) -> list[Fall]:
    """The accounts whose usage of one month fell to zero, or by more than half, without an explanation.

    A month's usage only grows, but for corrections: a runaway job that was ended makes it fall, and its
    record stays. So a fall is explained when days that were read again account for all of it, and the account
    still has job records. One that has none left is what a caller sees who may no longer see them.

    Args:
        before: what was known of the month so far: the last count, or what the marketplace holds.
        after: what is counted now.
        records: account to how many job records it has in what is counted now.
        corrections: what has changed in stored days that were read again.
    """
    corrected: dict[tuple[str, str], int] = defaultdict(int)
    for change in corrections:
        corrected[change.account, change.tres] += max(0, change.before - change.after)
    falls = []
    for account, held in before.items():
        for tres, earlier in held.items():
            now = after.get(account, {}).get(tres, 0)
            fell = earlier - now
            if fell <= 0 or (now and 2 * now >= earlier):
                continue
            if not records.get(account):
                falls.append(Fall(account, tres, earlier, now, "no job record of it is left to be seen"))
            elif corrected[account, tres] < fell:
                words = f"corrected records explain {corrected[account, tres]} of it"
                falls.append(Fall(account, tres, earlier, now, words))
    return falls
