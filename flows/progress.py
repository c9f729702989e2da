"""How far a long step is. What is soon done says nothing; what takes long says so every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allocations.billing import BillingPeriod

QUIET_SECONDS = 10.0
"""How long a step may take before it says anything, and between two times that it does."""


Show: TypeAlias = "Callable[[str, float], None]"
"""Takes words and a percentage."""
T = TypeVar("T")


def say_nothing(_words: str, _percent: float) -> None:
    """To nobody."""


@dataclass(slots=True)
class Progress:
    """One step's progress, shown by whoever runs it: in a terminal, or on a run's page."""

    what: str
    """`counting 2026-11`."""
    show: Show
    quiet_seconds: float = QUIET_SECONDS
    clock: Callable[[], float] = time.monotonic
    said_at: float = field(init=False)
    has_spoken: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.said_at = self.clock()

    def at(self, done: float, of: float, words: str) -> None:
        """So much is done; it is shown when it is time to, and at the end of what was shown before."""
        ended = done >= of
        if not (self.has_spoken if ended else self.clock() - self.said_at >= self.quiet_seconds):
            return
        self.said_at, self.has_spoken = self.clock(), True
        self.show(f"{self.what}: {words}", 100.0 * done / of if of else 100.0)

    def of_items(self, done: int, of: int, noun: str) -> None:
        """`12 of 40 allocations`."""
        self.at(done, of, f"{done} of {of} {noun}")

    def beside(self, read: Callable[..., T], period: BillingPeriod, cutoff: datetime) -> Callable[..., T]:
        """The same reader of consecutive windows, which also says how far it has come."""

        def reading(*bounds: datetime) -> T:
            found = read(*bounds)
            self.up_to(bounds[-1], period, cutoff)
            return found

        return reading

    def up_to(self, moment: datetime, period: BillingPeriod, cutoff: datetime) -> None:
        """`up to 2026-11-12 of 2026-11-24`: a month is read day by day."""
        done = (moment - period.start).total_seconds()
        whole = (cutoff - period.start).total_seconds()
        self.at(done, whole, f"up to {moment:%Y-%m-%d} of {cutoff:%Y-%m-%d}")
