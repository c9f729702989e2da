"""What push-usage asks and tells beside the amounts themselves, each a Prefect task (see `flows.tasks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task

import slurm_io.retention
from cloudrock_io.states import AllocationTransition
from flows.tasks import effect, once

if TYPE_CHECKING:
    from datetime import datetime

    from allocations.accounts import AccountName
    from allocations.billing import BillingPeriod, UsageReport
    from allocations.marketplace import UserUsage
    from allocations.retention import Retention
    from cloudrock_io.client import Cloudrock
    from slurm_io.client import Slurm
    from slurm_io.parsing_cluster import ActiveJob


@task(name="fetch-held-user-usage", **effect)
def fetch_held_user_usage(cloudrock: Cloudrock, period: BillingPeriod) -> dict[str, list[UserUsage]]:
    """Allocation uuid to what the marketplace shows of each of its users for the month."""
    return cloudrock.fetch_all_user_usages(period.year, period.month)


@task(name="fetch-runaways", **once)
def fetch_runaways(slurm: Slurm, accounts: frozenset[AccountName]) -> frozenset[ActiveJob]:
    """Jobs that slurmdbd charges for ever; not repeated: the month is counted without knowing them."""
    return slurm.fetch_runaways(accounts)


@task(name="report-users", task_run_name="{account}: report users", **effect)
def report_users(
    cloudrock: Cloudrock, resource_uuid: str, rows: list[UserUsage], account: AccountName
) -> None:
    """Set what each of these users used; repeating it changes nothing."""
    del account
    for row in rows:
        cloudrock.report_user_usage(resource_uuid, row)


@task(name="fetch-held-associations", **effect)
def fetch_held_associations(cloudrock: Cloudrock) -> dict[str, frozenset[str]]:
    """Allocation uuid to the names that the marketplace associates with it."""
    return cloudrock.fetch_all_associations()


@task(name="show-limits", task_run_name="{account}: show limits", **effect)
def show_limits(
    cloudrock: Cloudrock, resource_uuid: str, limits: dict[str, int], account: AccountName
) -> None:
    """Set the limits that the marketplace shows; repeating it changes nothing."""
    del account
    cloudrock.set_allocation_limits(resource_uuid, limits)


@task(name="mark-erred", task_run_name="{account}: set erred", **once)
def mark_erred(cloudrock: Cloudrock, resource_uuid: str, account: str) -> None:
    """Say in the marketplace that the allocation's account is not on the cluster."""
    del account
    cloudrock.set_allocation_state(resource_uuid, AllocationTransition.ERRED)


@task(name="fetch-retention", **effect)
def fetch_retention(slurm: Slurm) -> Retention | None:
    """How long slurmdbd keeps job records; None: for ever."""
    return slurm_io.retention.fetch_retention(slurm.runner)


@task(name="ask-for-dated-usage", **effect)
def ask_for_dated_usage(cloudrock: Cloudrock) -> bool:
    """Whether the marketplace books usage under a past month; nothing is written."""
    return cloudrock.books_dated_usage()


@task(name="report-dated-usage", task_run_name="{account}: report usage of {moment:%Y-%m}", **once)
def report_dated_usage(
    cloudrock: Cloudrock, report: UsageReport, moment: datetime, account: AccountName
) -> None:
    """Set a past month's amounts, at a server that books them there. Not retried: it is looked at first."""
    del account
    cloudrock.report_dated_usage(
        report.plan_period_uuid, dict(report.amounts), moment, dict(report.descriptions)
    )
