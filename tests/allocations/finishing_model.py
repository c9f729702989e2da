"""The marketplace's own states of one order, as a model (contract/API.md 3 and 5).

The model is walked whole: from the start by our own calls, up to a kill after any of them; by refusals and
retries; and by everything that another tool with the same rights can say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from allocations.errors import OrderEnded, UnfinishableOrder
from allocations.finishing import Finish, next_finish
from allocations.kinds import Kind
from allocations.marketplace import AllocationState, OrderItemState, ResourceState

ITEM, RESOURCE, ALLOCATION = OrderItemState, ResourceState, AllocationState
KINDS = (Kind.CREATE, Kind.UPDATE, Kind.SWITCH, Kind.TERMINATE)
EVERY_PAIR = list(product(ResourceState, AllocationState))
AT_REST = (ALLOCATION.OK, ALLOCATION.ERRED)
MOVES = {
    ALLOCATION.CREATING: (ALLOCATION.CREATION_SCHEDULED,),
    ALLOCATION.UPDATING: (ALLOCATION.UPDATE_SCHEDULED,),
    ALLOCATION.DELETING: (ALLOCATION.DELETION_SCHEDULED,),
    ALLOCATION.UPDATE_SCHEDULED: AT_REST,
    ALLOCATION.DELETION_SCHEDULED: AT_REST,
    ALLOCATION.OK: tuple(ALLOCATION),
    ALLOCATION.ERRED: tuple(ALLOCATION),
}
"""Where the server lets an allocation go, and from where."""
SAYS = {
    Finish.ALLOCATION_CREATING: ALLOCATION.CREATING,
    Finish.ALLOCATION_UPDATING: ALLOCATION.UPDATING,
    Finish.ALLOCATION_OK: ALLOCATION.OK,
    Finish.ALLOCATION_DELETION_SCHEDULED: ALLOCATION.DELETION_SCHEDULED,
}
COMPLETES = {
    Kind.CREATE: ALLOCATION.CREATING,
    Kind.UPDATE: ALLOCATION.UPDATING,
    Kind.SWITCH: ALLOCATION.UPDATING,
}
"""From where `ok` completes the item and the resource as well."""


class Refused(AssertionError):  # noqa: N818 - names the fact
    """400, 409 or a 500 for ever: no call of ours may meet one."""


@dataclass(frozen=True)
class Marketplace:
    """One order as the server keeps it.

    `strict`: an Erred resource is not completed by its allocation. What the server does there is not on
    record, so both kinds of server must work.
    """

    kind: Kind
    item: OrderItemState
    resource: ResourceState
    allocation: AllocationState
    open_periods: int
    strict: bool

    def after(self, call: Finish) -> Marketplace:
        """Our call."""
        return self.done() if call is Finish.ITEM_DONE else self.told(SAYS[call])

    def done(self) -> Marketplace:
        """set_state_done on the item."""
        if self.item is not ITEM.EXECUTING:
            raise Refused("400: Order item has incorrect state")
        if self.kind is not Kind.TERMINATE:
            return self.completed()
        if self.allocation is not ALLOCATION.DELETION_SCHEDULED:
            raise Refused("500: the server itself moves the allocation from Deletion Scheduled to Deleting")
        ended = replace(self, item=ITEM.DONE, resource=RESOURCE.TERMINATED, open_periods=0)
        return replace(ended, allocation=ALLOCATION.DELETING)

    def completed(self) -> Marketplace:
        """The item is done and the resource OK: a creation opens a plan period, an update changes it."""
        periods = self.open_periods + 1 if self.kind is Kind.CREATE else 1
        return replace(self, item=ITEM.DONE, resource=RESOURCE.OK, open_periods=periods)

    def told(self, state: AllocationState) -> Marketplace:
        """set_state of the allocation, with what it does to the item and the resource."""
        if self.allocation not in MOVES[state]:
            raise Refused(f"409: from {self.allocation} to {state}")
        moved = replace(self, allocation=state)
        if state is ALLOCATION.OK and self.allocation is COMPLETES.get(self.kind):
            return moved if self.strict and self.resource is RESOURCE.ERRED else moved.completed()
        busy = (*COMPLETES.values(), ALLOCATION.DELETING)
        if state is ALLOCATION.ERRED and self.allocation in busy and self.item is ITEM.EXECUTING:
            return moved.refused()
        return moved

    def refused(self) -> Marketplace:
        """set_state_erred on the item."""
        after = RESOURCE.OK if self.kind is Kind.TERMINATE else RESOURCE.ERRED
        return replace(self, item=ITEM.ERRED, resource=after)

    def meddled(self) -> set[Marketplace]:
        """What refusals, retries and other tools can make of it."""
        found = {self.told(state) for state in MOVES if self.allocation in MOVES[state]}
        if self.item is ITEM.ERRED:
            found.add(replace(self, item=ITEM.EXECUTING))
        if self.item is ITEM.EXECUTING:
            found.add(self.refused())
        return found

    def next_call(self) -> Finish | None:
        return next_finish(self.kind, self.item, self.resource, self.allocation)

    @property
    def is_finished(self) -> bool:
        match self.kind:
            case Kind.TERMINATE:
                end = (RESOURCE.TERMINATED, ALLOCATION.DELETING, 0)
            case Kind.SWITCH if self.allocation is ALLOCATION.ERRED:
                end = (RESOURCE.OK, ALLOCATION.ERRED, 1)  # it was so before, and a switch leaves it alone
            case _:
                end = (RESOURCE.OK, ALLOCATION.OK, 1)
        return (self.item, self.resource, self.allocation, self.open_periods) == (ITEM.DONE, *end)


def start(kind: Kind, *, strict: bool = False) -> Marketplace:
    """An order that the marketplace's own worker has just made ready."""
    resource, allocation, periods = {
        Kind.CREATE: (RESOURCE.CREATING, ALLOCATION.CREATION_SCHEDULED, 0),
        Kind.UPDATE: (RESOURCE.UPDATING, ALLOCATION.UPDATE_SCHEDULED, 1),
        Kind.SWITCH: (RESOURCE.UPDATING, ALLOCATION.OK, 1),
        Kind.TERMINATE: (RESOURCE.TERMINATING, ALLOCATION.DELETION_SCHEDULED, 1),
    }[kind]
    return Marketplace(kind, ITEM.EXECUTING, resource, allocation, periods, strict)


