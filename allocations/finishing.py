"""How each kind of order is finished so that exactly one plan period is open, whatever happened before.

Source: contract/API.md 3.1 to 3.4. Moving the allocation from Creating (or Updating) to OK completes item
and resource in one call of the server; a `set_state_done` beside it opens a second plan period. So that one
call is ours, and `set_state_done` is for the states in which it has no such effect. A Terminate is the other
way round: the server moves the allocation itself, and fails for ever when somebody did so before.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from allocations.errors import OrderEnded, UnfinishableOrder
from allocations.kinds import Kind
from allocations.marketplace import AllocationState, OrderItemState, ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT_BEHIND = {
    Kind.CREATE: frozenset(
        {AllocationState.CREATION_SCHEDULED, AllocationState.CREATING, AllocationState.ERRED}
    ),
    Kind.UPDATE: frozenset(
        {AllocationState.UPDATE_SCHEDULED, AllocationState.UPDATING, AllocationState.ERRED}
    ),
    Kind.SWITCH: frozenset[AllocationState](),
    Kind.TERMINATE: frozenset[AllocationState](),
}
"""What another tool may leave behind a done order; a later order's states are not ours to end."""


ENDED = {
    (Kind.CREATE, ResourceState.TERMINATED): "the next pull removes the account that was made for it",
    (Kind.CREATE, ResourceState.ERRED): (
        "the account stays for `cloudrock-slurm retry ORDER_ITEM`, which carries it out once more"
    ),
    (Kind.UPDATE, ResourceState.ERRED): (
        "the cluster has its limits already; `cloudrock-slurm retry ORDER_ITEM` finishes it, and "
        "`cloudrock-slurm drift` shows what differs"
    ),
    (Kind.SWITCH, ResourceState.ERRED): "`cloudrock-slurm retry ORDER_ITEM` finishes it",
    (Kind.TERMINATE, ResourceState.OK): (
        "the account is gone already; `cloudrock-slurm repair ACCOUNT` makes it again, and "
        "`cloudrock-slurm retry ORDER_ITEM` ends the resource"
    ),
}
"""What an order leaves behind that somebody ended while it was carried out, by the resource's state then."""


class Finish(Enum):
    """One call that finishes a part of an order."""

    ALLOCATION_CREATING = "allocation creating"
    ALLOCATION_UPDATING = "allocation updating"
    ALLOCATION_OK = "allocation ok"
    ALLOCATION_DELETION_SCHEDULED = "allocation deletion scheduled"
    ITEM_DONE = "order item done"


def next_finish(
    kind: Kind, item: OrderItemState, resource: ResourceState, allocation: AllocationState
) -> Finish | None:
    """The next call that brings an order to its end; None when it is there.

    Asked again after each call, with the states read anew. A killed run is taken up by the next one only
    while the item is executing, so the item is done last.

    Raises:
        OrderEnded: the item was rejected, refused or cancelled meanwhile.
        UnfinishableOrder: the allocation is where no call of ours may lead it on from.
    """
    match item:
        case OrderItemState.DONE:
            return Finish.ALLOCATION_OK if allocation in LEFT_BEHIND[kind] else None
        case OrderItemState.EXECUTING:
            return STEPS[kind](resource, allocation)
        case _:
            raise OrderEnded(
                f"somebody ended the order while it was carried out: its item is {item.value}, its resource "
                f"{resource.value}; {ENDED.get((kind, resource), 'look at both in the portal')}"
            )


def finish_create(resource: ResourceState, allocation: AllocationState) -> Finish:
    """Creating, then OK, where the resource is new; else the item is done last."""
    if allocation is AllocationState.OK:
        return Finish.ITEM_DONE
    if resource is ResourceState.CREATING and allocation is AllocationState.CREATION_SCHEDULED:
        return Finish.ALLOCATION_CREATING
    return Finish.ALLOCATION_OK


def finish_update(resource: ResourceState, allocation: AllocationState) -> Finish:
    """Updating, then OK, where the resource is updating; else the item is done last."""
    if allocation is AllocationState.OK:
        return Finish.ITEM_DONE
    if resource is ResourceState.UPDATING and allocation is AllocationState.UPDATE_SCHEDULED:
        return Finish.ALLOCATION_UPDATING
    if allocation in LEFT_BEHIND[Kind.UPDATE]:
        return Finish.ALLOCATION_OK
    raise unfinishable(allocation, "Update")


def finish_switch(_resource: ResourceState, allocation: AllocationState) -> Finish:
    """A switch of plan leaves the allocation alone, so only the item is done."""
    if allocation in (AllocationState.OK, AllocationState.ERRED):
        return Finish.ITEM_DONE
    if allocation is AllocationState.UPDATE_SCHEDULED:
        return Finish.ALLOCATION_OK
    raise unfinishable(allocation, "Update")


def finish_terminate(_resource: ResourceState, allocation: AllocationState) -> Finish:
    """Done, from Deletion Scheduled only: from Deleting the server fails for ever, so it is led back."""
    match allocation:
        case AllocationState.DELETION_SCHEDULED:
            return Finish.ITEM_DONE
        case AllocationState.OK | AllocationState.ERRED:
            return Finish.ALLOCATION_DELETION_SCHEDULED
        case AllocationState.DELETING | AllocationState.UPDATE_SCHEDULED | AllocationState.CREATION_SCHEDULED:
            return Finish.ALLOCATION_OK
        case _:
            raise unfinishable(allocation, "Terminate")


STEPS = {
    Kind.CREATE: finish_create,
    Kind.UPDATE: finish_update,
    Kind.SWITCH: finish_switch,
    Kind.TERMINATE: finish_terminate,
}


def unfinishable(allocation: AllocationState, order: str) -> UnfinishableOrder:
    """What to say about states that belong to another order."""
    return UnfinishableOrder(
        f"the allocation is {allocation.value!r}, which no {order} order leads to: `ok` would end another "
        "order with it. Look at the allocation's other orders in the portal"
    )


def limits_to_mend(
    ordered: Mapping[str, int], held: Mapping[str, int], billed_by_limit: frozenset[str]
) -> dict[str, int] | None:
    """The resource's limits without what makes `done` fail for ever; None when nothing does (contract 3.2).

    Somebody may have set limits of components that the offering does not bill by limit: the server checks
    nothing there, and then cannot finish any Update that has limits.
    """
    if not ordered or set(held) <= billed_by_limit:
        return None
    return {kind: amount for kind, amount in held.items() if kind in billed_by_limit}
