"""Tell the marketplace one resource's month: its billed amounts, its total, its users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.booking import Wanted, booking_for, in_words
from allocations.marketplace import ResourceState
from allocations.userusage import rows_to_send, total_row, user_rows
from cloudrock_io.errors import CloudrockUnavailable
from flows import events, tasks, usage_tasks
from flows.expected import EXPECTED
from flows.lock import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from allocations.billing import BillingPeriod, UsageReport
    from allocations.booking import Booking
    from allocations.marketplace import UserUsage
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock

LOCK = "report-usage"
"""Held while one resource is looked at and told: push-usage and the last report of an order take turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one resource."""

    result: str
    """One or two words for the run's table."""
    reason: str = ""
    """Why the marketplace does not hold what was counted; empty when it does."""
    is_problem: bool = False
    is_outage: bool = False
    """Whether the marketplace did not answer, after all repeats."""
    has_nowhere: bool = False
    """Whether no plan period is open: nothing can be told."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells about one month."""

    cloudrock: Cloudrock
    state_dir: Path
    period: BillingPeriod
    offered: Collection[str]
    """The types of all components of the offering, ours or not."""
    refusal: Callable[[], str | None]
    """Why the marketplace must not be told now, asked immediately before each call."""

    def tell(self, usage: ResourceUsage, user_usage: list[UserUsage], floors: Mapping[str, int]) -> Outcome:
        """Send what differs; a failure is this resource's only."""
        rows, impossible = rows_to_send(user_rows(usage.users, self.period), user_usage)
        remarks = tuple(
            f"{usage.account}: the marketplace cannot be told of the user {name!r}" for name in impossible
        )
        if not usage.differs and not rows:
            return Outcome(result="unchanged", remarks=remarks)
        if refusal := self.refusal():
            return Outcome(result="counted, not sent", reason=refusal)
        try:
            with one_at_a_time(self.state_dir, LOCK):
                return self.tell_now(usage, rows, floors, remarks)
        except EXPECTED as failure:
            outage = isinstance(failure, CloudrockUnavailable)
            return Outcome(result="failed", reason=str(failure), is_problem=True, is_outage=outage)

    def tell_now(
        self, usage: ResourceUsage, rows: list[UserUsage], floors: Mapping[str, int], remarks: tuple[str, ...]
    ) -> Outcome:
        """Amounts first, then the total, then the users: see docs/usage.md for why in this order."""
        periods = tasks.fetch_plan_periods(self.cloudrock, usage.resource.uuid, usage.account)
        wanted = Wanted(totals=usage.totals, descriptions=usage.descriptions, held=usage.held, floors=floors)
        booking = booking_for(wanted, periods)
        if booking.held_back or booking.report is None:
            return self.held_back(usage, booking)
        if not booking.unchanged:
            if refusal := self.refusal():
                return Outcome(result="counted, not sent", reason=refusal)
            tasks.report_usage(self.cloudrock, booking.report, usage.account)
            events.usage_uploaded(usage, self.period, booking.report.amounts)
            if booking.falling:
                remarks += (f"{usage.account}: lowered on purpose ({in_words(booking.falling)})",)
        return self.tell_people(usage, booking.report, rows, remarks)

    def tell_people(
        self, usage: ResourceUsage, report: UsageReport, rows: list[UserUsage], remarks: tuple[str, ...]
    ) -> Outcome:
        """The allocation's total and its users' shares: what people look at in the portal."""
        if refusal := self.refusal():
            return Outcome(result="sent", remarks=(*remarks, f"{usage.account}: users not told: {refusal}"))
        total = total_row(report, usage.amounts, self.offered, self.period)
        if total is not None:
            usage_tasks.report_total(self.cloudrock, usage.resource.uuid, total, usage.account)
        if rows:
            usage_tasks.report_users(self.cloudrock, usage.resource.uuid, rows, usage.account)
        return Outcome(result="sent", remarks=remarks)

    def held_back(self, usage: ResourceUsage, booking: Booking) -> Outcome:
        """Nothing is sent: because of somebody else's report, a resource that ended, or a fault."""
        if booking.overtaken:
            return Outcome(result="overtaken", reason=booking.held_back)
        if booking.has_nowhere and (
            self.cloudrock.fetch_resource(usage.resource.uuid).state is ResourceState.TERMINATED
        ):
            reason = "the resource was terminated meanwhile"
            return Outcome(result="terminated", reason=reason, has_nowhere=True)
        return Outcome(
            result="held back", reason=booking.held_back, is_problem=True, has_nowhere=booking.has_nowhere
        )
