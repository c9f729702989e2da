"""A cluster on which one CPU is always busy, and a store beside it: what counting is tried on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from allocations.billing import BillingPeriod
from allocations.days import WindowUsage
from allocations.usage import seconds_by_account
from flows.day_store import ParquetDays
from slurm_io.errors import SlurmUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from allocations.days import Counted

MONTH = BillingPeriod(2026, 2)
DAY = timedelta(days=1)
START = MONTH.start
NOW = START + 20 * DAY + timedelta(hours=10, minutes=20)


def store_in(tmp_path: Path) -> ParquetDays:
    """An empty store."""
    return ParquetDays(tmp_path / "usage", "sandbox", {"asked": "sacct"})


def again(store: ParquetDays, **how: str) -> ParquetDays:
    """Another run's look at the same folder."""
    return ParquetDays(store.folder, how.pop("cluster", store.cluster), how or store.meaning)


def totals(counted: Counted) -> dict[str, dict[str, int]]:
    return seconds_by_account(counted.seconds)


def days_read(books: Books) -> list[int]:
    return sorted({start.day for start, _ in books.asked})


class Books:
    """A cluster on which one CPU of one user is busy all the time; it remembers what was asked."""

    def __init__(self, late: dict[int, int] | None = None, fails_on: int = 0) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self.late = late or {}
        self.fails_on = fails_on

    def read(self, start: datetime, end: datetime) -> WindowUsage:
        if start.day == self.fails_on:
            raise SlurmUnavailable("slurmdbd is down")
        self.asked.append((start, end))
        index = pd.MultiIndex.from_tuples([("a", "u")], names=["account", "user"])
        used = int((end - start).total_seconds()) + self.late.get(start.day, 0)
        seconds = pd.DataFrame({"cpu": [used]}, index=index)
        return WindowUsage(start, end, seconds, {"a": 1}, {"RUNNING": 1})
