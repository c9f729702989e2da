"""push-usage: what the cluster's books say was used, as absolute amounts in the marketplace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from allocations.billing import BillingPeriod
from flows.artifacts import publish_usage
from flows.calm import calmly
from flows.doors import open_cloudrock, open_slurm
from flows.reporting import Reporting
from flows.settings import load_components, load_settings

if TYPE_CHECKING:
    from flows.reporting import Reported

Month = Annotated[
    str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="A month as YYYY-MM; empty: the current one")
]


def run_name() -> str:
    """`push-usage 2026-11, 2026-11-22 23:15:00`: the month, and the start."""
    now = datetime.now(UTC)
    month = flow_run.parameters.get("period") or BillingPeriod.containing(now)
    return f"push-usage {month}, {now:%Y-%m-%d %H:%M:%S}"


@flow(name="push-usage", flow_run_name=run_name)
def push_usage(period: Month | None = None, *, allow_decrease: bool = False) -> State[Any]:
    """Report every allocation's usage of one month, as absolute amounts: repeating it changes nothing."""
    return calmly(lambda: push(period, allow_decrease=allow_decrease), get_run_logger())


def push(text: str | None, *, allow_decrease: bool) -> State[Any]:
    """The flow's body."""
    now = datetime.now(UTC).replace(microsecond=0)
    period = BillingPeriod.parse(text) if text else BillingPeriod.containing(now)
    settings = load_settings()
    slurm = open_slurm(settings)
    with open_cloudrock(settings) as cloudrock:
        run = Reporting(
            cloudrock, slurm, settings, load_components(settings), period, now, allow_decrease=allow_decrease
        )
        if period.start >= now:
            run.problem(f"the month {period} has not begun: nothing to report")
        else:
            run.report(None)
    reported = run.reported
    summary = summary_of(reported, run.cutoff)
    publish_usage(reported.lines, summary)
    return Failed(message=summary) if reported.problems else Completed(message=summary)


def summary_of(reported: Reported, cutoff: datetime) -> str:
    """One sentence about the run, and what is wrong."""
    noun = "allocation" if reported.sent == 1 else "allocations"
    text = f"{reported.period} up to {cutoff:%Y-%m-%d %H:%M:%S} UTC: {reported.sent} {noun} sent"
    return "; ".join([f"{text}, {reported.unchanged} unchanged", *reported.problems])
