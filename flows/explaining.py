"""A month's report: its tables, from the cluster and the marketplace. No tasks: a command line asks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from allocations.backfilling import chosen, claimed_once
from allocations.errors import InvalidPeriod
from allocations.hours import days_of
from allocations.month_report import (
    MonthReport,
    day_table,
    largest_jobs,
    seconds_of_jobs,
    usage_table,
)
from allocations.reconcile import NO_BOOKS, Reconcile, children_of, reconcile
from allocations.reports import held_amounts, reportable, usage_of
from allocations.shares import seconds_by_user
from allocations.usage import seconds_by_account
from flows.corrections import remember
from flows.counting import count_month, longest_question
from flows.doors import open_day_store
from flows.progress import Progress, say_nothing
from slurm_io.retention import fetch_retention

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pandas import DataFrame

    from allocations.billing import BillingPeriod
    from allocations.days import Counted
    from allocations.model import ClusterState
    from allocations.reconcile import Reconciliation
    from flows.census import Doors
    from flows.progress import Show


def explain(
    doors: Doors, period: BillingPeriod, allocation: str | None, now: datetime, show: Show = say_nothing
) -> MonthReport:
    """Everything about one month, of all allocations or of one (its account, or its resource's uuid).

    `show` is told how far it is, when it takes long.

    Raises:
        InvalidPeriod: the month has not begun, or there is no such allocation.
        SlurmError, CloudrockError: as usual.
    """
    if period.start >= now:
        raise InvalidPeriod(f"period {period}: it has not begun")
    cutoff = min(now, period.end)
    resources = doors.cloudrock.fetch_resources()
    mine = {one.uuid for one in chosen(resources, allocation)}
    if allocation is not None and not mine:
        raise InvalidPeriod(
            f"allocation {allocation!r}: expected the account of an allocation, or the uuid of its resource"
        )
    claims, doubled = claimed_once(resources)
    claims = [claim for claim in claims if claim[0].uuid in mine]
    accepted, strange = reportable(doors.components, doors.cloudrock.fetch_offering())
    components = {kind: doors.components[kind] for kind in accepted}
    observed = doors.slurm.observe()
    rolled = doors.slurm.fetch_rolled_until(cutoff) if doors.settings.reconcile is not Reconcile.OFF else None
    store = open_day_store(doors.settings, doors.slurm.fetch_cluster_name())
    retention = fetch_retention(doors.slurm.runner)
    counting = Progress(f"counting {period}", show)
    counted = count_month(
        doors.slurm.fetch_usage,
        store,
        period,
        cutoff,
        read_several=counting.beside(doors.slurm.fetch_windows, period, cutoff),
        now=now,
        whole_until=max(rolled, period.start) if rolled else None,
        settling_days=doors.settings.usage_settling_days,
        kept_since=retention.kept_since(now) if retention else None,
        noticed=partial(remember, doors.settings.state_dir, period),
        longest=longest_question(doors.slurm.runner),
    )
    held = held_amounts(doors.cloudrock.fetch_component_usages(period.start.date()))
    usages = usage_of(claims, seconds_by_user(counted.seconds), held, components)
    accounts = {str(usage.account) for usage in usages}
    jobs = jobs_of(
        doors, accounts, list(components), period, cutoff, Progress("looking for large jobs", show)
    )
    return MonthReport(
        period=period,
        cutoff=cutoff,
        cluster=doors.cloudrock.fetch_offering().name,
        usage=usage_table(period, usages, components, observed),
        days=day_table(counted.days, accounts, list(components)),
        jobs=jobs,
        reconciliation=compared(doors, counted, rolled, observed, accounts) if rolled else None,
        remarks=(*strange, *doubled, *counted.remarks, *uncompared(doors.settings.reconcile, rolled)),
    )


def jobs_of(
    doors: Doors,
    accounts: set[str],
    kinds: list[str],
    period: BillingPeriod,
    cutoff: datetime,
    progress: Progress,
) -> DataFrame:
    """The largest jobs of a month, read day by day."""

    def days() -> Iterator[DataFrame]:
        for start, end in days_of(period.start, cutoff):
            yield seconds_of_jobs(doors.slurm.fetch_jobs(start, end), accounts, kinds)
            progress.up_to(end, period, cutoff)

    return largest_jobs(days(), kinds)


def uncompared(mode: Reconcile, rolled: datetime | None) -> tuple[str, ...]:
    """Why nothing is compared with slurmdbd's own books, where that is so."""
    if mode is Reconcile.OFF:
        return ("not compared with slurmdbd's own books: SYNC_RECONCILE=off",)
    return () if rolled else (f"not compared with slurmdbd's own books: {NO_BOOKS}",)


def compared(
    doors: Doors, counted: Counted, rolled: datetime, observed: ClusterState, accounts: set[str]
) -> Reconciliation | None:
    """Our count beside slurmdbd's own books, for these accounts."""
    start, tres = counted.period.start, tuple(doors.components)
    if rolled <= start:
        return None
    every = reconcile(
        seconds_by_account(counted.whole_hours),
        doors.slurm.fetch_books(start, rolled, tres),
        tres,
        below=children_of(observed),
        reservations=doors.slurm.fetch_reservations(start, rolled),
        until=rolled,
    )
    return type(every)(every.until, tuple(line for line in every.lines if line.account in accounts))
