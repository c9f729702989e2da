"""Days and whole hours of slurmdbd's books, which begin and end in UTC here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def days_of(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The UTC days that make up [start, end), first to last; the outer ones cut at the bounds."""
    while start < end:
        midnight = datetime.combine(start.astimezone(UTC).date() + DAY, datetime.min.time(), tzinfo=UTC)
        yield start, min(midnight, end)
        start = midnight


def whole_hour(moment: datetime) -> datetime:
    """The last whole hour that is not after the moment."""
    return moment.replace(minute=0, second=0, microsecond=0)
