"""What push-usage asks and tells beside the amounts themselves, each a Prefect task (see `flows.tasks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task

from flows.tasks import effect

if TYPE_CHECKING:
    from allocations.accounts import AccountName
    from allocations.billing import BillingPeriod
    from allocations.marketplace import UserUsage
    from cloudrock_io.client import Cloudrock


@task(name="fetch-held-user-usage", **effect)
def fetch_held_user_usage(cloudrock: Cloudrock, period: BillingPeriod) -> dict[str, list[UserUsage]]:
    """Allocation uuid to what the marketplace shows of each of its users for the month."""
    return cloudrock.fetch_all_user_usages(period.year, period.month)


@task(name="report-total", task_run_name="{account}: report the total", **effect)
def report_total(cloudrock: Cloudrock, resource_uuid: str, total: UserUsage, account: AccountName) -> None:
    """Set the allocation's own totals; repeating it changes nothing."""
    del account
    cloudrock.report_user_usage(resource_uuid, total)


@task(name="report-users", task_run_name="{account}: report users", **effect)
def report_users(
    cloudrock: Cloudrock, resource_uuid: str, rows: list[UserUsage], account: AccountName
) -> None:
    """Set what each of these users used; repeating it changes nothing."""
    del account
    for row in rows:
        cloudrock.report_user_usage(resource_uuid, row)