def reachable(first: Marketplace, *, meddling: bool) -> set[Marketplace]:
    """Every state with an executing item; without meddling only our calls, refusals and retries."""
    found: set[Marketplace] = set()
    new = {first}
    while new:
        state = new.pop()
        found.add(state)
        steps = ours(state)
        steps |= state.meddled() if meddling else failed(state)
        new |= {step for step in steps if step.item is not ITEM.DONE} - found
    return {state for state in found if state.item is ITEM.EXECUTING}


def ours(state: Marketplace) -> set[Marketplace]:
    """After our next call, where there is one."""
    try:
        call = state.next_call()
    except (OrderEnded, UnfinishableOrder):
        return set()
    return {state.after(call)} if call else set()


def failed(state: Marketplace) -> set[Marketplace]:
    """Refused by us, freed for the next order (or killed before that), and tried again by staff."""
    if state.item is ITEM.EXECUTING:
        refused = state.refused()
        return {refused} if state.kind is Kind.CREATE else {refused, refused.told(ALLOCATION.OK)}
    return {replace(state, item=ITEM.EXECUTING)}


def ended(state: Marketplace) -> tuple[Marketplace, list[Finish]]:
    """After all our calls, and the calls; no call is refused, and the item is executing until the last."""
    calls = []
    while call := state.next_call():
        assert state.item is ITEM.EXECUTING, "a done item is in no run's list of executing orders"
        calls.append(call)
        state = state.after(call)
        assert len(calls) <= 4, calls
    return state, calls
