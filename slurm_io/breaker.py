"""When slurmdbd is asked, how many at a time, and when it is left alone. Pure: `now` is an argument.

The words are the pattern's: a circuit breaker is closed while slurmdbd answers in time, open while it is left
alone, and half-open when its time is over: then one cheap probe decides. docs/decisions/0074.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from slurm_io.commands_books import show_clusters
from slurm_io.errors import shown

if TYPE_CHECKING:
    from slurm_io.commands import Command

QUERIES = frozenset({"sacct", "sacctmgr", "sreport"})
"""The programs that ask slurmdbd; squeue, scancel and scontrol ask slurmctld."""
PROBE: Command = show_clusters()
"""One row of one small table: slurmdbd and its database must answer, and need do nothing for it."""
LONG_QUERY = 3
"""So many times as long may a query of a time's records or sums take."""
LARGE_ANSWER = 1_000_000
"""Bytes of an answer for which it may take as long as a short query, beside that."""
PATIENCE = 3
"""For so many times SLURMDBD_SLOW_SECONDS slurmdbd may keep us waiting in a row."""
RECOVERY = 3
"""Good answers in a row after which a trouble is over and forgotten: a pull at rest asks so often."""
LONGEST_PAUSE = 15
"""The longest pause, in first ones: 2, 4, 8, 16, 30 minutes."""
LONGEST_REST = timedelta(seconds=60)
JITTER = 0.25
"""By how much of itself a pause is shortened at random: two headnodes shall not try at the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the site's settings say."""

    queries: int = 2
    """How many queries of ours slurmdbd has at a time, at most."""
    slow_seconds: float = 10.0
    """From when on an answer is slow: of a short query, and of each megabyte."""
    pause_seconds: float = 120.0
    """How long slurmdbd is left alone at first; 0: the breaker never opens."""

    @property
    def longest_pause(self) -> timedelta:
        """The longest time without a try."""
        return timedelta(seconds=self.pause_seconds * LONGEST_PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one query went."""

    asked: datetime
    seconds: float
    """Until the answer, or until it was given up."""
    command: Command
    size: int = 0
    """Bytes; 0 when it failed."""
    failed: bool = False

    @property
    def ended(self) -> datetime:
        """When that was."""
        return self.asked + timedelta(seconds=self.seconds)

    @property
    def lateness(self) -> float:
        """Seconds, as if it had been a short query with a small answer."""
        usual = LONG_QUERY if is_long(self.command) else 1
        return self.seconds / (usual + self.size / LARGE_ANSWER)

    def __str__(self) -> str:
        return f"`{shown(self.command)}` {'failed after' if self.failed else 'took'} {self.seconds:.1f} s"


class Position(Enum):
    """Whether slurmdbd may be asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """How slurmdbd has answered of late. `Breaker()` is all well."""

    since: datetime | None = None
    """When the first slow answer of this trouble was asked for."""
    waited_seconds: float = 0.0
    """For how long it has kept us waiting since the last good answer."""
    good: int = 0
    """Good answers in a row since the last slow one."""
    openings: int = 0
    """How often the breaker has opened in this trouble."""
    opened: datetime | None = None
    """When it opened, and until when it stays so; None: it is closed."""
    until: datetime | None = None
    rest_until: datetime | None = None
    """Before that nothing is asked, for slurmdbd has worked for so long on the last slow answer."""
    reason: str = ""
    """The last slow answer, in words."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is remembered against slurmdbd."""
        return self.since is None

    def position(self, now: datetime, protection: Protection) -> Position:
        """Whether it may be asked. An end further away than any pause comes from a clock that was wrong."""
        if self.until is None:
            return Position.CLOSED
        if now < self.until <= now + protection.longest_pause:
            return Position.OPEN
        return Position.HALF_OPEN

    def rest(self, now: datetime) -> timedelta:
        """How long to wait before the next query; never longer than LONGEST_REST."""
        if self.rest_until is None:
            return timedelta()
        return min(max(self.rest_until - now, timedelta()), LONGEST_REST)

    def __str__(self) -> str:
        since = f"slurmdbd has been slow since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        if not since:
            return "slurmdbd answers in time"
        last = f"{since} (the last slow answer: {self.reason})"
        if self.until is None:
            return last
        return f"{last}: it is left alone, and the next try is at {self.until:%H:%M:%S} UTC"


def after(breaker: Breaker, answer: Answer, protection: Protection, jitter: float = 0.0) -> Breaker:
    """The breaker after an answer; `jitter` is a random number from 0 to 1.

    An answer to what was asked before the breaker opened is no news. A failure that came in time says nothing
    of slowness: slurmdbd is not there, or refused. It closes a half-open breaker all the same, for being
    turned away costs slurmdbd nothing, and its words say better what is wrong.
    """
    if breaker.opened and answer.asked < breaker.opened:
        return breaker
    if answer.lateness >= protection.slow_seconds:
        return _after_slow(breaker, answer, protection, jitter)
    if answer.failed:
        return replace(breaker, opened=None, until=None)
    good = breaker.good + 1
    if breaker.is_well or good >= RECOVERY:
        return Breaker()
    return replace(breaker, good=good, waited_seconds=0.0, opened=None, until=None, rest_until=None)


def _after_slow(breaker: Breaker, answer: Answer, protection: Protection, jitter: float) -> Breaker:
    waited = breaker.waited_seconds + answer.lateness
    rest = min(timedelta(seconds=answer.seconds), LONGEST_REST)
    slow = replace(
        breaker,
        since=breaker.since or answer.asked,
        waited_seconds=waited,
        good=0,
        rest_until=answer.ended + rest,
        reason=str(answer),
    )
    half_open = breaker.until is not None
    if not protection.pause_seconds or (waited < PATIENCE * protection.slow_seconds and not half_open):
        return slow
    pause = timedelta(seconds=protection.pause_seconds) * 2 ** min(breaker.openings, 30)
    return replace(
        slow,
        waited_seconds=0.0,
        openings=breaker.openings + 1,
        opened=answer.ended,
        until=answer.ended + min(pause, protection.longest_pause) * (1 - JITTER * jitter),
        rest_until=None,
    )


def is_query(command: Command) -> bool:
    """Whether it asks slurmdbd."""
    return command[0].rpartition("/")[2] in QUERIES


def is_long(command: Command) -> bool:
    """Whether it reads job records or sums of a time, which may take minutes."""
    return command[0] == "sreport" or (command[0] == "sacct" and "-S" in command)


def places_for(command: Command, breaker: Breaker, protection: Protection) -> range:
    """The places of the budget that a query may take.

    Long ones leave the first to short ones: a pull waits for no month that is counted. While slurmdbd is in
    trouble, all have that one.
    """
    if protection.queries == 1 or not breaker.is_well:
        return range(1)
    return range(1 if is_long(command) else 0, protection.queries)
