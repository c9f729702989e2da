"""From TRES-seconds to amounts in the marketplace: one conversion, one rounding (docs/units.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import TYPE_CHECKING

from allocations.errors import InvalidPeriod, UsageFell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from allocations.components import Components
    from allocations.marketplace import PlanPeriod

SECONDS_PER_MINUTE = 60
MONTHS = 12
TURN_GUARD_SECONDS = 185.0
"""So far from a month's turn nothing is sent, and so far apart the clocks of both sides may be.

The longest call with all its repeats keeps within it (`cloudrock_io.repeating.Patience`).
"""


@dataclass(frozen=True, slots=True, order=True)
class BillingPeriod:
    """A calendar month in UTC, half-open: the marketplace books by its own UTC month (contract 6)."""

    year: int
    month: int

    @classmethod
    def containing(cls, moment: datetime) -> BillingPeriod:
        """The month that an aware moment falls into; a naive one belongs to no known zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} says no time zone")
        in_utc = moment.astimezone(UTC)
        return cls(in_utc.year, in_utc.month)

    @classmethod
    def parse(cls, text: str) -> BillingPeriod:
        """`YYYY-MM`, or InvalidPeriod."""
        match = re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII)
        if not match or not 1 <= int(match[2]) <= MONTHS or not MINYEAR <= int(match[1]) < MAXYEAR:
            raise InvalidPeriod(f"period {text!r}: expected a month as YYYY-MM, such as 2026-09")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start(self) -> datetime:
        """The first moment, included."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next month, not included."""
        following = self.next
        return datetime(following.year, following.month, 1, tzinfo=UTC)

    @property
    def next(self) -> BillingPeriod:
        """The month after."""
        carry, month = divmod(self.month, MONTHS)
        return BillingPeriod(self.year + carry, month + 1)

    @property
    def previous(self) -> BillingPeriod:
        """The month before."""
        return (
            BillingPeriod(self.year, self.month - 1)
            if self.month > 1
            else BillingPeriod(self.year - 1, MONTHS)
        )


def amount_of(tres_seconds: int, unit_factor: int) -> int:
    """Measured units of so many TRES-seconds: backend minutes over `unit_factor`, rounded half up, once."""
    divisor = SECONDS_PER_MINUTE * unit_factor
    return (2 * tres_seconds + divisor) // (2 * divisor)


def amounts_of(tres_seconds: Mapping[str, int], components: Components) -> dict[str, int]:
    """Component type to amount for one account; a component of which nothing was used is 0."""
    return {
        kind: amount_of(tres_seconds.get(kind, 0), component.unit_factor)
        for kind, component in components.items()
    }


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What to set in one plan period: component type to the absolute amount of the month."""

    plan_period_uuid: str
    amounts: Mapping[str, int] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Component type to what people shall read beside the amount; nothing where absent."""


def booking_refusal(period: BillingPeriod, server_time: datetime | None, guard: timedelta) -> str | None:
    """Why the period's usage must not be posted now; None when it may be.

    The marketplace books every report under its own clock's UTC month, whatever the report says (contract 6),
    and a post may take as long as `guard`, repeats included: one that crosses the turn would corrupt the new
    month. For as long after the turn another of the server's clocks may still be in the old one.
    """
    if server_time is None:
        return "the marketplace did not say what time it has, so nothing may be sent"
    current = BillingPeriod.containing(server_time)
    if current != period:
        return f"the marketplace books under its current month {current} and cannot be given {period}"
    if server_time + guard >= period.end:
        return f"the month {period} ends within {guard.total_seconds():.0f} s: too close to its turn"
    if server_time < period.start + guard:
        return f"the month {period} began less than {guard.total_seconds():.0f} s ago: too close to its turn"
    return None


def clock_refusal(ours: datetime, theirs: datetime | None) -> str | None:
    """Why nothing may be counted by this host's clock; None when the marketplace's says about the same.

    Usage is counted up to now: with a wrong clock running jobs are charged for time that has not been, days
    are taken for over that are not, and what was told yesterday seems to fall.
    """
    skew = (ours - theirs).total_seconds() if theirs else 0.0
    if theirs is None or abs(skew) <= TURN_GUARD_SECONDS:
        return None
    return (
        f"this host's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the marketplace's "
        f"({ours:%Y-%m-%d %H:%M:%S} and {theirs:%Y-%m-%d %H:%M:%S} UTC): nothing is counted or sent while "
        f"they are more than {TURN_GUARD_SECONDS:.0f} s apart; set the wrong one right (here: `timedatectl "
        "set-ntp true`)"
    )


def open_period(periods: Iterable[PlanPeriod]) -> PlanPeriod | None:
    """The period that takes the month's usage: open, and of several open ones the one that began last."""
    still_open = [period for period in periods if period.end is None]
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(still_open, key=lambda period: (period.start or oldest, period.uuid), default=None)


def report_for(
    totals: Mapping[str, int], periods: Iterable[PlanPeriod], descriptions: Mapping[str, str] | None = None
) -> UsageReport | None:
    """The open period's report, so that all periods of the month together hold the month's totals.

    After a change of plan the closed period keeps what it holds, so the open one gets the total less that.
    None when no period is open: then there is nowhere to report to.
    """
    listed = tuple(periods)
    target = open_period(listed)
    if target is None:
        return None
    amounts: dict[str, int] = {}
    for kind, total in totals.items():
        elsewhere = sum(period.usages.get(kind, 0) for period in listed if period.uuid != target.uuid)
        if total < elsewhere:
            raise UsageFell(
                f"component {kind!r}: the month's total is {total}, but closed plan periods hold {elsewhere} "
                "already and cannot be changed: nothing was sent, look at both"
            )
        amounts[kind] = total - elsewhere
    return UsageReport(target.uuid, amounts, descriptions or {})
