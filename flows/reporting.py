"""Count the current month and tell the marketplace, for all allocations or for some: push and pull both do.

`report_usage` is the way in. Amounts are absolute, so it may be repeated and run beside itself: what is sent
is decided under a lock, from what the marketplace holds at that moment (`allocations.booking`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.logging import get_run_logger

from allocations.billing import BillingPeriod, booking_refusal
from allocations.reports import UsageLine, claimed, held_amounts, reportable, usage_of
from allocations.shares import seconds_by_user
from allocations.usage import add_up
from flows import tasks, usage_tasks
from flows.settings import load_components
from flows.telling import Teller
from slurm_io.client import windows

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection
    from datetime import datetime

    from allocations.components import Components
    from allocations.marketplace import Offering
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm


def report_usage(
    cloudrock: Cloudrock,
    slurm: Slurm,
    settings: Settings,
    *,
    now: datetime,
    only: Collection[str] | None = None,
    allow_decrease: bool = False,
) -> Reported:
    """Count the current month's usage and send it: of all resources, or only of these (by uuid).

    `Reported.reasons` has each resource that the marketplace has not been told the full usage of, and why;
    one that is neither there nor in `Reported.told` was not found among the resources that take usage.

    Args:
        cloudrock: the marketplace.
        slurm: the cluster.
        settings: where the components, the state and the rules are.
        now: up to when jobs count, running ones included; aware.
        only: uuids of marketplace resources; None for all of the offering.
        allow_decrease: whether amounts may fall without a recorded reason.

    Raises:
        SettingsError, RuleError, SlurmError, CloudrockError: nothing could be counted or nothing read.
    """
    period = BillingPeriod.containing(now)
    run = Reporting(
        cloudrock, slurm, settings, load_components(settings), period, now, allow_decrease=allow_decrease
    )
    run.report(only)
    return run.reported


@dataclass(slots=True)
class Reported:
    """What came of it."""

    period: BillingPeriod
    lines: list[UsageLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What a person must look at: the run is red."""
    remarks: list[str] = field(default_factory=list)
    """What a person may want to know."""
    told: set[str] = field(default_factory=set)
    """Resources whose amounts the marketplace holds now, by uuid: sent, or unchanged."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Resource uuid to why the marketplace was not told its usage."""
    sent: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class Reporting:
    """One run's report of one month: count, compare, send what differs, and read it back."""

    cloudrock: Cloudrock
    slurm: Slurm
    settings: Settings
    components: Components
    period: BillingPeriod
    """The month, decided once."""
    now: datetime
    allow_decrease: bool = False
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger] = field(default_factory=get_run_logger)
    reported: Reported = field(init=False)

    def __post_init__(self) -> None:
        self.reported = Reported(self.period)

    @property
    def cutoff(self) -> datetime:
        """Up to when jobs count: one moment for the whole run, running jobs included."""
        return min(self.now, self.period.end)

    def report(self, only: Collection[str] | None) -> None:
        """The whole of it."""
        offering = tasks.fetch_offering(self.cloudrock)
        usages = [usage for usage in self.count(offering) if only is None or usage.resource.uuid in only]
        offered = frozenset(component.type for component in offering.components)
        user_usage = usage_tasks.fetch_held_user_usage(self.cloudrock, self.period)
        teller = Teller(self.cloudrock, self.settings.state_dir, self.period, offered, self.refusal)
        for usage in usages:
            allow = "allow_decrease" if self.allow_decrease else ""
            held = user_usage.get(usage.resource.allocation_uuid or "", [])
            outcome = teller.tell(usage, held, allow)
            self.remark(*outcome.remarks)
            self.note(usage, outcome.result)
            if outcome.reason:
                self.reported.reasons[usage.resource.uuid] = outcome.reason
            else:
                self.reported.told.add(usage.resource.uuid)
                self.reported.sent += outcome.result == "sent"
                self.reported.unchanged += outcome.result == "unchanged"
            if outcome.is_problem:
                self.problem(f"{usage.account}: {outcome.reason}")
        if refusal := self.refusal():
            unsent = "nothing was sent" if not self.reported.sent else "the rest was not sent"
            self.problem(f"{refusal}: {unsent}, the run's table has what was counted")
        elif self.reported.sent:
            self.read_back(usages)

    def count(self, offering: Offering) -> list[ResourceUsage]:
        """Every resource's month, from the cluster and from the marketplace."""
        accepted, problems = reportable(self.components, offering)
        self.problem(*problems)
        resources, unreadable = tasks.fetch_resources(self.cloudrock, tasks.REPORTABLE)
        claims, problems = claimed(resources, tasks.observe_cluster(self.slurm))
        self.problem(*unreadable, *problems)
        parts = [tasks.count_usage(self.slurm, *window) for window in windows(self.period.start, self.cutoff)]
        self.logger.info("%s counted up to %s", self.period, self.cutoff.isoformat())
        held = held_amounts(tasks.fetch_held_usage(self.cloudrock, self.period.start.date()))
        components = {kind: self.components[kind] for kind in accepted}
        return usage_of(claims, seconds_by_user(add_up(parts)), held, components)

    def refusal(self) -> str | None:
        """Why the marketplace must not be told now; its clock is that of its last answer."""
        guard = timedelta(seconds=self.cloudrock.patience.longest_call_seconds)
        return booking_refusal(self.period, self.cloudrock.server_time, guard)

    def read_back(self, usages: list[ResourceUsage]) -> None:
        """What the marketplace holds now must be what was meant."""
        held = held_amounts(tasks.fetch_held_usage(self.cloudrock, self.period.start.date()))
        for usage in usages:
            now = held.get(usage.resource.uuid, {})
            wrong = {kind: now.get(kind) for kind, amount in usage.totals.items() if now.get(kind) != amount}
            if wrong and usage.resource.uuid in self.reported.told:
                self.reported.told.discard(usage.resource.uuid)
                reason = f"sent {dict(usage.totals)}, but the marketplace holds {wrong}"
                self.reported.reasons[usage.resource.uuid] = reason
                self.problem(f"{usage.account}: {reason}")

    def note(self, usage: ResourceUsage, result: str) -> None:
        """The report's lines for one resource."""
        for kind, amount in usage.totals.items():
            line = UsageLine(
                account=usage.account,
                resource_name=usage.resource.name,
                component=kind,
                tres_seconds=usage.tres_seconds.get(kind, 0),
                amount=amount,
                unit=self.components[kind].measured_unit,
                held=usage.held.get(kind),
                result=result,
            )
            self.reported.lines.append(line)

    def problem(self, *texts: str) -> None:
        """Something that a person must look at: said in the log, and the run is red."""
        for text in texts:
            self.logger.error("%s", text)
        self.reported.problems += texts

    def remark(self, *texts: str) -> None:
        """Something to know."""
        for text in texts:
            self.logger.warning("%s", text)
        self.reported.remarks += texts
