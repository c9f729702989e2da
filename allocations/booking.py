"""What is sent for one resource, decided from what its plan periods hold at this very moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.billing import report_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.billing import UsageReport
    from allocations.marketplace import PlanPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What to do about one resource's amounts: a report to send, or why there is none."""

    report: UsageReport | None = None
    """What its open plan period shall hold; None where there is none that may be filled."""
    unchanged: bool = False
    """Whether the period holds exactly that already."""
    held_back: str = ""
    """Why nothing may be sent, for a person; empty when something may."""
    overtaken: bool = False
    """Whether it is held back only because another run reported more meanwhile: no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A resource's month as this run counted it."""

    totals: Mapping[str, int]
    """Component type to the month's absolute amount, what is carried over from an earlier month included."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Component type to what people shall read beside the amount."""
    held: Mapping[str, int]
    """Component type to the amount that the marketplace held when this run began; absent where none."""
    may_fall: str = ""
    """Why an amount may be lower than what is held; empty: it may not."""


def booking_for(wanted: Wanted, periods: Iterable[PlanPeriod]) -> Booking:
    """What to send, given the plan periods as they are now, immediately before sending.

    An amount may rise. It may fall only for a reason that somebody can read later, and never below what
    another run reported since this one began: that run counted later, up to an end that this one does not
    know (a Terminate order's last report, above all).

    Raises:
        UsageFell: the total is below what closed plan periods hold, which nothing can change.
    """
    listed = tuple(periods)
    report = report_for(wanted.totals, listed, wanted.descriptions)
    if report is None:
        return Booking(held_back="no open plan period in the marketplace: nowhere to report to")
    target = next(period for period in listed if period.uuid == report.plan_period_uuid)
    if all(target.usages.get(kind) == amount for kind, amount in report.amounts.items()) and all(
        target.descriptions.get(kind, "") == text for kind, text in report.descriptions.items()
    ):
        return Booking(report=report, unchanged=True)
    falling = {
        kind: (target.usages[kind], amount)
        for kind, amount in report.amounts.items()
        if amount < target.usages.get(kind, amount)
    }
    if not falling:
        return Booking(report=report)
    if any(now_held(listed, kind) != wanted.held.get(kind) for kind in falling):
        return Booking(overtaken=True, held_back="another run reported more meanwhile: its amounts stay")
    if wanted.may_fall:
        return Booking(report=report)
    steps = ", ".join(f"{kind} from {held} to {amount}" for kind, (held, amount) in falling.items())
    return Booking(
        held_back=f"would fall ({steps}), and nothing in the cluster's books explains it: not sent. If it is "
        "right, run push-usage once with allow_decrease=true"
    )


def now_held(periods: Iterable[PlanPeriod], kind: str) -> int | None:
    """What all of the resource's plan periods of the month hold together; None where there is no row."""
    amounts = [period.usages[kind] for period in periods if kind in period.usages]
    return sum(amounts) if amounts else None
