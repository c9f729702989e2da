"""A month as days: what each window of the books says, and how the windows become the month.

The law that makes this possible: any split of a period into windows adds up to the same sums.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import pandas as pd

from allocations.accounts import UNKNOWN
from allocations.hours import DAY, HOUR
from allocations.usage import add_up, tres_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from allocations.billing import BillingPeriod
    from allocations.usage import Jobs

FRESH = 6 * HOUR
"""For how long the reading of a day that is older than yesterday, and has not settled, may stand."""

KNOWN_STATES = frozenset(
    {
        *("PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL"),
        *("PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REQUEUED", "RESIZING", "REVOKED"),
        *("COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
        *("REQUEUE_FED", "REQUEUE_HOLD", "LAUNCH_FAILED", "POWER_UP_NODE", "RECONFIG_FAIL"),
    }
)
"""States that SLURM has had a name for. Others count as well; they are remarked on."""


@dataclass(frozen=True, eq=False)
class WindowUsage:
    """What the books say about one half-open window [start, end).

    `seconds`: exact TRES-seconds, int64: rows by (account, user), a column per TRES.
    `records`: account to how many of its jobs' records have a part in the window. `states`: how many of all
    were in which state.
    """

    start: datetime
    end: datetime
    seconds: pd.DataFrame
    records: Mapping[str, int]
    states: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same usage, whatever the order of rows and columns; SHA-256 in hexadecimal."""
        digest = hashlib.sha256(f"{self.start.isoformat()} {self.end.isoformat()}\n".encode())
        digest.update(repr(sorted((account, int(count)) for account, count in self.records.items())).encode())
        seconds = self.seconds.sort_index()
        index = cast("pd.MultiIndex", seconds.index)  # iterated over, it makes tuples first
        names = [level.to_numpy(object)[of] for level, of in zip(index.levels, index.codes, strict=True)]
        pairs = [f"{account}\n{user}" for account, user in zip(*names, strict=True)]
        every_pair = "\n".join(pairs).encode()
        for tres in sorted(tres for tres in seconds.columns if seconds[tres].any()):
            column = seconds[tres].to_numpy("int64")
            used = column.nonzero()[0]
            digest.update(f"{tres}\n".encode())
            is_all = len(used) == len(pairs)
            digest.update(every_pair if is_all else "\n".join(map(pairs.__getitem__, used.tolist())).encode())
            digest.update(column[used].astype("<i8").tobytes())
        return digest.hexdigest()


def window_usage(start: datetime, end: datetime, jobs: Jobs) -> WindowUsage:
    """The usage of a window from its job records, which are clipped to it."""
    states: dict[str, int] = {}
    for state, count in jobs.records["state"].value_counts().items():
        word = str(state).partition(" ")[0]  # `CANCELLED by 1000`
        states[word] = states.get(word, 0) + int(count)
    counted = jobs.records.loc[jobs.records["span_seconds"] > 0, "account"].value_counts()
    records = {str(account): int(count) for account, count in counted[counted > 0].items()}
    return WindowUsage(start, end, tres_seconds(jobs), records, states)


def together(windows: Sequence[WindowUsage]) -> WindowUsage:
    """Consecutive windows as one; a record that has a part in several of them counts in each."""
    if len(windows) == 1:
        return windows[0]
    records, states = Counter[str](), Counter[str]()
    for window in windows:
        records.update(window.records)
        states.update(window.states)
    seconds = add_up(window.seconds for window in windows)
    return WindowUsage(windows[0].start, windows[-1].end, seconds, records, states)


