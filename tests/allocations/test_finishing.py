"""Finishing a Create order, against a model of the marketplace's own states (contract/API.md 3.1, 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import pytest

from allocations.errors import OrderEnded
from allocations.finishing import Finish, next_finish
from allocations.marketplace import AllocationState, OrderItemState, ResourceState

ITEM, RESOURCE, ALLOCATION = OrderItemState, ResourceState, AllocationState
EVERY_PAIR = list(product(ResourceState, AllocationState))


@dataclass(frozen=True)
class Marketplace:
    """One Create order as the server keeps it.

    `strict`: an Erred resource is not completed by its allocation.

    What the server does there is not on record, so both kinds of server must work.
    """

    item: OrderItemState = ITEM.EXECUTING
    resource: ResourceState = RESOURCE.CREATING
    allocation: AllocationState = ALLOCATION.CREATION_SCHEDULED
    open_periods: int = 0
    strict: bool = False

    def completed(self) -> Marketplace:
        """Waldur's resource_creation_succeeded: it opens a plan period each time it runs."""
        return replace(self, item=ITEM.DONE, resource=RESOURCE.OK, open_periods=self.open_periods + 1)

    def after(self, call: Finish) -> Marketplace:
        match call:
            case Finish.ALLOCATION_CREATING:
                assert self.allocation is ALLOCATION.CREATION_SCHEDULED, "409"
                return replace(self, allocation=ALLOCATION.CREATING)
            case Finish.ALLOCATION_OK:
                moved = replace(self, allocation=ALLOCATION.OK)
                completes = self.allocation is ALLOCATION.CREATING
                if self.strict and self.resource is RESOURCE.ERRED:
                    completes = False
                return moved.completed() if completes else moved
            case Finish.ITEM_DONE:
                assert self.item is ITEM.EXECUTING, "400: Order item has incorrect state"
                return self.completed()

    def refused(self) -> Marketplace:
        """set_state_erred on the item."""
        return replace(self, item=ITEM.ERRED, resource=RESOURCE.ERRED)

    def allocation_erred(self) -> Marketplace:
        """Another tool says that the allocation is erred."""
        erred = replace(self, allocation=ALLOCATION.ERRED)
        return erred.refused() if self.allocation is ALLOCATION.CREATING else erred

    def tried_again(self) -> Marketplace:
        """Staff: set_state_executing on an erred item; the resource stays erred."""
        return replace(self, item=ITEM.EXECUTING)

    def next_call(self) -> Finish | None:
        return next_finish(self.item, self.resource, self.allocation)

    @property
    def is_finished(self) -> bool:
        return (self.item, self.resource, self.allocation) == (ITEM.DONE, RESOURCE.OK, ALLOCATION.OK)


def reachable(start: Marketplace) -> set[Marketplace]:
    """States with an executing item: our calls up to a kill, refusals, others' errors, staff's retries."""
    found: set[Marketplace] = set()
    new = {start}
    while new:
        state = new.pop()
        found.add(state)
        steps = {state.tried_again()} if state.item is ITEM.ERRED else set()
        if state.item is ITEM.EXECUTING:
            call = state.next_call()
            steps |= {state.refused(), state.allocation_erred()} | ({state.after(call)} if call else set())
        new |= {step for step in steps if step.item is not ITEM.DONE} - found
    return {state for state in found if state.item is ITEM.EXECUTING}


@pytest.mark.parametrize("strict", [False, True])
def test_from_every_reachable_state_the_order_ends_with_one_open_period(strict: bool) -> None:  # noqa: FBT001
    states = reachable(Marketplace(strict=strict))
    assert len(states) > 5
    for state in states:
        now, calls = state, []
        while call := now.next_call():
            calls.append(call)
            assert len(calls) <= 4, (state, calls)
            now = now.after(call)
        assert now.is_finished, (state, calls, now)
        assert now.open_periods == 1, (state, calls)


@pytest.mark.parametrize("strict", [False, True])
def test_the_item_is_done_last_so_a_killed_run_is_taken_up_again(strict: bool) -> None:  # noqa: FBT001
    for state in reachable(Marketplace(strict=strict)):
        now = state
        while call := now.next_call():
            assert now.item is ITEM.EXECUTING, "a done item is in no run's list of executing orders"
            now = now.after(call)


def test_an_undisturbed_order_takes_two_calls() -> None:
    first = Marketplace()
    assert first.next_call() is Finish.ALLOCATION_CREATING
    second = first.after(Finish.ALLOCATION_CREATING)
    assert second.next_call() is Finish.ALLOCATION_OK
    assert second.after(Finish.ALLOCATION_OK).next_call() is None


@pytest.mark.parametrize(
    ("resource", "allocation", "expected"),
    [
        (RESOURCE.CREATING, ALLOCATION.CREATION_SCHEDULED, Finish.ALLOCATION_CREATING),
        (RESOURCE.CREATING, ALLOCATION.CREATING, Finish.ALLOCATION_OK),
        (RESOURCE.CREATING, ALLOCATION.OK, Finish.ITEM_DONE),
        (RESOURCE.CREATING, ALLOCATION.ERRED, Finish.ALLOCATION_OK),
        (RESOURCE.ERRED, ALLOCATION.CREATION_SCHEDULED, Finish.ALLOCATION_OK),
        (RESOURCE.ERRED, ALLOCATION.CREATING, Finish.ALLOCATION_OK),
        (RESOURCE.ERRED, ALLOCATION.ERRED, Finish.ALLOCATION_OK),
        (RESOURCE.ERRED, ALLOCATION.OK, Finish.ITEM_DONE),
        (RESOURCE.OK, ALLOCATION.OK, Finish.ITEM_DONE),
    ],
)
def test_an_executing_item_gets_the_call_that_its_state_needs(
    resource: ResourceState, allocation: AllocationState, expected: Finish
) -> None:
    assert next_finish(ITEM.EXECUTING, resource, allocation) is expected


@pytest.mark.parametrize(("resource", "allocation"), EVERY_PAIR)
def test_an_executing_item_always_has_a_next_call(
    resource: ResourceState, allocation: AllocationState
) -> None:
    assert next_finish(ITEM.EXECUTING, resource, allocation) is not None


@pytest.mark.parametrize("resource", ResourceState)
@pytest.mark.parametrize("allocation", AllocationState)
def test_a_done_item_is_left_alone_except_for_an_unfinished_creation(
    resource: ResourceState, allocation: AllocationState
) -> None:
    unfinished = {ALLOCATION.CREATION_SCHEDULED, ALLOCATION.CREATING, ALLOCATION.ERRED}
    expected = Finish.ALLOCATION_OK if allocation in unfinished else None
    assert next_finish(ITEM.DONE, resource, allocation) is expected


@pytest.mark.parametrize("item", [ITEM.PENDING, ITEM.ERRED, ITEM.TERMINATED, ITEM.TERMINATING])
@pytest.mark.parametrize(("resource", "allocation"), EVERY_PAIR)
def test_an_item_that_somebody_else_ended_is_not_finished(
    item: OrderItemState, resource: ResourceState, allocation: AllocationState
) -> None:
    with pytest.raises(OrderEnded, match=item.value):
        next_finish(item, resource, allocation)
