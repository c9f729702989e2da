"""push-usage: what the cluster's books say was used, as absolute amounts in the marketplace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from allocations.backfilling import parse_range
from allocations.billing import BillingPeriod
from allocations.errors import InvalidPeriod
from allocations.reconcile import NO_BOOKS, Reconcile
from flows import events
from flows.artifacts import publish_closed_month, publish_reconciliation, publish_usage
from flows.backfill import Wish, backfill
from flows.calm import calmly
from flows.census import Doors
from flows.doors import open_cloudrock, open_slurm
from flows.mirroring import Mirroring
from flows.missed import end_missed
from flows.month_page import MonthPage
from flows.reporting import Reporting
from flows.settings import load_components, load_settings

if TYPE_CHECKING:
    from flows.reported import Reported

MISSED = timedelta(minutes=1)
"""A push does the work of those that should have begun so long before it."""
Months = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-(0[1-9]|1[0-2])(\.\.\d{4}-(0[1-9]|1[0-2]))?$",
        description="A month as YYYY-MM, or several as YYYY-MM..YYYY-MM; empty: the current one",
    ),
]


def run_name() -> str:
    """`push-usage 2026-11, 2026-11-22 23:15:00`: the month, and the start."""
    now = datetime.now(UTC)
    month = flow_run.parameters.get("period") or BillingPeriod.containing(now)
    return f"push-usage {month}, {now:%Y-%m-%d %H:%M:%S}"


@flow(name="push-usage", flow_run_name=run_name)
def push_usage(
    period: Months | None = None,
    *,
    allocation: str | None = None,
    dry_run: bool = False,
    allow_decrease: bool = False,
    refresh: bool = False,
) -> State[Any]:
    """Report every allocation's usage of one month, as absolute amounts: repeating it changes nothing.

    Args:
        period: past months to count and tell again; the current month is reported when it is empty.
        allocation: for past months, only this one: its account, or its resource's uuid.
        dry_run: for past months, say what would change, and change nothing.
        allow_decrease: let amounts fall although no correction of the books explains it.
        refresh: count every day of the month anew, instead of taking settled ones from the store.
    """

    def work() -> State[Any]:
        months = parse_range(period) if period else ()
        wish = Wish(months=months, allocation=allocation, dry_run=dry_run, allow_decrease=allow_decrease)
        now = datetime.now(UTC)
        end_missed(now - MISSED)
        return push(wish, now, refresh=refresh)

    return calmly(work, get_run_logger())


def push(wish: Wish, now: datetime, *, refresh: bool = False) -> State[Any]:
    """The flow's body; `now` is the run's one moment."""
    now = now.replace(microsecond=0)
    current = BillingPeriod.containing(now)
    if wish.months in ((), (current,)) and (wish.allocation or wish.dry_run):
        raise InvalidPeriod(
            "allocation and dry_run are for past months: expected a period that is over, as period=YYYY-MM"
        )
    settings = load_settings()
    components = load_components(settings)
    slurm = open_slurm(settings, events.hearing(settings.offering_uuid))
    with open_cloudrock(settings) as cloudrock:
        doors = Doors(cloudrock, slurm, settings, components)
        if wish.months in ((), (current,)):
            return report(doors, current, now, allow_decrease=wish.allow_decrease, refresh=refresh)
        return backfill(doors, wish, now, get_run_logger())


def report(
    doors: Doors, period: BillingPeriod, now: datetime, *, allow_decrease: bool, refresh: bool
) -> State[Any]:
    """The current month: usage, limits, users."""
    page = MonthPage(doors.settings)
    run = Reporting(doors, period, now, allow_decrease=allow_decrease, refresh=refresh, page=page)
    run.report()
    beside = ""
    census, associations = run.reported.census, run.reported.associations
    if census is not None and associations is not None and not run.reported.gave_up:
        mirroring = Mirroring(doors, census, associations.result)
        mirroring.mirror()
        run.problem(*mirroring.problems)
        run.remark(*mirroring.remarks)
        beside = mirroring.summary()
    kept = page.keep(run.reported)
    run.problem(*page.problems)
    run.remark(*page.remarks)
    summary = summary_of(run.reported, now, beside)
    told_of_books(doors, run)
    publish_usage(run.reported.lines, run.reported.remarks, summary, kept)
    publish_closed_month(period.previous, run.reported.closed.lines)
    return Failed(message=summary) if run.reported.problems else Completed(message=summary)


def told_of_books(doors: Doors, run: Reporting) -> None:
    """What came of the comparison with slurmdbd's own books: an artifact, and an event where they differ."""
    gate = run.reported.gate
    if gate is None:
        return
    off = doors.settings.reconcile is Reconcile.OFF
    publish_reconciliation(run.period, gate.reconciliation, "SYNC_RECONCILE=off" if off else NO_BOOKS)
    events.reconciliation_failed(doors.settings.offering_uuid, run.period, gate)


def summary_of(reported: Reported, cutoff: datetime, beside: str) -> str:
    """One sentence about the run, and what is wrong."""
    noun = "allocation" if reported.sent == 1 else "allocations"
    text = f"{reported.period} up to {cutoff:%Y-%m-%d %H:%M:%S} UTC: {reported.sent} {noun} sent"
    return "; ".join([f"{text}, {reported.unchanged} unchanged{beside}", *reported.problems])
