"""Tell the marketplace one resource's month: its billed amounts, its total, its users.

A Prefect task for each resource; `flows.uploading` has several of them at work at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from prefect import task

from allocations.booking import Wanted, booking_for, in_words
from allocations.marketplace import ResourceState
from allocations.userusage import total_row
from flows import events
from flows.lock import one_of_its_lane
from flows.tasks import effect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from allocations.accounts import AccountName
    from allocations.billing import BillingPeriod, UsageReport
    from allocations.booking import Booking
    from allocations.marketplace import UserUsage
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock

LOCK = "report-usage"
"""Held while a resource is looked at and told: push-usage and an order's last report take turns at it."""


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


MOST_OUTAGES = 3
"""Allocations in a row for which the marketplace may not answer, repeats included."""
NOT_TRIED = Outcome(
    result="not tried", reason=f"the marketplace did not answer for {MOST_OUTAGES} allocations in a row"
)


@dataclass(frozen=True, slots=True)
class Due:
    """One resource's month that is to be told."""

    usage: ResourceUsage
    rows: tuple[UserUsage, ...]
    """The users whose share the marketplace shows otherwise."""
    floors: Mapping[str, int]
    """Component type to the amount below which it must not fall."""
    remarks: tuple[str, ...] = ()
    """What is known of it before."""


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
    stopped: Event = field(default_factory=Event)
    """Set when the marketplace is away or the run is cancelled: nobody is begun, who is under way ends."""
    lowered: dict[str, str] = field(default_factory=dict)
    """Account to how its amounts fell on purpose: a retry finds them lowered already."""

    def tell(self, due: Due) -> Outcome:
        """Send what differs, unless the marketplace's month does not allow it.

        Raises:
            CloudrockError, RuleError, SettingsError: it could not be told, or not all of it.
        """
        if self.stopped.is_set():
            return NOT_TRIED
        if refusal := self.refusal():
            return Outcome(result="counted, not sent", reason=refusal)
        with one_of_its_lane(self.state_dir / LOCK, due.usage.resource.uuid):
            return self.tell_now(due)

    def tell_now(self, due: Due) -> Outcome:
        """Amounts first, then the total, then the users: see docs/usage.md for why in this order."""
        usage = due.usage
        periods = self.cloudrock.fetch_plan_periods(usage.resource.uuid)
        wanted = Wanted(
            totals=usage.totals, descriptions=usage.descriptions, held=usage.held, floors=due.floors
        )
        booking = booking_for(wanted, periods)
        report = booking.report
        if booking.held_back or report is None:
            return self.held_back(usage, booking)
        if not booking.unchanged:
            if refusal := self.refusal():
                return Outcome(result="counted, not sent", reason=refusal)
            self.cloudrock.report_usage(
                report.plan_period_uuid, dict(report.amounts), dict(report.descriptions)
            )
            events.usage_uploaded(usage, self.period, report.amounts)
            if booking.falling:
                self.lowered[usage.account] = in_words(booking.falling)
        return self.tell_people(due, report)

    def tell_people(self, due: Due, report: UsageReport) -> Outcome:
        """The allocation's total and its users' shares: what people look at in the portal."""
        usage = due.usage
        if refusal := self.refusal():
            return Outcome(result="sent", remarks=(f"{usage.account}: users not told: {refusal}",))
        total = total_row(report, usage.amounts, self.offered, self.period)
        for row in (total, *due.rows):
            if self.stopped.is_set():
                rest = f"{usage.account}: not all users told: {NOT_TRIED.reason}"
                return Outcome(result="sent", remarks=(rest,))
            if row is not None:
                self.cloudrock.report_user_usage(usage.resource.uuid, row)
        return Outcome(result="sent")

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


@task(name="report-usage", task_run_name="{account}: report usage", **effect)
def tell_resource(teller: Teller, due: Due, account: AccountName) -> Outcome:
    """One resource's month. Retried as a whole: it looks first, and repeating it changes nothing."""
    del account
    return teller.tell(due)
