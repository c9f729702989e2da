"""A month's usage from SLURM's job records, a day at a time, with the settled days stored.

No Prefect here: what reads a window is handed in, so that the flow hands in a task.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

from allocations.days import WindowUsage, corrections_of, is_good, month_of, together
from allocations.hours import DAY, days_of, whole_hour
from flows.protected import is_slow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import date, datetime, timedelta

    from allocations.billing import BillingPeriod
    from allocations.days import Correction, Counted
    from slurm_io.runner import Runner

SETTLING_DAYS = 3
"""A day's jobs are counted anew again and again for so many days, its own included."""


MOST_RECORDS = 120_000
"""Job records that one question should bring: sacct and we hold them all in memory (docs/benchmarks.md)."""
LONGEST = 7 * DAY
"""The longest time that one question is for, however few records there are."""


Noticed: TypeAlias = "Callable[[Sequence[Correction]], None]"


class Several(Protocol):
    """Reads consecutive windows, their bounds first to last, with one question."""

    def __call__(self, *bounds: datetime) -> Sequence[WindowUsage]:
        """Each window's usage."""
        ...


class DayStore(Protocol):
    """Keeps the last reading of each day. It may forget: that costs time, never correctness."""

    def read(self, day: date) -> tuple[WindowUsage, datetime] | None:
        """The day, as far as it was read, and when it was read from SLURM; or None."""
        ...

    def write(self, usage: WindowUsage, read_at: datetime) -> None:
        """Keep a day, or so much of it as is over."""
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
    noticed: Noticed | None = None,
    kept_since: datetime | None = None,
    longest: Callable[[], timedelta] = lambda: LONGEST,
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
        noticed: told what has changed since a day was last read, before that reading is replaced: it
            cannot be noticed a second time.
        kept_since: from when on slurmdbd still has all job records (PurgeJobAfter); None: for ever. A stored
            day from before stands, even with a refresh: it would be read as if nothing had been used.
        longest: for how much time one question may be, asked before each: less while slurmdbd is slow.

    Raises:
        SlurmError: as `read` does. Nothing is counted then: no day is ever guessed.
    """
    read_at = now or cutoff
    bound = min(whole_until or whole_hour(cutoff), cutoff)
    windows: dict[datetime, WindowUsage] = {}
    held: dict[datetime, WindowUsage] = {}
    missing: list[tuple[datetime, ...]] = []
    for start, end in days_of(period.start, cutoff):
        kept = store.read(start.date()) if store else None
        if kept:
            held[start] = kept[0]
        if start < bound < end:
            missing.append((start, bound, end))
        elif kept and (
            (is_whole(kept[0]) and is_purged(start, kept_since))
            or (may_stand(*kept, read_at, settling_days) and not anew(start.date(), refresh))
        ):
            windows[start] = kept[0]
        else:
            missing.append((start, end))
    stored = [start.date() for start in windows]
    corrections: list[Correction] = []
    for parts in days_read(missing, read_several or one_by_one(read), allowance_by(held.values()), longest):
        windows |= {part.start: part for part in parts}
        changes = changes_since(held.get(parts[0].start), parts)
        if changes and noticed:
            noticed(changes)
        corrections += changes
        if store and (len(parts) == 1 or not is_whole(*parts)):
            store.write(together(parts), read_at)
    remarks = (*(store.remarks if store else ()), *purge_remarks(missing, kept_since))
    return month_of(
        period,
        cutoff,
        [windows[start] for start in sorted(windows)],
        whole_until=bound,
        stored=stored,
        corrections=corrections,
        remarks=remarks,
    )


def longest_question(runner: Runner) -> Callable[[], timedelta]:
    """For how much time sacct should be asked at once: a day at a time while slurmdbd is slow."""
    return lambda: DAY if is_slow(runner) else LONGEST


def is_purged(day_start: datetime, kept_since: datetime | None) -> bool:
    """Whether slurmdbd may have purged job records of the day."""
    return kept_since is not None and day_start < kept_since


def purge_remarks(read: Iterable[tuple[datetime, ...]], kept_since: datetime | None) -> list[str]:
    """What is to be said of days that were read though their records may be gone."""
    days = [bounds[0] for bounds in read if is_purged(bounds[0], kept_since)]
    if not days or kept_since is None:
        return []
    since, first = f"{kept_since:%Y-%m-%d} (PurgeJobAfter)", f"{days[0]:%Y-%m-%d}"
    remark = (
        f"slurmdbd keeps no job records from before {since}: {len(days)} days from {first} on are not stored "
        "here and may count too little"
    )
    return [remark]


def is_whole(*parts: WindowUsage) -> bool:
    """Whether consecutive windows make up a day."""
    return parts[-1].end - parts[0].start == DAY


def may_stand(kept: WindowUsage, kept_at: datetime, read_at: datetime, settling_days: int) -> bool:
    """Whether a stored reading is of a whole day, and still good."""
    return is_whole(kept) and is_good(kept.start, kept_at, read_at, settling_days)


def changes_since(earlier: WindowUsage | None, parts: Sequence[WindowUsage]) -> list[Correction]:
    """What has changed in a day since it was last read.

    If that was before it was over, only what has become less: more is what was used since.
    """
    day = together(parts)
    if earlier is None or earlier.end > day.end:
        return []
    changes = corrections_of(earlier, day)
    return changes if earlier.end == day.end else [one for one in changes if one.after < one.before]


def one_by_one(read: Callable[[datetime, datetime], WindowUsage]) -> Several:
    """Several windows with a question for each."""
    return lambda *bounds: [read(start, end) for start, end in pairwise(bounds)]


def allowance_by(held: Iterable[WindowUsage]) -> timedelta:
    """For how long the first question may be, by what the days held that are stored whole."""
    days = [day for day in held if is_whole(day)]
    return lasting(len(days) * DAY, days) if days else DAY


def lasting(time: timedelta, windows: Iterable[WindowUsage]) -> timedelta:
    """The time for which one question may be, when windows that make up some time have so many records."""
    records = sum(sum(window.records.values()) for window in windows)
    return max(DAY, min(LONGEST, time * MOST_RECORDS / max(1, records)))


def days_read(
    days: Sequence[tuple[datetime, ...]],
    read: Several,
    allowance: timedelta,
    longest: Callable[[], timedelta],
) -> Iterator[tuple[WindowUsage, ...]]:
    """Each day's windows, as many days with one question as keep its answer small.

    The first question is for so much time; from then on it is known how many records a day has.
    """
    place = 0
    while place < len(days):
        first, bounds, allowance = place, [*days[place]], min(allowance, longest())
        place += 1
        while place < len(days) and days[place][0] == bounds[-1] and days[place][-1] - bounds[0] <= allowance:
            bounds += days[place][1:]
            place += 1
        found = read(*bounds)
        for day in days[first:place]:
            yield tuple(window for window in found if day[0] <= window.start < day[-1])
        allowance = lasting(bounds[-1] - bounds[0], found)


def anew(day: date, refresh: bool | Collection[date]) -> bool:  # noqa: FBT001 - as count_month takes it
    """Whether a stored day is read again all the same."""
    return refresh if isinstance(refresh, bool) else day in refresh
