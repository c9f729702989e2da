"""Drift that the marketplace shows by itself, or while orders are at work. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.accounts import AccountName
from allocations.desired import lineage_of
from allocations.errors import InvalidOrder
from allocations.findings import Finding, FindingKind, Mender
from allocations.history import REMOVE_ACCOUNTS, Trace
from allocations.marketplace import AllocationState, ResourceState
from allocations.snapshot import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.desired import Rules
    from allocations.findings import BothSides
    from allocations.marketplace import Resource

FITTING = {
    ResourceState.CREATING: frozenset({AllocationState.CREATION_SCHEDULED, AllocationState.CREATING}),
    ResourceState.OK: frozenset({AllocationState.OK}),
    ResourceState.UPDATING: frozenset(
        {AllocationState.UPDATE_SCHEDULED, AllocationState.UPDATING, AllocationState.OK}
    ),
    ResourceState.TERMINATING: frozenset({AllocationState.DELETION_SCHEDULED, AllocationState.DELETING}),
}
"""The allocation's states in each state of its resource; a switch of plan leaves it OK (contract 3.2)."""
BUSY = frozenset({ResourceState.CREATING, ResourceState.UPDATING, ResourceState.TERMINATING})
"""The states that an order has led to and leads on from."""
HAS_ACCOUNT = frozenset({ResourceState.OK, ResourceState.UPDATING, ResourceState.TERMINATING})
RETRY = "`cloudrock-slurm retry ORDER_ITEM`"
LEADING_ON = "set the allocation's state `ok` in the marketplace, when no order is at work on it"


def missing_while_busy(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Resources with an account to their name and an order at work, without the account."""
    snapshot = sides.snapshot
    at_rest = {resource.uuid for resource in snapshot.resting}
    executing = {order.resource_uuid for order in snapshot.executing}
    for resource in snapshot.resources.values():
        if resource.state not in HAS_ACCOUNT or resource.uuid in at_rest or not resource.account:
            continue
        try:
            name = lineage_of(resource, snapshot.owners, rules).allocation
        except InvalidOrder:
            continue
        if name in sides.observed.accounts:
            continue
        is_at_work = resource.uuid in executing
        yield Finding(
            kind=FindingKind.MISSING,
            account=name,
            resource=resource,
            found="not on the cluster",
            expected=f"there: the resource is {resource.state.value}",
            mender=Mender.PULL if is_at_work else Mender.PERSON,
            remedy="the next pull carries out its order"
            if is_at_work
            else "end its order in the marketplace; then, should the resource be OK, "
            f"`cloudrock-slurm repair {name}`",
            traces=((Trace(action=REMOVE_ACCOUNTS, name=name),),),
        )


def states(sides: BothSides) -> Iterator[Finding]:
    """Resources that are Erred, stuck without an order, or beside their allocation's state."""
    with_order = {order.resource_uuid for order in sides.snapshot.orders}
    for resource in sides.snapshot.resources.values():
        account = account_of(resource)
        if resource.state is ResourceState.ERRED and resource.uuid not in with_order:
            yield Finding(
                kind=FindingKind.STATE,
                account=account,
                resource=resource,
                found="the resource is Erred: it takes no usage and is not kept up",
                expected="OK",
                remedy=f"{RETRY} with its erred order item, once the cause is mended",
            )
        if resource.state in BUSY and resource.uuid not in with_order:
            yield Finding(
                kind=FindingKind.STATE,
                account=account,
                resource=resource,
                found=f"the resource is {resource.state.value} without an open order",
                expected="OK, or an order that leads on",
                remedy=f"{RETRY} if its order item is erred; else a task for the marketplace's staff",
            )
        yield from misfit(resource, sides, has_order=resource.uuid in with_order)


def misfit(resource: Resource, sides: BothSides, *, has_order: bool) -> Iterator[Finding]:
    """An allocation in a state that its resource's does not go with; an open order may be leading it on."""
    known = sides.allocations.get(resource.uuid)
    state = known.state if known else resource.allocation_state
    fitting = FITTING.get(resource.state)
    if state is None or fitting is None or state in fitting or has_order:
        return
    yield Finding(
        kind=FindingKind.STATE,
        account=account_of(resource),
        resource=resource,
        found=f"the allocation is {state.value} and the resource {resource.state.value}",
        expected=f"an allocation that is {' or '.join(sorted(one.value for one in fitting))}",
        remedy=LEADING_ON,
    )


def account_of(resource: Resource) -> AccountName | None:
    """The account by which people know a resource; whether it is a good one is told elsewhere."""
    return None if not resource.account else AccountName(resource.account)


def backend_ids(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Accounts that are not recorded, or not alike, or twice, or nobody's."""
    holders = holders_of(sides)
    for resource in sides.snapshot.resources.values():
        if resource.state not in LIVE or resource.state is ResourceState.CREATING:
            continue
        try:
            name = lineage_of(resource, sides.snapshot.owners, rules).allocation
        except InvalidOrder as reason:
            others = [one for one in holders.get(resource.account or "", ()) if one is not resource]
            also = "".join(f"; {one.name!r} ({one.uuid}) records it too" for one in others)
            yield backend_id(resource, f"{reason}{also}", "an account of this resource, or none")
            continue
        if not resource.account and resource.state in HAS_ACCOUNT:
            yield backend_id(resource, "the resource records no account", name)
        known = sides.allocations.get(resource.uuid)
        if known and known.account != resource.account:
            yield backend_id(
                resource,
                f"the allocation records {known.account or 'nothing'}, "
                f"the resource {resource.account or 'nothing'}",
                f"{name} on both",
            )


def holders_of(sides: BothSides) -> dict[str, list[Resource]]:
    """Account to the resources that record it."""
    holders: dict[str, list[Resource]] = {}
    for resource in sides.snapshot.resources.values():
        if resource.account:
            holders.setdefault(resource.account, []).append(resource)
    return holders


def backend_id(resource: Resource, found: str, expected: str) -> Finding:
    """One finding about what a resource, or its allocation, records."""
    return Finding(
        kind=FindingKind.BACKEND_ID,
        account=account_of(resource),
        resource=resource,
        found=found,
        expected=expected,
        remedy="set the backend id in the marketplace, of the resource or of its allocation",
    )


def unreadable(sides: BothSides) -> Iterator[Finding]:
    """Orders and resources that could not be understood: what belongs to them is not known."""
    snapshot = sides.snapshot
    for problem in (*snapshot.unreadable_orders, *snapshot.unreadable_resources):
        yield Finding(
            kind=FindingKind.UNREADABLE,
            found=problem,
            expected="what the marketplace's contract says",
            remedy="mend it in the marketplace",
        )
