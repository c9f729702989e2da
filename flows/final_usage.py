"""The last usage of an allocation that ends: counted after its jobs have ended, before its account goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allocations.billing import BillingPeriod, amounts_of, booking_refusal, report_for
from allocations.carry import carried_amounts, with_carried
from allocations.errors import CannotReportNow
from allocations.reports import falls, held_amounts, reportable
from allocations.usage import add_up, seconds_by_account
from cloudrock_io.errors import UnexpectedCloudrockData
from flows import tasks
from slurm_io.client import windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.accounts import AccountName
    from allocations.marketplace import ComponentUsage, Offering, Resource
    from flows.site import Site


@dataclass(slots=True)
class FinalUsage:
    """Counts the month once for all allocations that end in one run."""

    site: Site
    offering: Offering
    seconds: dict[str, dict[str, int]] | None = None
    period: BillingPeriod | None = None
    rows: Sequence[ComponentUsage] | None = None

    def report(self, resource: Resource, account: AccountName) -> tuple[list[str], list[str]]:
        """Set the month's amounts in the open plan period; what is worth knowing, and what a person must see.

        Raises:
            CannotReportNow: the month is about to turn.
            UsageFell: closed plan periods hold more than the month's total.
        """
        cloudrock = self.site.cloudrock
        seconds, period = self.counted()
        accepted, problems = reportable(self.site.rules.components, self.offering)
        components = {kind: self.site.rules.components[kind] for kind in accepted}
        own = amounts_of(seconds.get(account, {}), components)
        rows = self.held(period)
        amounts, words = with_carried(own, carried_amounts(rows).get(resource.uuid, {}), period)
        periods = tasks.fetch_plan_periods(cloudrock, resource.uuid, account)
        report = report_for(amounts, periods, words)
        if report is None:
            return [*problems, "no open plan period: its final usage cannot be reported"], []
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
        fallen = falls(amounts, held_amounts(rows).get(resource.uuid, {}))
        return [*problems, f"final usage of {period}: {said}"], fallen

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

    def held(self, period: BillingPeriod) -> Sequence[ComponentUsage]:
        """What the marketplace holds of the month when the first allocation ends."""
        if self.rows is None:
            self.rows = tasks.fetch_held_usage(self.site.cloudrock, period.start.date())
        return self.rows

    def read_back(
        self, resource: Resource, account: AccountName, period_uuid: str, sent: dict[str, int]
    ) -> None:
        """The marketplace must hold what was sent: after the order is done nothing can be mended."""
        periods = tasks.fetch_plan_periods(self.site.cloudrock, resource.uuid, account)
        held = next((dict(one.usages) for one in periods if one.uuid == period_uuid), {})
        wrong = {kind: held.get(kind) for kind, amount in sent.items() if held.get(kind) != amount}
        if wrong:
            raise UnexpectedCloudrockData(f"the final usage of {account}", str(sent), str(wrong))
