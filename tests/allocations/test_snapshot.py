"""What the marketplace said, sorted by what a run does about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.kinds import Kind, kind_of
from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
from allocations.membership import UNKNOWN_TEAM
from tests.allocations.samples import STEM, order, resource, snapshot, team

A, B = f"hpc_{STEM}_a", f"hpc_{STEM}_b"
ONE, TWO = resource(1, account=A), resource(2, account=A)


def test_the_first_resource_that_records_an_account_owns_it_in_every_state() -> None:
    gone = resource(3, account=B, state=ResourceState.TERMINATED)
    assert snapshot([ONE, TWO, gone, resource(4)]).owners == {A: ONE.uuid, B: gone.uuid}
    assert snapshot([TWO, ONE]).owners == {A: TWO.uuid}


def test_a_recorded_name_without_the_resource_s_own_digits_owns_nothing() -> None:
    assert snapshot([resource(1, account="hpc_00000_x")]).owners == {}
    by_allocation = resource(1, account="hpc_a0000_x")
    assert snapshot([by_allocation]).owners == {"hpc_a0000_x": by_allocation.uuid}


def test_orders_wait_for_us_or_for_an_approval() -> None:
    mine = order()
    theirs = replace(order(), uuid="2" * 32, state=OrderItemState.PENDING)
    ended = replace(order(), uuid="3" * 32, state=OrderItemState.DONE)
    said = snapshot([], [mine, theirs, ended])
    assert said.executing == (mine,)
    assert said.pending == (theirs,)


@pytest.mark.parametrize("state", ResourceState)
def test_only_ok_resources_without_an_executing_order_are_at_rest(state: ResourceState) -> None:
    one = replace(ONE, state=state)
    assert bool(snapshot([one]).resting) is (state is ResourceState.OK)
    assert snapshot([one], [order(OrderItemType.UPDATE, one)]).resting == ()


def test_a_pending_order_leaves_its_resource_at_rest() -> None:
    pending = order(OrderItemType.TERMINATE, ONE, state=OrderItemState.PENDING)
    assert snapshot([ONE], [pending]).resting == (ONE,)


def test_a_project_that_was_not_asked_for_has_an_unknown_team() -> None:
    assert snapshot([ONE], teams={ONE.project.uuid: team("ada")}).team(ONE) == team("ada")
    assert snapshot([ONE], teams={}).team(ONE) is UNKNOWN_TEAM


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (order(), Kind.CREATE),
        (order(OrderItemType.UPDATE, limits={"cpu": 1}), Kind.SWITCH),
        (order(OrderItemType.UPDATE, old_limits={}), Kind.UPDATE),
        (order(OrderItemType.TERMINATE), Kind.TERMINATE),
    ],
)
def test_a_switch_of_plan_is_an_update_without_old_limits(item: object, kind: Kind) -> None:
    assert kind_of(item) is kind  # type: ignore[arg-type] # a table's column
