"""The outside effects, each a Prefect task: what Prefect's UI shows, times and retries.

Retries are for what can pass by itself (`flows.calm.MAY_PASS`). A call that may not be repeated after it
might have arrived is repeated by the next run instead, which reads first what is already there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from allocations.finishing import Finish
from allocations.marketplace import AllocationState, OrderItemState, ResourceState
from cloudrock_io.states import AllocationTransition
from flows import gathering
from flows.calm import RETRIES, RETRY_DELAYS, may_pass

if TYPE_CHECKING:
    from datetime import date, datetime

    from allocations.accounts import AccountName, ClusterName, UserName
    from allocations.changes import Change
    from allocations.days import WindowUsage
    from allocations.marketplace import ComponentUsage, Offering, PlanPeriod, Resource, TokenOwner
    from allocations.membership import Team
    from allocations.model import ClusterState
    from allocations.reconcile import Books, Reservation
    from allocations.snapshot import Snapshot
    from cloudrock_io.client import Cloudrock
    from flows.choices import UsernameSource
    from slurm_io.client import Slurm
    from slurm_io.parsing_cluster import ActiveJob

TRANSITIONS = {
    Finish.ALLOCATION_CREATING: AllocationTransition.CREATING,
    Finish.ALLOCATION_UPDATING: AllocationTransition.UPDATING,
    Finish.ALLOCATION_OK: AllocationTransition.OK,
    Finish.ALLOCATION_DELETION_SCHEDULED: AllocationTransition.DELETION_SCHEDULED,
}
WAITING = frozenset({AllocationState.UPDATE_SCHEDULED, AllocationState.DELETION_SCHEDULED})
"""Where a refused order leaves its allocation, and from where `ok` moves nothing else (contract 5)."""
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


@task(name="read-marketplace", **effect)
def read_marketplace(cloudrock: Cloudrock, source: UsernameSource) -> Snapshot:
    """The offering's orders, resources and teams, read in bulk."""
    return gathering.read_marketplace(cloudrock, source)


@task(name="fetch-me", **effect)
def fetch_me(cloudrock: Cloudrock) -> TokenOwner:
    """Whom the token speaks for."""
    return cloudrock.fetch_me()


@task(name="confirm-teams", **effect)
def confirm_teams(
    cloudrock: Cloudrock, doubtful: tuple[Resource, ...], source: UsernameSource
) -> dict[str, Team]:
    """A second look at the teams that somebody seems to have left; project uuid to its own answer."""
    return gathering.own_teams(cloudrock, doubtful, source)


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


@task(name="observe-cluster", **effect)
def observe_cluster(slurm: Slurm) -> ClusterState:
    """All accounts and associations of the cluster."""
    return slurm.observe()


@task(name="observe-whole-cluster", **effect)
def observe_whole_cluster(slurm: Slurm, default_account: AccountName) -> ClusterState:
    """The same, and who made each account, and every user's default account."""
    return slurm.observe_ready(default_account)


@task(name="approve-order", task_run_name="order {order_uuid}: approve", **once)
def approve_order(cloudrock: Cloudrock, order_uuid: str) -> bool:
    """Approve a pending item, after one more look: to an executing one the call would mean done."""
    if cloudrock.fetch_order_item(order_uuid).state is not OrderItemState.PENDING:
        return False
    cloudrock.approve_order_item(order_uuid)
    return True


@task(name="apply-change", task_run_name="{subject}: {change}", **effect)
def apply_change(slurm: Slurm, change: Change, subject: str) -> None:
    """One change on the cluster; repeating it is harmless, since sacctmgr adds and sets."""
    del subject  # names the task run
    slurm.apply(change)


@task(name="make-homes", task_run_name="{subject}: homes", **once)
def make_homes(slurm: Slurm, users: tuple[UserName, ...], umask: str, subject: str) -> list[str]:
    """Home directories; what went wrong with some, one sentence each."""
    del subject
    return slurm.make_homes(users, umask)


