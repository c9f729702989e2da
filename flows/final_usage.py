"""The last usage of an allocation that ends: counted after its jobs have ended, before its account goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allocations.billing import BillingPeriod, amounts_of, booking_refusal, open_period, report_for
from allocations.errors import CannotReportNow
from allocations.reports import reportable
from allocations.usage import add_up, seconds_by_account
from flows import tasks
from flows.reporting import report_usage
from slurm_io.client import windows

if TYPE_CHECKING:
    from allocations.accounts import AccountName
    from allocations.marketplace import Offering, Resource
    from flows.reporting import Reported
    from flows.settings import Settings
    from flows.site import Site


@dataclass(slots=True)
class FinalUsage:
    """Counts the month once for all allocations that end in one run, and tells it as push-usage does."""

    site: Site
    settings: Settings
    offering: Offering
    ending: frozenset[str]
    """The uuids of the resources that end in this run."""
    reported: Reported | None = None

    def report(self, resource: Resource, account: AccountName) -> list[str]:
        """Set the month's amounts in the open plan period; what is worth knowing about it.

        Raises:
            CannotReportNow: the marketplace has not been told everything; the order waits until it has.
        """
        periods = tasks.fetch_plan_periods(self.site.cloudrock, resource.uuid, account)
        if open_period(periods) is None:
            return ["no open plan period: its final usage cannot be reported"]
        if account not in self.site.observed.accounts:
            return self.report_gone(resource, account)
        reported = self.once()
        if resource.uuid not in reported.told:
            why = reported.reasons.get(resource.uuid) or "; ".join(reported.problems) or "it was not found"
            raise CannotReportNow(f"the final usage of {account} could not be reported: {why}")
        lines = [line for line in reported.lines if line.account == account]
        said = ", ".join(f"{line.component} {line.amount}" for line in lines)
        return [f"final usage of {reported.period}: {said}"]

    def once(self) -> Reported:
        """One count and one report for all that end."""
        if self.reported is None:
            now = datetime.now(UTC).replace(microsecond=0)
            self.reported = report_usage(
                self.site.cloudrock, self.site.slurm, self.settings, now=now, only=self.ending
            )
        return self.reported

    def report_gone(self, resource: Resource, account: AccountName) -> list[str]:
        """The same for an account that is gone from the cluster: slurmdbd keeps its job records.

        Its users' shares were told when it was there, or are lost: slurmdbd's books have it no longer.
        """
        cloudrock = self.site.cloudrock
        now = datetime.now(UTC).replace(microsecond=0)
        period = BillingPeriod.containing(now)
        parts = [tasks.count_usage(self.site.slurm, *window) for window in windows(period.start, now)]
        seconds = seconds_by_account(add_up(parts)).get(account, {})
        accepted, problems = reportable(self.site.rules.components, self.offering)
        components = {kind: self.site.rules.components[kind] for kind in accepted}
        amounts = amounts_of(seconds, components)
        periods = tasks.fetch_plan_periods(cloudrock, resource.uuid, account)
        report = report_for(amounts, periods)
        guard = timedelta(seconds=cloudrock.patience.longest_call_seconds)
        refusal = booking_refusal(period, cloudrock.server_time, guard)
        if refusal:
            raise CannotReportNow(f"the final usage of {account} cannot be reported now: {refusal}")
        if report and report.amounts:
            tasks.report_usage(cloudrock, report, account)
        said = ", ".join(f"{kind} {amount}" for kind, amount in amounts.items())
        return [*problems, f"final usage of {period}, of an account that is gone: {said}"]
