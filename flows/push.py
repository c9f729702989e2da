"""push-usage: what the cluster's books say was used, as absolute amounts in the marketplace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from allocations.billing import BillingPeriod, booking_refusal, report_for
from allocations.reports import UsageLine, claimed, held_amounts, reportable, usage_of
from allocations.usage import add_up, seconds_by_account
from flows import tasks
from flows.artifacts import publish_usage
from flows.calm import calmly
from flows.doors import open_cloudrock, open_slurm
from flows.expected import EXPECTED
from flows.settings import load_components, load_settings
from slurm_io.client import windows

if TYPE_CHECKING:
    import logging

    from allocations.components import Components
    from allocations.marketplace import Offering
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock
    from slurm_io.client import Slurm

Month = Annotated[
    str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="A month as YYYY-MM; empty: the current one")
]


def run_name() -> str:
    """`push-usage 2026-11, 2026-11-22 23:15:00`: the month, and the start."""
    now = datetime.now(UTC)
    month = flow_run.parameters.get("period") or BillingPeriod.containing(now)
    return f"push-usage {month}, {now:%Y-%m-%d %H:%M:%S}"


@flow(name="push-usage", flow_run_name=run_name)
def push_usage(period: Month | None = None) -> State[Any]:
    """Report every allocation's usage of one month, as absolute amounts: repeating it changes nothing."""
    return calmly(lambda: push(period), get_run_logger())


def push(text: str | None) -> State[Any]:
    """The flow's body."""
    now = datetime.now(UTC).replace(microsecond=0)
    period = BillingPeriod.parse(text) if text else BillingPeriod.containing(now)
    settings = load_settings()
    components = load_components(settings)
    slurm = open_slurm(settings)
    with open_cloudrock(settings) as cloudrock:
        offering = tasks.fetch_offering(cloudrock)
        run = Run(cloudrock, slurm, components, offering, period, now, get_run_logger())
        run.report()
    publish_usage(run.lines, run.summary())
    return Failed(message=run.summary()) if run.problems else Completed(message=run.summary())


@dataclass(slots=True)
class Run:
    """One month's report."""

    cloudrock: Cloudrock
    slurm: Slurm
    components: Components
    offering: Offering
    period: BillingPeriod
    now: datetime
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    lines: list[UsageLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sent: int = 0
    unchanged: int = 0

    @property
    def cutoff(self) -> datetime:
        """Up to when jobs count: one moment for the whole run, running jobs included."""
        return min(self.now, self.period.end)

    def report(self) -> None:
        """Count, compare, send what differs, and read it back."""
        if self.period.start >= self.now:
            self.problem(f"the month {self.period} has not begun: nothing to report")
            return
        accepted, problems = reportable(self.components, self.offering)
        self.problem(*problems)
        components = {kind: self.components[kind] for kind in accepted}
        usages = self.count(components)
        for usage in usages:
            refusal = self.refusal()
            if refusal:
                self.note(usage, "counted, not sent")
            elif usage.differs:
                self.send(usage)
            else:
                self.unchanged += 1
                self.note(usage, "unchanged")
        if refusal := self.refusal():
            unsent = "nothing was sent" if not self.sent else "the rest was not sent"
            self.problem(f"{refusal}: {unsent}, the run's table has what was counted")
        elif self.sent:
            self.read_back(usages)

    def count(self, components: Components) -> list[ResourceUsage]:
        """Every resource's month, from the cluster and from the marketplace."""
        resources, unreadable = tasks.fetch_resources(self.cloudrock, tasks.REPORTABLE)
        claims, problems = claimed(resources, tasks.observe_cluster(self.slurm))
        self.problem(*unreadable, *problems)
        parts = [
            tasks.count_usage(self.slurm, start, end)
            for start, end in windows(self.period.start, self.cutoff)
        ]
        seconds = seconds_by_account(add_up(parts))
        self.logger.info("%s counted up to %s", self.period, self.cutoff.isoformat())
        held = held_amounts(tasks.fetch_held_usage(self.cloudrock, self.period.start.date()))
        return usage_of(claims, seconds, held, components)

    def refusal(self) -> str | None:
        """Why the marketplace must not be told now; its clock is that of its last answer."""
        guard = timedelta(seconds=self.cloudrock.patience.longest_call_seconds)
        return booking_refusal(self.period, self.cloudrock.server_time, guard)

    def send(self, usage: ResourceUsage) -> None:
        """Set one resource's amounts in its open plan period; its failure is not the others'."""
        try:
            periods = tasks.fetch_plan_periods(self.cloudrock, usage.resource.uuid, usage.account)
            report = report_for(usage.amounts, periods)
            if report is None:
                self.problem(f"{usage.account}: no open plan period in the marketplace: nowhere to report to")
                self.note(usage, "no plan period")
                return
            if self.refusal():
                self.note(usage, "counted, not sent")
                return
            tasks.report_usage(self.cloudrock, report, usage.account)
        except EXPECTED as failure:
            self.problem(f"{usage.account}: {failure}")
            self.note(usage, "failed")
        else:
            self.sent += 1
            self.note(usage, "sent")

    def read_back(self, usages: list[ResourceUsage]) -> None:
        """What the marketplace holds now must be what was meant."""
        held = held_amounts(tasks.fetch_held_usage(self.cloudrock, self.period.start.date()))
        failed = {line.account for line in self.lines if line.result not in ("sent", "unchanged")}
        for usage in usages:
            now = held.get(usage.resource.uuid, {})
            wrong = {kind: now.get(kind) for kind, amount in usage.amounts.items() if now.get(kind) != amount}
            if wrong and usage.account not in failed:
                self.problem(
                    f"{usage.account}: sent {dict(usage.amounts)}, but the marketplace holds {wrong}"
                )

    def note(self, usage: ResourceUsage, result: str) -> None:
        """The report's lines for one resource."""
        for kind, amount in usage.amounts.items():
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
            self.lines.append(line)

    def problem(self, *texts: str) -> None:
        """Something that a person must look at: said in the log, and the run is red."""
        for text in texts:
            self.logger.error("%s", text)
        self.problems += texts

    def summary(self) -> str:
        """One sentence about the run, and what is wrong."""
        counted = f"{self.period} up to {self.cutoff:%Y-%m-%d %H:%M:%S} UTC"
        noun = "allocation" if self.sent == 1 else "allocations"
        text = f"{counted}: {self.sent} {noun} sent, {self.unchanged} unchanged"
        return "; ".join([text, *self.problems])
