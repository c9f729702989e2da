"""A month's usage from SLURM's job records, a day at a time, with the settled days stored.

No Prefect here: what reads a window is handed in, so that the flow hands in a task.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from allocations.days import DAY, WindowUsage, corrections_of, days_of, is_good, month_of, whole_hour

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import date, datetime, timedelta

    from allocations.billing import BillingPeriod
    from allocations.days import Correction, Counted

SETTLING_DAYS = 3
"""A day's jobs are counted anew again and again for so many days, its own included."""


MOST_RECORDS = 120_000
"""Job records that one question should bring: sacct and we hold them all in memory (docs/benchmarks.md)."""
LONGEST = 7 * DAY
"""The longest time that one question is for, however few records there are."""


class Several(Protocol):
    """Reads consecutive windows, their bounds first to last, with one question."""

    def __call__(self, *bounds: datetime) -> Sequence[WindowUsage]:
        """Each window's usage."""
        ...


class DayStore(Protocol):
    """Keeps days that are over. It may forget: that costs time, never correctness."""

    def read(self, day: date) -> tuple[WindowUsage, datetime] | None:
        """The day and when it was read from SLURM, or None."""
        ...

    def write(self, usage: WindowUsage, read_at: datetime) -> None:
        """Keep a whole day."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was wrong with what it should have kept."""
        ...


def count_month(  # noqa: PLR0913 - each is one fact about the count
    read: Callable[[datetime, datetime], WindowUsage],
    store: DayStore | None,
    period: BillingPeriod,
    cutoff: datetime,
    *,
    read_several: Several | None = None,
    now: datetime | None = None,
    whole_until: datetime | None = None,
    refresh: bool | Collection[date] = False,
    settling_days: int = SETTLING_DAYS,
) -> Counted:
    """Every account's and user's usage of [period.start, cutoff).

    Args:
        read: what SLURM's records say about one window; in the flow, a task with retries.
        read_several: the same for consecutive windows with one question; by default it is asked for each.
        store: where days are kept; None: everything is read.
        period: the month.
        cutoff: up to when jobs count; not after the period's end.
        now: when SLURM is read; the cutoff by default (it is later when a past month is counted).
        whole_until: up to which whole hour slurmdbd's books shall be compared; the cutoff's by default.
        refresh: read every day anew, or these, and say which stored ones had changed.
        settling_days: a day is read again and again for so many days, its own included.

    Raises:
        SlurmError: as `read` does. Nothing is counted then: no day is ever guessed.
    """
    read_at = now or cutoff
    bound = min(whole_until or whole_hour(cutoff), cutoff)
    windows: dict[datetime, WindowUsage] = {}
    held: dict[datetime, WindowUsage] = {}
    missing: list[tuple[datetime, ...]] = []
    for start, end in days_of(period.start, cutoff):
        kept = store.read(start.date()) if store and end - start == DAY else None
        if kept:
            held[start] = kept[0]
        if start < bound < end:
            missing.append((start, bound, end))
        elif kept and not anew(start.date(), refresh) and is_good(start, kept[1], read_at, settling_days):
            windows[start] = kept[0]
        else:
            missing.append((start, end))
    stored = [start.date() for start in windows]
    corrections: list[Correction] = []
    allowance = lasting(len(held) * DAY, held.values()) if held else DAY
    for found in read_all(missing, read_several or one_by_one(read), allowance):
        windows[found.start] = found
        if found.start in held and found.end - found.start == DAY:
            corrections += corrections_of(held[found.start], found)
        if store and found.end - found.start == DAY:
            store.write(found, read_at)
    remarks = store.remarks if store else ()
    return month_of(
        period,
        cutoff,
        [windows[start] for start in sorted(windows)],
        whole_until=bound,
        stored=stored,
        corrections=corrections,
        remarks=remarks,
    )


def one_by_one(read: Callable[[datetime, datetime], WindowUsage]) -> Several:
    """Several windows with a question for each."""
    return lambda *bounds: [read(start, end) for start, end in pairwise(bounds)]


def lasting(time: timedelta, windows: Iterable[WindowUsage]) -> timedelta:
    """The time for which one question may be, when windows that make up some time have so many records."""
    records = sum(sum(window.records.values()) for window in windows)
    return max(DAY, min(LONGEST, time * MOST_RECORDS / max(1, records)))


def read_all(
    days: Sequence[tuple[datetime, ...]], read: Several, allowance: timedelta
) -> Iterator[WindowUsage]:
    """All windows of the days, as many days with one question as keep its answer small.

    The first question is for so much time; from then on it is known how many records a day has.
    """
    place = 0
    while place < len(days):
        bounds = [*days[place]]
        place += 1
        while place < len(days) and days[place][0] == bounds[-1] and days[place][-1] - bounds[0] <= allowance:
            bounds += days[place][1:]
            place += 1
        found = read(*bounds)
        yield from found
        allowance = lasting(bounds[-1] - bounds[0], found)


def anew(day: date, refresh: bool | Collection[date]) -> bool:  # noqa: FBT001 - as count_month takes it
    """Whether a stored day is read again all the same."""
    return refresh if isinstance(refresh, bool) else day in refresh
