"""The outside effects, each a Prefect task: what Prefect's UI shows, times and retries.

Retries are for what can pass by itself (`flows.calm.MAY_PASS`). A call that may not be repeated after it
might have arrived is repeated by the next run instead, which reads first what is already there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from allocations.finishing import Finish
from allocations.marketplace import OrderItemState, ResourceState
from allocations.usage import tres_seconds
from cloudrock_io.states import AllocationTransition
from flows.calm import RETRIES, RETRY_DELAYS, may_pass

if TYPE_CHECKING:
    from datetime import date, datetime

    import pandas as pd

    from allocations.accounts import AccountName, UserName
    from allocations.billing import UsageReport
    from allocations.days import WindowUsage
    from allocations.marketplace import (
        AllocationState,
        ComponentUsage,
        FreeIpaProfile,
        Offering,
        OrderItem,
        PlanPeriod,
        Resource,
        TeamMember,
        TokenOwner,
    )
    from allocations.model import Change, ClusterState
    from allocations.reconcile import Books, Reservation
    from cloudrock_io.client import Cloudrock
    from slurm_io.client import Slurm

REPORTABLE = (ResourceState.OK, ResourceState.UPDATING, ResourceState.TERMINATING)
"""The states in which the marketplace takes usage (contract 6)."""

effect: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": RETRY_DELAYS,
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
once: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="fetch-offering", **effect)
def fetch_offering(cloudrock: Cloudrock) -> Offering:
    """The offering that the settings name."""
    return cloudrock.fetch_offering()


@task(name="fetch-executing-orders", **effect)
def fetch_executing_orders(cloudrock: Cloudrock) -> tuple[list[OrderItem], list[str]]:
    """Every order item that waits for us, oldest first, and what is wrong with those that cannot be read."""
    unreadable: list[str] = []
    orders = cloudrock.fetch_order_items(
        states=[OrderItemState.EXECUTING], on_unreadable=lambda problem: unreadable.append(str(problem))
    )
    return orders, unreadable


@task(name="fetch-resources", **effect)
def fetch_resources(
    cloudrock: Cloudrock, states: tuple[ResourceState, ...] | None = None
) -> tuple[list[Resource], list[str]]:
    """The offering's resources in those states (all by default), and what is wrong with unreadable ones."""
    unreadable: list[str] = []
    resources = cloudrock.fetch_resources(
        states, on_unreadable=lambda problem: unreadable.append(str(problem))
    )
    return resources, unreadable


@task(name="fetch-me", **effect)
def fetch_me(cloudrock: Cloudrock) -> TokenOwner:
    """Whom the token speaks for."""
    return cloudrock.fetch_me()


@task(name="fetch-freeipa-profiles", **effect)
def fetch_freeipa_profiles(cloudrock: Cloudrock) -> tuple[FreeIpaProfile, ...]:
    """Every FreeIPA profile that the token may see."""
    return tuple(cloudrock.fetch_freeipa_profiles())


@task(name="observe-cluster", **effect)
def observe_cluster(slurm: Slurm) -> ClusterState:
    """All accounts and associations of the cluster."""
    return slurm.observe()


@task(name="fetch-team", task_run_name="order {order_uuid:.8}: fetch team", **effect)
def fetch_team(cloudrock: Cloudrock, resource_uuid: str, order_uuid: str) -> tuple[TeamMember, ...]:
    """The people of the resource's project."""
    del order_uuid  # names the task run
    return tuple(cloudrock.fetch_team(resource_uuid))


@task(name="apply-change", task_run_name="order {order_uuid:.8}: {change}", **effect)
def apply_change(slurm: Slurm, change: Change, observed: ClusterState, order_uuid: str) -> None:
    """One change on the cluster; repeating it is harmless, since sacctmgr adds and sets."""
    del order_uuid
    slurm.apply(change, observed)


@task(
    name="record-account",
    task_run_name="order {order_uuid:.8}: record account {account} on the {kind}",
    **effect,
)
def record_account(
    cloudrock: Cloudrock, resource_uuid: str, account: AccountName, kind: str, order_uuid: str
) -> None:
    """The account as backend id of the resource, or of the allocation behind it."""
    del order_uuid
    if kind == "resource":
        cloudrock.set_resource_backend_id(resource_uuid, account)
    else:
        cloudrock.set_allocation_backend_id(resource_uuid, account)


@task(name="fetch-associations", task_run_name="order {order_uuid:.8}: fetch associations", **effect)
def fetch_associated(cloudrock: Cloudrock, allocation_uuid: str, order_uuid: str) -> frozenset[str]:
    """The user names that the marketplace associates with the allocation already."""
    del order_uuid
    return frozenset(found.username for found in cloudrock.fetch_associations(allocation_uuid))