@dataclass(frozen=True, slots=True, order=True)
class Correction:
    """A day whose usage in the books is no longer what it was when the day was stored."""

    day: date
    account: str
    tres: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.day} {self.account} {self.tres}: {self.before} becomes {self.after} TRES-seconds"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Counted:
    """One month, counted up to one cutoff.

    `seconds` and `whole_hours`: exact TRES-seconds, int64: rows by (account, user), a column per TRES.
    """

    period: BillingPeriod
    cutoff: datetime
    """Up to when jobs count, running ones included: one moment for all accounts."""
    seconds: pd.DataFrame
    """The month up to the cutoff."""
    whole_until: datetime
    """The last whole hour of what was counted: slurmdbd's books know only whole hours."""
    whole_hours: pd.DataFrame
    """The month up to `whole_until`: what slurmdbd's own books are compared with."""
    days: Mapping[date, pd.DataFrame]
    """The same by day (UTC), first to last: each day's TRES-seconds."""
    records: Mapping[str, int]
    """Account to how many job records it has in the month; one that is in several days counts in each."""
    fingerprint: str
    """Of the source: two counts of the same usage have the same one."""
    stored: tuple[date, ...] = ()
    """The days that were not read from SLURM but come from the store."""
    corrections: tuple[Correction, ...] = ()
    """Stored days that were read again and have changed: late or corrected records."""
    remarks: tuple[str, ...] = ()
    """What a person should know: unknown states, usage without an account, a bad store."""

    @property
    def by_day(self) -> pd.DataFrame:
        """All days in one table: rows by (day, account, user), a column per TRES, int64."""
        columns = list(dict.fromkeys(tres for day in self.days.values() for tres in day.columns))
        frames = {day: usage.reindex(columns=columns, fill_value=0) for day, usage in self.days.items()}
        if not frames:
            empty = pd.MultiIndex.from_arrays([[], [], []], names=["day", "account", "user"])
            return pd.DataFrame(index=empty)
        return pd.concat(frames, names=["day"])


def is_good(day_start: datetime, read_at: datetime, now: datetime, settling_days: int) -> bool:
    """Whether a stored day may stand: it was settled when it was read, or that was not long ago.

    A reading from the future was made by a clock that was wrong, and may be of half a day.

    A day is settled when so many days, its own included, were over. Until then today and yesterday are read
    by every run, and the days before them once in `FRESH`.
    """
    if read_at > now:
        return False
    if read_at >= day_start + settling_days * DAY:
        return True
    return day_start + 2 * DAY <= read_at and now < read_at + FRESH


def corrections_of(before: WindowUsage, after: WindowUsage) -> list[Correction]:
    """The differences between two readings of a day, by account and TRES."""
    day = after.start.date()
    both = add_up([after.seconds, -before.seconds]).groupby(level="account").sum()
    held = before.seconds.groupby(level="account").sum()
    return [
        Correction(day, str(account), str(tres), earlier, earlier + int(change))
        for tres in both.columns
        for account, change in both[tres].items()
        if change
        for earlier in [int(held[tres].get(account, 0)) if tres in held.columns else 0]
    ]


def month_of(
    period: BillingPeriod,
    cutoff: datetime,
    windows: Sequence[WindowUsage],
    *,
    whole_until: datetime,
    stored: Iterable[date] = (),
    corrections: Iterable[Correction] = (),
    remarks: Iterable[str] = (),
) -> Counted:
    """The month that consecutive windows make up; `whole_until` must be a bound of one of them."""
    by_day: dict[date, list[pd.DataFrame]] = {}
    for window in windows:
        by_day.setdefault(window.start.date(), []).append(window.seconds)
    records: Counter[str] = Counter()
    for window in windows:
        records.update(window.records)
    whole_hours = add_up(window.seconds for window in windows if window.end <= whole_until)
    digest = hashlib.sha256("".join(window.fingerprint for window in windows).encode())
    return Counted(
        period=period,
        cutoff=cutoff,
        seconds=add_up([whole_hours, *(window.seconds for window in windows if window.end > whole_until)]),
        whole_until=whole_until,
        whole_hours=whole_hours,
        days={day: parts[0] if len(parts) == 1 else add_up(parts) for day, parts in by_day.items()},
        records=records,
        fingerprint=digest.hexdigest(),
        stored=tuple(stored),
        corrections=tuple(sorted(corrections)),
        remarks=(*remarks, *remarks_on(windows)),
    )


def remarks_on(windows: Iterable[WindowUsage]) -> list[str]:
    """What a person should know about the records that were counted."""
    strange: dict[str, int] = {}
    nameless = 0
    for window in windows:
        for state, count in window.states.items():
            if state not in KNOWN_STATES:
                strange[state] = strange.get(state, 0) + count
        nameless += UNKNOWN in window.seconds.index.get_level_values("account")
    said = [
        f"{count} job records are in the state {state!r}, which is not known here: they count as all others"
        for state, count in sorted(strange.items())
    ]
    if nameless:
        said.append(f"some usage belongs to no account that SLURM could name: it is kept under {UNKNOWN!r}")
    return said
