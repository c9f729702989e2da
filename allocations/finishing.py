"""How a Create order is finished so that exactly one plan period opens, whatever happened before.

Source: contract/API.md 3.1 and 3.4. Moving the allocation from Creating to OK completes item and resource in
one call of the server; a `set_state_done` beside that opens a second plan period. So that one call is ours,
and `set_state_done` is for the states in which it has no such effect.
"""

from __future__ import annotations

from enum import Enum

from allocations.marketplace import AllocationState, OrderItemState, ResourceState


class Finish(Enum):
    """One call that finishes a part of an order."""

    ALLOCATION_CREATING = "allocation creating"
    ALLOCATION_OK = "allocation ok"
    ITEM_DONE = "order item done"


def next_finish(item: OrderItemState, resource: ResourceState, allocation: AllocationState) -> Finish | None:
    """The next call that brings a Create order to its end; None when it is there.

    Asked again after each call, with the states read anew, so a run that was killed goes on where it stopped.
    """
    if item is OrderItemState.DONE:
        return None if allocation is AllocationState.OK else Finish.ALLOCATION_OK
    if resource is ResourceState.CREATING:
        match allocation:
            case AllocationState.CREATION_SCHEDULED:
                return Finish.ALLOCATION_CREATING
            case AllocationState.CREATING:
                return Finish.ALLOCATION_OK
            case _:
                return Finish.ITEM_DONE
    if allocation is AllocationState.CREATING:
        return Finish.ALLOCATION_OK
    return Finish.ITEM_DONE
