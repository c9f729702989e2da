"""The server's clock: it runs like the real one, and can be set, so that a month can turn in a test."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class Clock:
    """Real time plus a shift. Two readings are never equal: rows made in order stay in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shift = timedelta(0)
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The server's time, in UTC."""
        with self._lock:
            reading = datetime.now(UTC) + self._shift
            if 0 <= (self._last - reading).total_seconds() < 1:
                reading = self._last + timedelta(microseconds=1)
            self._last = reading
            return reading

    def set(self, moment: datetime) -> None:
        """From here on the clock says this moment, and runs."""
        if moment.tzinfo is None:
            raise ValueError(f"the clock needs a time with its zone, not {moment}")
        with self._lock:
            self._shift = moment.astimezone(UTC) - datetime.now(UTC)
            self._last = datetime.min.replace(tzinfo=UTC)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        with self._lock:
            self._shift += timedelta(seconds=seconds)

    def follow_real_time(self) -> None:
        """Undo every setting."""
        with self._lock:
            self._shift = timedelta(0)
            self._last = datetime.min.replace(tzinfo=UTC)


def month_start(moment: datetime) -> datetime:
    """The first instant of the moment's month, in UTC: what a billing period is counted from."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def as_text(moment: datetime | None) -> str | None:
    """A time as the API writes it: UTC, microseconds only where there are some, and a Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def as_http_date(moment: datetime) -> str:
    """A time as the Date header writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
