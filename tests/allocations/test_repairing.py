"""A repair is pull's plan for the named accounts, and refuses what is not missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.accounts import AccountName
from allocations.changes import AddUsers, CreateAccount
from allocations.drift import drift
from allocations.errors import InvalidRepair
from allocations.findings import FindingKind
from allocations.kinds import Kind
from allocations.marketplace import OrderItem, OrderItemState, OrderItemType, ResourceState
from allocations.membership import Team
from allocations.repairing import plan_repair
from tests.allocations.drift_sites import (
    ADA,
    BOB,
    EVE,
    RULES,
    bare_cluster,
    both_sides,
    resource,
    settled,
    with_members,
    with_resource,
    without_account,
)

ONE, TWO = resource(1), resource(2)
SIDES = settled([ONE, TWO, resource(3, 2)], {1: Team((ADA, BOB)), 2: Team((EVE,))})
ACCOUNT, OTHER = AccountName("hpc_00001_res1"), AccountName("hpc_00002_res2")


def test_a_repair_makes_the_named_account_and_leaves_all_else_as_it_is() -> None:
    sides = with_members(without_account(SIDES, ACCOUNT), OTHER, {ADA})
    plan = plan_repair(sides.snapshot, sides.observed, RULES, [ACCOUNT, ACCOUNT])
    made = SIDES.observed.accounts[ACCOUNT]
    assert plan.changes == (CreateAccount(made), AddUsers(ACCOUNT, (ADA, BOB)))
    (part,) = plan.parts
    assert (part.kind, part.account) == (Kind.REPAIR, ACCOUNT)
    after = drift(both_sides(sides.snapshot, part.plan.applied_to(sides.observed)), RULES)
    assert [finding.kind for finding in after] == [FindingKind.MEMBER_MISSING]


def test_what_is_above_the_account_is_made_with_it_and_only_its_own_newcomers_are_registered() -> None:
    plan = plan_repair(SIDES.snapshot, bare_cluster(), RULES, [ACCOUNT, OTHER])
    assert plan.newcomers == (ADA, BOB)
    made = [change.account.name for change in plan.changes if isinstance(change, CreateAccount)]
    assert made == [f"hpc_{ONE.customer.uuid}", f"hpc_{ONE.project.uuid}", ACCOUNT, OTHER]


def test_each_account_that_is_not_missing_is_refused_with_a_sentence_of_its_own() -> None:
    missing = without_account(SIDES, ACCOUNT)
    with pytest.raises(InvalidRepair) as refusal:
        plan_repair(missing.snapshot, missing.observed, RULES, [OTHER, ACCOUNT, "physics", "root"])
    assert [line.split(":")[:2] for line in str(refusal.value).splitlines()] == [
        ["'hpc_00002_res2'", " it is on the cluster, nothing is to be repaired"],
        ["'physics'", " no resource of the offering has this account"],
        ["'root'", " no resource of the offering has this account"],
    ]


@pytest.mark.parametrize("state", [state for state in ResourceState if state is not ResourceState.OK])
def test_a_resource_that_is_not_ok_is_not_repaired(state: ResourceState) -> None:
    sides = without_account(SIDES, ACCOUNT)
    sides = with_resource(sides, replace(sides.snapshot.resources[ONE.uuid], state=state))
    with pytest.raises(
        InvalidRepair, match=rf"its resource 'Res 1' is {state.value}: expected one that is OK"
    ):
        plan_repair(sides.snapshot, sides.observed, RULES, [ACCOUNT])


def test_an_open_order_comes_first() -> None:
    sides = without_account(SIDES, ACCOUNT)
    order = OrderItem(
        uuid="0" * 32,
        type=OrderItemType.UPDATE,
        state=OrderItemState.EXECUTING,
        name="x",
        resource_uuid=ONE.uuid,
        customer=ONE.customer,
        project=ONE.project,
    )
    with pytest.raises(InvalidRepair, match="has an open order, which the next pull carries out"):
        plan_repair(replace(sides.snapshot, orders=(order,)), sides.observed, RULES, [ACCOUNT])


def test_a_resource_that_records_nonsense_hides_no_account() -> None:
    odd = replace(SIDES.snapshot.resources[ONE.uuid], account="root")
    sides = with_resource(without_account(SIDES, OTHER), odd)
    (part,) = plan_repair(sides.snapshot, sides.observed, RULES, [OTHER]).parts
    assert part.account == OTHER
