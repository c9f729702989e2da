"""What is sent for one resource, decided from what its plan periods hold at this very moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.billing import SECONDS_PER_MINUTE, report_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.billing import UsageReport
    from allocations.components import Components
    from allocations.days import Correction
    from allocations.marketplace import PlanPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What to do about one resource's amounts: a report to send, or why there is none."""

    report: UsageReport | None = None
    """What its open plan period shall hold; None where there is none that may be filled."""
    falling: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Component type to what the period holds and will hold, where that is less: for a recorded reason."""
    unchanged: bool = False
    """Whether the period holds exactly that already."""
    held_back: str = ""
    """Why nothing may be sent, for a person; empty when something may."""
    overtaken: bool = False
    """Whether it is held back only because another run reported more meanwhile: no fault."""
    has_nowhere: bool = False
    """Whether it is held back because no plan period is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A resource's month as this run counted it."""

    totals: Mapping[str, int]
    """Component type to the month's absolute amount, what is carried over from an earlier month included."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Component type to what people shall read beside the amount."""
    held: Mapping[str, int]
    """Component type to the amount that the marketplace held when this run began; absent where none."""
    floors: Mapping[str, int] = field(default_factory=dict)
    """Component type to the lowest amount that the month may fall to; absent: it may not fall."""


def booking_for(wanted: Wanted, periods: Iterable[PlanPeriod]) -> Booking:
    """What to send, given the plan periods as they are now, immediately before sending.

    An amount may rise. It may fall only as far as a recorded reason goes, and never below what another run
    reported since this one began: that run counted later, up to an end that this one does not know (a
    Terminate order's last report, above all).

    Raises:
        UsageFell: the total is below what closed plan periods hold, which nothing can change.
    """
    listed = tuple(periods)
    report = report_for(wanted.totals, listed, wanted.descriptions)
    if report is None:
        reason = "no open plan period in the marketplace: nowhere to report to"
        return Booking(has_nowhere=True, held_back=reason)
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
    if all(wanted.totals[kind] >= wanted.floors.get(kind, wanted.totals[kind] + 1) for kind in falling):
        return Booking(report=report, falling=falling)
    return Booking(
        held_back=f"would fall ({in_words(falling)}), and no correction of the cluster's books explains it: "
        "not sent. If it is right, run push-usage once with allow_decrease=true"
    )


def in_words(falling: Mapping[str, tuple[int, int]]) -> str:
    """`cpu from 5 to 4, mem from 9 to 0`."""
    return ", ".join(f"{kind} from {held} to {amount}" for kind, (held, amount) in falling.items())


def floors_for(
    held: Mapping[str, int], corrections: Iterable[Correction], components: Components
) -> dict[str, int]:
    """How low one account's amounts may fall since its books were corrected.

    That is what was taken away, and one unit for rounding, below what is held.
    """
    taken: dict[str, int] = {}
    for correction in corrections:
        if correction.tres in held and correction.tres in components:
            fell = max(0, correction.before - correction.after)
            taken[correction.tres] = taken.get(correction.tres, 0) + fell
    return {
        kind: held[kind] - seconds // (SECONDS_PER_MINUTE * components[kind].unit_factor) - 1
        for kind, seconds in taken.items()
        if seconds
    }


def now_held(periods: Iterable[PlanPeriod], kind: str) -> int | None:
    """What all of the resource's plan periods of the month hold together; None where there is no row."""
    amounts = [period.usages[kind] for period in periods if kind in period.usages]
    return sum(amounts) if amounts else None
