"""What the marketplace said, sorted by what a run does about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.kinds import Kind, kind_of
from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
from allocations.membership import UNKNOWN_TEAM
from tests.allocations.samples import order, resource, snapshot, team

ONE, TWO = resource(1, account="hpc_a"), resource(2, account="hpc_a")


def test_the_first_resource_that_records_an_account_owns_it_in_every_state() -> None:
    gone = resource(3, account="hpc_b", state=ResourceState.TERMINATED)
    assert snapshot([ONE, TWO, gone, resource(4)]).owners == {"hpc_a": ONE.uuid, "hpc_b": gone.uuid}
    assert snapshot([TWO, ONE]).owners == {"hpc_a": TWO.uuid}


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
