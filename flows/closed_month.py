"""What the month before lacks: looked up, shown, and added to this month's amounts if the site says so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from allocations.carry import Amounts, carried_amounts, carry_text, lacking, own_amounts
from allocations.reports import usage_of
from allocations.shares import seconds_by_user
from flows import tasks
from flows.counting import SETTLING_DAYS
from flows.expected import EXPECTED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allocations.billing import BillingPeriod
    from allocations.marketplace import ComponentUsage
    from allocations.reports import ResourceUsage
    from flows.census import Census, Doors

LOOKING_BACK = timedelta(days=SETTLING_DAYS + 1)
"""So long after its end a month is counted again by every run: its last days may still change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLine:
    """One component of one resource in a month that can no longer be reported."""

    account: str
    resource_name: str
    component: str
    counted: int
    """What was used, in measured units."""
    held: int
    """What the marketplace holds of it."""
    lacks: int
    carried: int
    """How much of that this month's row adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a run knows of the month before."""

    period: BillingPeriod
    """The current month."""
    carried: Amounts = field(default_factory=dict)
    """What this month's rows shall add."""
    held_carried: Amounts = field(default_factory=dict)
    """What they add already."""
    lines: list[ClosedLine] = field(default_factory=list)
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def added_to(self, usage: ResourceUsage) -> ResourceUsage:
        """The usage with its part; its rows will say so."""
        carried = self.carried.get(usage.resource.uuid, {})
        known = {kind: carried[kind] for kind in usage.amounts if kind in carried}
        words = {kind: carry_text(usage.amounts[kind], part, self.period) for kind, part in known.items()}
        held = self.held_carried.get(usage.resource.uuid, {})
        return replace(usage, carried=known, descriptions=words, held_carried=held)


def look_back(
    doors: Doors, period: BillingPeriod, now: datetime, census: Census, rows: Sequence[ComponentUsage]
) -> Closed:
    """What the month before `period` lacks, and what is carried over.

    It is counted while its last days may still change; later only where it shall be carried and this month's
    rows do not say yet how much. What they say once stays, also when it can no longer be counted.

    Args:
        doors: the two doors and the settings.
        period: the current month.
        now: the run's one moment.
        census: whose usage it is.
        rows: what the marketplace holds for the current month.
    """
    booked = carried_amounts(rows)
    unsaid = any(
        kind not in booked.get(resource.uuid, {})
        for resource, _ in census.claims
        for kind in census.components
    )
    if now >= period.start + LOOKING_BACK and not (doors.settings.carry_over and unsaid):
        return Closed(period=period, carried=booked, held_carried=booked)
    try:
        found, lacks = _lacking(doors, period.previous, now, census)
    except EXPECTED as failure:
        problem = f"what {period.previous} still lacks could not be found out: {failure}"
        return Closed(period=period, carried=booked, held_carried=booked, problems=(problem,))
    carried = _carried(lacks, booked, census) if doors.settings.carry_over else booked
    lines = [replace(line, carried=carried.get(uuid, {}).get(line.component, 0)) for uuid, line in found]
    remark = _remark(period.previous, lines, carry_over=doors.settings.carry_over)
    return Closed(period=period, carried=carried, held_carried=booked, lines=lines, remarks=remark)


def _lacking(
    doors: Doors, month: BillingPeriod, now: datetime, census: Census
) -> tuple[list[tuple[str, ClosedLine]], Amounts]:
    counted, _ = doors.count(month, now, lambda: census.observed)
    own = own_amounts(tasks.fetch_held_usage(doors.cloudrock, month.start.date()))
    usages = usage_of(census.claims, seconds_by_user(counted.seconds), own, census.components)
    lacks = {usage.resource.uuid: lacking(usage.amounts, usage.held) for usage in usages}
    lines = [
        (
            usage.resource.uuid,
            ClosedLine(
                account=usage.account,
                resource_name=usage.resource.name,
                component=kind,
                counted=amount,
                held=usage.held.get(kind, 0),
                lacks=lacks[usage.resource.uuid][kind],
                carried=0,
            ),
        )
        for usage in usages
        for kind, amount in usage.amounts.items()
    ]
    return lines, lacks


def _carried(lacks: Amounts, booked: Amounts, census: Census) -> Amounts:
    """What is carried never shrinks within the month: giving back is for a person."""
    return {
        resource.uuid: {
            kind: max(lacks[resource.uuid][kind], booked.get(resource.uuid, {}).get(kind, 0))
            for kind in census.components
        }
        for resource, _ in census.claims
    }


def _remark(month: BillingPeriod, lines: Sequence[ClosedLine], *, carry_over: bool) -> tuple[str, ...]:
    lacking_lines = [line for line in lines if line.lacks]
    if not lacking_lines:
        return ()
    accounts = len({line.account for line in lacking_lines})
    what = (
        "it is added to this month's amounts"
        if carry_over
        else ("it is not billed (CLOUDROCK_CARRY_OVER=true would add it to this month's amounts)")
    )
    noun = "allocation" if accounts == 1 else "allocations"
    return (f"the closed month {month} lacks usage of {accounts} {noun}: {what}; see the table closed-month",)
