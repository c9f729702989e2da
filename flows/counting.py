"""A month's usage from SLURM's job records, a day at a time, with the settled days stored.

No Prefect here: what reads a window is handed in, so that the flow hands in a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from allocations.days import DAY, WindowUsage, corrections_of, days_of, is_settled, month_of, whole_hour

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date, datetime

    from allocations.billing import BillingPeriod
    from allocations.days import Correction, Counted

SETTLING_DAYS = 3
"""A day's jobs are counted anew by every run for so many days, its own included."""


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
    now: datetime | None = None,
    whole_until: datetime | None = None,
    refresh: bool | Collection[date] = False,
    settling_days: int = SETTLING_DAYS,
) -> Counted:
    """Every account's and user's usage of [period.start, cutoff).

    Args:
        read: what SLURM's records say about one window; in the flow, a task with retries.
        store: where days are kept; None: everything is read.
        period: the month.
        cutoff: up to when jobs count; not after the period's end.
        now: when SLURM is read; the cutoff by default (it is later when a past month is counted).
        whole_until: up to which whole hour slurmdbd's books shall be compared; the cutoff's by default.
        refresh: read every day anew, or these, and say which stored ones had changed.
        settling_days: a day is read by every run for so many days, its own included.

    Raises:
        SlurmError: as `read` does. Nothing is counted then: no day is ever guessed.
    """
    read_at = now or cutoff
    bound = min(whole_until or whole_hour(cutoff), cutoff)
    windows: list[WindowUsage] = []
    stored: list[date] = []
    corrections: list[Correction] = []
    for start, end in days_of(period.start, cutoff):
        whole = end - start == DAY
        kept = store.read(start.date()) if store and whole else None
        if start < bound < end:
            windows += [read(start, bound), read(bound, end)]
        elif kept and not anew(start.date(), refresh) and is_settled(start, kept[1], settling_days):
            windows.append(kept[0])
            stored.append(start.date())
        else:
            found = read(start, end)
            windows.append(found)
            if kept:
                corrections += corrections_of(kept[0], found)
            if store and whole:
                store.write(found, read_at)
    remarks = store.remarks if store else ()
    return month_of(
        period,
        cutoff,
        windows,
        whole_until=bound,
        stored=stored,
        corrections=corrections,
        remarks=remarks,
    )


def anew(day: date, refresh: bool | Collection[date]) -> bool:  # noqa: FBT001 - as count_month takes it
    """Whether a stored day is read again all the same."""
    return refresh if isinstance(refresh, bool) else day in refresh
