"""How long slurmdbd keeps job records, and so which months can still be counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import assert_never

from allocations.billing import MONTHS, BillingPeriod


class RetentionUnit(Enum):
    """The units of PurgeJobAfter, as slurmdbd shows them."""

    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Retention:
    """PurgeJobAfter: records of jobs that ended longer ago are gone."""

    count: int
    unit: RetentionUnit

    def __str__(self) -> str:
        return f"PurgeJobAfter={self.count}{self.unit.value}"

    def kept_since(self, now: datetime) -> datetime:
        """Records of jobs that ended from here on are there; slurmdbd purges in whole units."""
        match self.unit:
            case RetentionUnit.MONTHS:
                current = BillingPeriod.containing(now)
                years, month = divmod(current.year * MONTHS + current.month - 1 - self.count, MONTHS)
                return BillingPeriod(max(years, 1), month + 1).start
            case RetentionUnit.DAYS:
                return _midnight(now) - timedelta(days=self.count)
            case RetentionUnit.HOURS:
                return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=self.count)
            case _:
                assert_never(self.unit)


def purge_refusal(period: BillingPeriod, retention: Retention | None, now: datetime) -> str | None:
    """Why the month cannot be counted any more; None when slurmdbd still has all of it."""
    if retention is None or period.start >= retention.kept_since(now):
        return None
    return (
        f"slurmdbd keeps no job records from before {retention.kept_since(now):%Y-%m-%d} ({retention}): "
        f"{period} cannot be counted any more"
    )


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