@task(name="create-association", task_run_name="order {order_uuid:.8}: associate {user}", **effect)
def create_association(cloudrock: Cloudrock, resource_uuid: str, user: UserName, order_uuid: str) -> None:
    """Tell the marketplace that the user may use the allocation; a second time changes nothing."""
    del order_uuid
    cloudrock.create_association(resource_uuid, user)


@task(name="read-order", task_run_name="order {order_uuid:.8}: read back", **effect)
def read_order(
    cloudrock: Cloudrock, order_uuid: str, resource_uuid: str
) -> tuple[OrderItemState, ResourceState, AllocationState]:
    """Where the order item, its resource and its allocation stand now."""
    item = cloudrock.fetch_order_item(order_uuid)
    resource = cloudrock.fetch_resource(resource_uuid)
    return item.state, resource.state, cloudrock.fetch_allocation_state(resource_uuid)


@task(name="finish-order", task_run_name="order {order_uuid:.8}: {step.value}", **once)
def finish_order(cloudrock: Cloudrock, step: Finish, order_uuid: str, resource_uuid: str) -> None:
    """One finishing call. Not retried here: the next run reads what it did and goes on."""
    match step:
        case Finish.ALLOCATION_CREATING:
            cloudrock.set_allocation_state(resource_uuid, AllocationTransition.CREATING)
        case Finish.ALLOCATION_OK:
            cloudrock.set_allocation_state(resource_uuid, AllocationTransition.OK)
        case Finish.ITEM_DONE:
            cloudrock.set_order_item_done(order_uuid)


@task(name="refuse-order", task_run_name="order {order_uuid:.8}: erred", **once)
def refuse_order(cloudrock: Cloudrock, order_uuid: str, message: str, details: str) -> None:
    """Tell the customer why the order cannot be carried out, and staff what exactly happened."""
    cloudrock.set_order_item_erred(order_uuid, message, details)


@task(name="fetch-plan-periods", task_run_name="{account}: fetch plan periods", **effect)
def fetch_plan_periods(
    cloudrock: Cloudrock, resource_uuid: str, account: AccountName
) -> tuple[PlanPeriod, ...]:
    """The resource's plan periods of this month, with what each holds."""
    del account
    return tuple(cloudrock.fetch_plan_periods(resource_uuid))


@task(name="count-usage", task_run_name="{start:%Y-%m-%d}: count usage", **effect)
def count_usage(slurm: Slurm, start: datetime, end: datetime) -> pd.DataFrame:
    """TRES-seconds of all accounts and users in one window of the period."""
    return tres_seconds(slurm.fetch_jobs(start, end))


@task(name="read-usage", task_run_name="{start:%Y-%m-%d %H:%M}: read usage", **effect)
def read_usage(slurm: Slurm, start: datetime, end: datetime) -> WindowUsage:
    """What all accounts and users used in one window, from the job records."""
    return slurm.fetch_usage(start, end)


@task(name="read-usages", task_run_name="{bounds[0]:%Y-%m-%d %H:%M}: read usage", **effect)
def read_usages(slurm: Slurm, bounds: tuple[datetime, ...]) -> tuple[WindowUsage, ...]:
    """The same for consecutive windows, with one question."""
    return slurm.fetch_windows(*bounds)


@task(name="fetch-cluster-name", **effect)
def fetch_cluster_name(slurm: Slurm) -> str:
    """The name of the one cluster that slurmdbd knows."""
    return slurm.fetch_cluster_name()


@task(name="fetch-rolled-until", **effect)
def fetch_rolled_until(slurm: Slurm, moment: datetime) -> datetime | None:
    """The whole hour up to which slurmdbd has summed up."""
    return slurm.fetch_rolled_until(moment)


@task(name="fetch-books", task_run_name="{start:%Y-%m-%d}: slurmdbd's own books", **effect)
def fetch_books(slurm: Slurm, start: datetime, until: datetime, tres: tuple[str, ...]) -> Books:
    """What slurmdbd itself has summed up."""
    return slurm.fetch_books(start, until, tres)


@task(name="fetch-reservations", **effect)
def fetch_reservations(slurm: Slurm, start: datetime, until: datetime) -> tuple[Reservation, ...]:
    """The reservations whose idle time is in slurmdbd's books."""
    return slurm.fetch_reservations(start, until)


@task(name="fetch-held-usage", **effect)
def fetch_held_usage(cloudrock: Cloudrock, month: date) -> tuple[ComponentUsage, ...]:
    """What the marketplace holds for the month, over the whole offering."""
    return tuple(cloudrock.fetch_component_usages(month))


@task(name="report-usage", task_run_name="{account}: report usage", **effect)
def report_usage(cloudrock: Cloudrock, report: UsageReport, account: AccountName) -> None:
    """Set the month's amounts; repeating it changes nothing."""
    del account
    cloudrock.report_usage(report.plan_period_uuid, dict(report.amounts), dict(report.descriptions))
