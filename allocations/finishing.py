"""How a Create order is finished so that exactly one plan period opens, whatever happened before.

Source: contract/API.md 3.1 and 3.4. Moving the allocation from Creating to OK completes item and resource in
one call of the server; a `set_state_done` beside that opens a second plan period. So that one call is ours,
and `set_state_done` is for the states in which it has no such effect.
"""

from __future__ import annotations

from enum import Enum

from allocations.errors import OrderEnded
from allocations.marketplace import AllocationState, OrderItemState, ResourceState

UNFINISHED = frozenset({AllocationState.CREATION_SCHEDULED, AllocationState.CREATING, AllocationState.ERRED})
"""What another tool may leave behind a done Create order; a later order's states are not ours to end."""


class Finish(Enum):
    """One call that finishes a part of an order."""

    ALLOCATION_CREATING = "allocation creating"
    ALLOCATION_OK = "allocation ok"
    ITEM_DONE = "order item done"


def next_finish(item: OrderItemState, resource: ResourceState, allocation: AllocationState) -> Finish | None:
    """The next call that brings a Create order to its end; None when it is there.

    Asked again after each call, with the states read anew. A killed run is taken up by the next one only
    while the item is executing, so the item is done last.

    Raises:
        OrderEnded: the item was rejected, refused or cancelled meanwhile.
    """
    match item:
        case OrderItemState.DONE:
            return Finish.ALLOCATION_OK if allocation in UNFINISHED else None
        case OrderItemState.EXECUTING:
            if allocation is AllocationState.OK:
                return Finish.ITEM_DONE
            if resource is ResourceState.CREATING and allocation is AllocationState.CREATION_SCHEDULED:
                return Finish.ALLOCATION_CREATING
            return Finish.ALLOCATION_OK
        case _:
            raise OrderEnded(f"the order item is {item.value!r}: somebody ended it while it was carried out")
