"""How each kind of order ends, against a model of the marketplace's own states (contract/API.md 3 and 5).

The model is walked whole: from the start by our own calls, up to a kill after any of them; by refusals and
retries; and by everything that another tool with the same rights can say.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.errors import OrderEnded, UnfinishableOrder
from allocations.finishing import Finish, limits_to_mend, next_finish
from allocations.kinds import Kind
from allocations.marketplace import AllocationState, OrderItemState, ResourceState
from tests.allocations.finishing_model import (
    ALLOCATION,
    EVERY_PAIR,
    ITEM,
    KINDS,
    RESOURCE,
    Marketplace,
    ended,
    reachable,
    start,
)

STARTS = [start(kind, strict=strict) for kind in KINDS for strict in (False, True)]


@pytest.mark.parametrize("first", STARTS, ids=str)
def test_an_order_ends_with_one_open_period_from_wherever_a_run_was_killed_or_refused(
    first: Marketplace,
) -> None:
    for state in reachable(first, meddling=False):
        now, calls = ended(state)
        assert now.is_finished, (state, calls, now)


ANOTHER_ORDERS = {
    Kind.CREATE: set[AllocationState](),
    Kind.UPDATE: {ALLOCATION.DELETION_SCHEDULED, ALLOCATION.DELETING},
    Kind.SWITCH: {ALLOCATION.UPDATING, ALLOCATION.DELETION_SCHEDULED, ALLOCATION.DELETING},
    Kind.TERMINATE: {ALLOCATION.UPDATING},
}
"""Where a person must look, of the states that other tools can lead to."""


@pytest.mark.parametrize("first", STARTS, ids=str)
def test_whatever_others_do_the_order_ends_right_or_says_that_a_person_must_look(first: Marketplace) -> None:
    stuck, said = set(), []
    states = reachable(first, meddling=True)
    assert len(states) >= 5
    for state in states:
        try:
            now, calls = ended(state)
        except UnfinishableOrder as reason:
            stuck.add(state.allocation)
            said.append(str(reason))
            continue
        assert now.is_finished, (state, calls, now)
    assert stuck == ANOTHER_ORDERS[first.kind]
    assert {words.split("'")[1] for words in said} == {state.value for state in stuck}


@pytest.mark.parametrize("first", STARTS, ids=str)
def test_an_order_that_another_tool_says_is_done_keeps_one_open_period(first: Marketplace) -> None:
    for state in reachable(first, meddling=True):
        if first.kind is Kind.TERMINATE:
            continue
        if first.kind is Kind.CREATE and state.allocation is ALLOCATION.CREATING:
            continue  # done, and then ok as it must become: two periods, which no call of ours can mend
        now = state.done()
        while call := now.next_call():
            now = now.after(call)
        assert (now.item, now.resource, now.open_periods) == (ITEM.DONE, RESOURCE.OK, 1)
        assert now.next_call() is None


def test_done_is_never_said_of_a_termination_while_the_allocation_is_deleting() -> None:
    for resource in ResourceState:
        for allocation in set(AllocationState) - {ALLOCATION.DELETION_SCHEDULED}:
            try:
                call = next_finish(Kind.TERMINATE, ITEM.EXECUTING, resource, allocation)
            except UnfinishableOrder:
                continue
            assert call is not Finish.ITEM_DONE


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (Kind.CREATE, [Finish.ALLOCATION_CREATING, Finish.ALLOCATION_OK]),
        (Kind.UPDATE, [Finish.ALLOCATION_UPDATING, Finish.ALLOCATION_OK]),
        (Kind.SWITCH, [Finish.ITEM_DONE]),
        (Kind.TERMINATE, [Finish.ITEM_DONE]),
    ],
)
def test_an_undisturbed_order_takes_the_fewest_calls(kind: Kind, calls: list[Finish]) -> None:
    assert ended(start(kind))[1] == calls


def test_a_termination_out_of_deleting_is_led_back_first() -> None:
    state = replace(start(Kind.TERMINATE), allocation=ALLOCATION.DELETING)
    assert ended(state)[1] == [
        Finish.ALLOCATION_OK,
        Finish.ALLOCATION_DELETION_SCHEDULED,
        Finish.ITEM_DONE,
    ]


NEXT = {
    Kind.CREATE: {
        (RESOURCE.CREATING, ALLOCATION.CREATION_SCHEDULED): Finish.ALLOCATION_CREATING,
        (RESOURCE.CREATING, ALLOCATION.CREATING): Finish.ALLOCATION_OK,
        (RESOURCE.CREATING, ALLOCATION.OK): Finish.ITEM_DONE,
        (RESOURCE.CREATING, ALLOCATION.ERRED): Finish.ALLOCATION_OK,
        (RESOURCE.ERRED, ALLOCATION.CREATION_SCHEDULED): Finish.ALLOCATION_OK,
        (RESOURCE.ERRED, ALLOCATION.CREATING): Finish.ALLOCATION_OK,
        (RESOURCE.OK, ALLOCATION.OK): Finish.ITEM_DONE,
    },
    Kind.UPDATE: {
        (RESOURCE.UPDATING, ALLOCATION.UPDATE_SCHEDULED): Finish.ALLOCATION_UPDATING,
        (RESOURCE.UPDATING, ALLOCATION.UPDATING): Finish.ALLOCATION_OK,
        (RESOURCE.UPDATING, ALLOCATION.OK): Finish.ITEM_DONE,
        (RESOURCE.UPDATING, ALLOCATION.ERRED): Finish.ALLOCATION_OK,
        (RESOURCE.ERRED, ALLOCATION.UPDATE_SCHEDULED): Finish.ALLOCATION_OK,
        (RESOURCE.UPDATING, ALLOCATION.CREATING): None,
        (RESOURCE.UPDATING, ALLOCATION.DELETION_SCHEDULED): None,
    },
    Kind.SWITCH: {
        (RESOURCE.UPDATING, ALLOCATION.OK): Finish.ITEM_DONE,
        (RESOURCE.UPDATING, ALLOCATION.ERRED): Finish.ITEM_DONE,
        (RESOURCE.UPDATING, ALLOCATION.UPDATE_SCHEDULED): Finish.ALLOCATION_OK,
        (RESOURCE.UPDATING, ALLOCATION.UPDATING): None,
    },
    Kind.TERMINATE: {
        (RESOURCE.TERMINATING, ALLOCATION.DELETION_SCHEDULED): Finish.ITEM_DONE,
        (RESOURCE.OK, ALLOCATION.OK): Finish.ALLOCATION_DELETION_SCHEDULED,
        (RESOURCE.OK, ALLOCATION.ERRED): Finish.ALLOCATION_DELETION_SCHEDULED,
        (RESOURCE.TERMINATING, ALLOCATION.DELETING): Finish.ALLOCATION_OK,
        (RESOURCE.TERMINATING, ALLOCATION.UPDATE_SCHEDULED): Finish.ALLOCATION_OK,
        (RESOURCE.TERMINATING, ALLOCATION.CREATION_SCHEDULED): Finish.ALLOCATION_OK,
        (RESOURCE.TERMINATING, ALLOCATION.CREATING): None,
    },
}
ROWS = [(kind, *states, call) for kind, rows in NEXT.items() for states, call in rows.items()]


@pytest.mark.parametrize(("kind", "resource", "allocation", "expected"), ROWS)
def test_an_executing_item_gets_the_call_that_its_state_needs(
    kind: Kind, resource: ResourceState, allocation: AllocationState, expected: Finish | None
) -> None:
    if expected is None:
        with pytest.raises(UnfinishableOrder, match=f"'{allocation.value}', which no .* order leads to"):
            next_finish(kind, ITEM.EXECUTING, resource, allocation)
    else:
        assert next_finish(kind, ITEM.EXECUTING, resource, allocation) is expected


@pytest.mark.parametrize(("resource", "allocation"), EVERY_PAIR)
def test_an_executing_item_always_has_a_next_call_or_a_reason(
    resource: ResourceState, allocation: AllocationState
) -> None:
    for kind in KINDS:
        try:
            assert next_finish(kind, ITEM.EXECUTING, resource, allocation) is not None
        except UnfinishableOrder:
            assert kind is not Kind.CREATE


LEFT = {
    Kind.CREATE: {ALLOCATION.CREATION_SCHEDULED, ALLOCATION.CREATING, ALLOCATION.ERRED},
    Kind.UPDATE: {ALLOCATION.UPDATE_SCHEDULED, ALLOCATION.UPDATING, ALLOCATION.ERRED},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("resource", "allocation"), EVERY_PAIR)
def test_a_done_item_is_left_alone_except_for_what_its_own_kind_leaves_behind(
    kind: Kind, resource: ResourceState, allocation: AllocationState
) -> None:
    expected = Finish.ALLOCATION_OK if allocation in LEFT.get(kind, ()) else None
    assert next_finish(kind, ITEM.DONE, resource, allocation) is expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("item", [ITEM.PENDING, ITEM.ERRED, ITEM.TERMINATED, ITEM.TERMINATING])
def test_an_item_that_somebody_else_ended_is_not_finished(kind: Kind, item: OrderItemState) -> None:
    for resource, allocation in EVERY_PAIR:
        with pytest.raises(OrderEnded, match=f"item is {item.value}, its resource {resource.value}; "):
            next_finish(kind, item, resource, allocation)


@pytest.mark.parametrize(
    ("kind", "resource", "told"),
    [
        (Kind.CREATE, RESOURCE.TERMINATED, "the next pull removes the account"),
        (Kind.CREATE, RESOURCE.ERRED, "the account stays for `cloudrock-slurm retry ORDER_ITEM`"),
        (Kind.UPDATE, RESOURCE.ERRED, "the cluster has its limits already"),
        (Kind.SWITCH, RESOURCE.ERRED, "`cloudrock-slurm retry ORDER_ITEM` finishes it"),
        (Kind.TERMINATE, RESOURCE.OK, "`cloudrock-slurm repair ACCOUNT` makes it again"),
        (Kind.TERMINATE, RESOURCE.CREATING, "look at both in the portal"),
    ],
)
def test_what_an_order_that_somebody_else_ended_leaves_behind_is_said(
    kind: Kind, resource: ResourceState, told: str
) -> None:
    with pytest.raises(OrderEnded, match=told):
        next_finish(kind, ITEM.ERRED, resource, ALLOCATION.OK)


@pytest.mark.parametrize(
    ("ordered", "held", "mended"),
    [
        ({}, {"gres/gpu": 1}, None),
        ({"cpu": 1}, {}, None),
        ({"cpu": 1}, {"cpu": 9, "mem": 9}, None),
        ({"cpu": 1}, {"cpu": 9, "gres/gpu": 1}, {"cpu": 9}),
        ({"cpu": 1}, {"gres/gpu": 1}, {}),
    ],
)
def test_limits_that_make_done_fail_for_ever_are_taken_back_first(
    ordered: dict[str, int], held: dict[str, int], mended: dict[str, int] | None
) -> None:
    assert limits_to_mend(ordered, held, frozenset({"cpu", "mem"})) == mended
