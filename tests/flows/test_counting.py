"""A month, a day at a time: what is read, what is stored, and that neither changes a sum."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from allocations.billing import BillingPeriod
from allocations.days import WindowUsage
from allocations.usage import seconds_by_account
from flows.counting import count_month

MONTH = BillingPeriod(2026, 2)


class Books:
    """A cluster on which one CPU of one user is busy all the time; it remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime]] = []

    def read(self, start: datetime, end: datetime) -> WindowUsage:
        self.asked.append((start, end))
        index = pd.MultiIndex.from_tuples([("a", "u")], names=["account", "user"])
        seconds = pd.DataFrame({"cpu": [int((end - start).total_seconds())]}, index=index)
        return WindowUsage(start, end, seconds, {"a": 1}, {"RUNNING": 1})


def test_without_a_store_every_day_is_read_and_the_last_one_is_cut_at_the_hour() -> None:
    books = Books()
    cutoff = datetime(2026, 2, 3, 10, 20, 30, tzinfo=UTC)
    counted = count_month(books.read, None, MONTH, cutoff)
    assert [(end - start) / timedelta(hours=1) for start, end in books.asked][:3] == [24, 24, 10]
    assert len(books.asked) == 4
    assert seconds_by_account(counted.seconds) == {"a": {"cpu": (2 * 24 + 10) * 3600 + 20 * 60 + 30}}
    assert seconds_by_account(counted.whole_hours) == {"a": {"cpu": (2 * 24 + 10) * 3600}}
    assert counted.whole_until == datetime(2026, 2, 3, 10, tzinfo=UTC)
