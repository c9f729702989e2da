"""One resource's amounts of a past month, at a marketplace that books a report under the month it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.backfilling import Result, dated_report, moment_in, period_of_month
from allocations.reports import in_words
from cloudrock_io.errors import CloudrockUnavailable
from flows import events, tasks, usage_tasks
from flows.expected import EXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.billing import BillingPeriod, UsageReport
    from allocations.marketplace import ComponentUsage, PlanPeriod
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What became of the report."""

    result: Result
    problem: str = ""
    remark: str = ""
    landed_now: bool = False
    """Whether it landed in the current month, which was set back: no other may be sent."""
    is_outage: bool = False


def book_dated(
    cloudrock: Cloudrock,
    usage: ResourceUsage,
    month: BillingPeriod,
    due: Mapping[str, int],
    rows: list[ComponentUsage],
) -> Dated:
    """Book the amounts under the month, and look at once that they did not land in the current one."""
    try:
        periods = tasks.fetch_plan_periods(cloudrock, usage.resource.uuid, usage.account)
        period = period_of_month(periods, month)
        report = dated_report(due, rows, period) if period else None
        if period is None or report is None:
            remark = f"{usage.account}: no plan period of {month} takes reports any more"
            return Dated(result=Result.NOT_BOOKABLE, remark=remark)
        lost = post(cloudrock, usage, month, report, period)
        after = tasks.fetch_plan_periods(cloudrock, usage.resource.uuid, usage.account)
        if this_month(after) != this_month(periods):
            return set_back(cloudrock, usage, month, report, period)
    except EXPECTED as failure:
        outage = isinstance(failure, CloudrockUnavailable)
        return Dated(result=Result.FAILED, problem=f"{usage.account}: {failure}", is_outage=outage)
    if lost:
        return Dated(result=Result.FAILED, problem=f"{usage.account}: {lost}", is_outage=True)
    events.usage_uploaded(usage, month, report.amounts)
    return Dated(result=Result.SET)


def post(
    cloudrock: Cloudrock,
    usage: ResourceUsage,
    month: BillingPeriod,
    report: UsageReport,
    period: PlanPeriod,
) -> CloudrockUnavailable | None:
    """Send it once; a lost answer is returned, for the report may have arrived and must be looked for."""
    try:
        usage_tasks.report_dated_usage(cloudrock, report, moment_in(month, period), usage.account)
    except CloudrockUnavailable as lost:
        return lost
    return None


def set_back(
    cloudrock: Cloudrock,
    usage: ResourceUsage,
    month: BillingPeriod,
    report: UsageReport,
    period: PlanPeriod,
) -> Dated:
    """The server ignored the date after all: give the current month back what it held, or 0 for nothing."""
    found = (
        f"{usage.account}: the marketplace booked {month} under its current month (is "
        "CLOUDROCK_DATED_USAGE=yes right?)"
    )
    held = {**dict.fromkeys(report.amounts, 0), **period.usages}
    try:
        cloudrock.report_usage(period.uuid, held, period.descriptions)
    except EXPECTED as failure:
        problem = (
            f"{found}, and it could not be set back ({failure}): it should hold "
            f"{in_words(held)}; nothing more is booked"
        )
    else:
        problem = f"{found}: the current month was set back, nothing more is booked"
    return Dated(result=Result.FAILED, problem=problem, landed_now=True)


def this_month(periods: Iterable[PlanPeriod]) -> dict[str, dict[str, int]]:
    """Plan period to what it holds of the current month."""
    return {period.uuid: dict(period.usages) for period in periods}
