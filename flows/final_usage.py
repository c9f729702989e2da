"""The last usage of an allocation that ends: counted after its jobs have ended, before its account goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allocations.billing import BillingPeriod, amounts_of, booking_refusal, report_for
from allocations.carry import carried_amounts, with_carried
from allocations.errors import CannotReportNow
from allocations.reports import reportable
from allocations.usage import add_up, seconds_by_account
from cloudrock_io.errors import UnexpectedCloudrockData
from flows import tasks
from slurm_io.client import windows

if TYPE_CHECKING:
    from allocations.accounts import AccountName
    from allocations.carry import Amounts
    from allocations.marketplace import Offering, Resource
    from flows.site import Site


@dataclass(slots=True)
class FinalUsage:
    """Counts the month once for all allocations that end in one run."""

    site: Site
    offering: Offering
    seconds: dict[str, dict[str, int]] | None = None
    period: BillingPeriod | None = None
    carried: Amounts | None = None

    def report(self, resource: Resource, account: AccountName) -> list[str]:
        """Set the month's amounts in the open plan period; what is worth knowing about it.

        Raises:
            CannotReportNow: the month is about to turn.
            UsageFell: closed plan periods hold more than the month's total.
        """
        cloudrock = self.site.cloudrock
        seconds, period = self.counted()
        accepted, problems = reportable(self.site.rules.components, self.offering)
        components = {kind: self.site.rules.components[kind] for kind in accepted}
        own = amounts_of(seconds.get(account, {}), components)
        amounts, words = with_carried(own, self.booked(period).get(resource.uuid, {}), period)
        periods = tasks.fetch_plan_periods(cloudrock, resource.uuid, account)
        report = report_for(amounts, periods, words)
        if report is None:
            return [*problems, "no open plan period: its final usage cannot be reported"]
        refusal = booking_refusal(
            period, cloudrock.server_time, timedelta(seconds=cloudrock.patience.longest_call_seconds)
        )
        if refusal:
            raise CannotReportNow(f"the final usage of {account} cannot be reported now: {refusal}")
        if amounts:
            tasks.report_usage(cloudrock, report, account)
            self.read_back(resource, account, report.plan_period_uuid, dict(report.amounts))
        said = ", ".join(
            f"{kind} {amount}" + (f" ({words[kind]})" if kind in words else "")
            for kind, amount in amounts.items()
        )
        return [*problems, f"final usage of {period}: {said}"]

    def counted(self) -> tuple[dict[str, dict[str, int]], BillingPeriod]:
        """Account to TRES-seconds of the month so far, and the month."""
        if self.seconds is None or self.period is None:
            now = datetime.now(UTC).replace(microsecond=0)
            self.period = BillingPeriod.containing(now)
            parts = [
                tasks.count_usage(self.site.slurm, start, end)
                for start, end in windows(self.period.start, now)
            ]
            self.seconds = seconds_by_account(add_up(parts))
        return self.seconds, self.period

    def booked(self, period: BillingPeriod) -> Amounts:
        """What the month's rows add of the month before: a report without it would take it back."""
        if self.carried is None:
            self.carried = carried_amounts(tasks.fetch_held_usage(self.site.cloudrock, period.start.date()))
        return self.carried

    def read_back(
        self, resource: Resource, account: AccountName, period_uuid: str, sent: dict[str, int]
    ) -> None:
        """The marketplace must hold what was sent: after the order is done nothing can be mended."""
        periods = tasks.fetch_plan_periods(self.site.cloudrock, resource.uuid, account)
        held = next((dict(one.usages) for one in periods if one.uuid == period_uuid), {})
        wrong = {kind: held.get(kind) for kind, amount in sent.items() if held.get(kind) != amount}
        if wrong:
            raise UnexpectedCloudrockData(f"the final usage of {account}", str(sent), str(wrong))