@task(name="fetch-active-jobs", **effect)
def fetch_active_jobs(slurm: Slurm, accounts: frozenset[AccountName]) -> frozenset[ActiveJob]:
    """What still runs, or waits to run, under some accounts."""
    return slurm.fetch_active_jobs(accounts)


@task(name="record-account", task_run_name="{subject}: record account {account} on the {kind}", **effect)
def record_account(
    cloudrock: Cloudrock, resource_uuid: str, account: AccountName, kind: str, subject: str
) -> None:
    """The account as backend id of the resource, or of the allocation behind it."""
    del subject
    if kind == "resource":
        cloudrock.set_resource_backend_id(resource_uuid, account)
    else:
        cloudrock.set_allocation_backend_id(resource_uuid, account)


@task(name="mend-limits", task_run_name="{subject}: mend the marketplace's limits", **effect)
def mend_limits(cloudrock: Cloudrock, resource_uuid: str, limits: dict[str, int], subject: str) -> None:
    """The resource's limits without what would make the server fail for ever."""
    del subject
    cloudrock.set_allocation_limits(resource_uuid, limits)


@task(name="read-order", task_run_name="{subject}: read back", **effect)
def read_order(
    cloudrock: Cloudrock, order_uuid: str, resource_uuid: str, subject: str
) -> tuple[OrderItemState, ResourceState, AllocationState]:
    """Where the order item, its resource and its allocation stand now."""
    del subject
    item = cloudrock.fetch_order_item(order_uuid)
    resource = cloudrock.fetch_resource(resource_uuid)
    return item.state, resource.state, cloudrock.fetch_allocation_state(resource_uuid)


@task(name="finish-order", task_run_name="{subject}: {step.value}", **once)
def finish_order(
    cloudrock: Cloudrock, step: Finish, order_uuid: str, resource_uuid: str, subject: str
) -> None:
    """One finishing call. Not retried here: the next run reads what it did and goes on."""
    del subject
    if step is Finish.ITEM_DONE:
        cloudrock.set_order_item_done(order_uuid)
    else:
        cloudrock.set_allocation_state(resource_uuid, TRANSITIONS[step])


@task(name="refuse-order", task_run_name="{subject}: erred", **once)
def refuse_order(cloudrock: Cloudrock, order_uuid: str, message: str, details: str, subject: str) -> None:
    """Tell the customer why the order cannot be carried out, and staff what exactly happened."""
    del subject
    cloudrock.set_order_item_erred(order_uuid, message, details)


@task(name="free-allocation", task_run_name="{subject}: allocation ok again", **once)
def free_allocation(cloudrock: Cloudrock, resource_uuid: str, subject: str) -> None:
    """After a refused Update or Terminate: else the marketplace fails the next order by itself.

    Only out of the states that wait: what `ok` does to a failed order out of the others is not on record.
    """
    del subject
    if cloudrock.fetch_allocation_state(resource_uuid) in WAITING:
        cloudrock.set_allocation_state(resource_uuid, AllocationTransition.OK)


@task(name="fetch-plan-periods", task_run_name="{account}: fetch plan periods", **effect)
def fetch_plan_periods(
    cloudrock: Cloudrock, resource_uuid: str, account: AccountName
) -> tuple[PlanPeriod, ...]:
    """The resource's plan periods of this month, with what each holds."""
    del account
    return tuple(cloudrock.fetch_plan_periods(resource_uuid))


@task(name="read-usage", task_run_name="{start:%Y-%m-%d %H:%M}: read usage", **effect)
def read_usage(slurm: Slurm, start: datetime, end: datetime) -> WindowUsage:
    """What all accounts and users used in one window, from the job records."""
    return slurm.fetch_usage(start, end)


@task(name="read-usages", task_run_name="{bounds[0]:%Y-%m-%d %H:%M}: read usage", **effect)
def read_usages(slurm: Slurm, bounds: tuple[datetime, ...]) -> tuple[WindowUsage, ...]:
    """The same for consecutive windows, with one question."""
    return slurm.fetch_windows(*bounds)


@task(name="fetch-cluster-name", **effect)
def fetch_cluster_name(slurm: Slurm) -> ClusterName:
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
