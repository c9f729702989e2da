"""The plan of a whole run: orders that make and change an allocation."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import settings

from allocations.accounts import ROOT
from allocations.changes import (
    CancelJobs,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    SetLimits,
)
from allocations.kinds import Kind
from allocations.marketplace import OrderItemType, ResourceState
from allocations.membership import UNKNOWN_TEAM
from allocations.planning import added_users, limit_components, plan_run
from tests.allocations.plans import part_of, texts
from tests.allocations.samples import (
    OFFERING,
    PROJECTS,
    RULES,
    STEM,
    cluster,
    order,
    ours,
    resource,
    snapshot,
    team,
)

MANY = settings(max_examples=500)
REMOVALS = (CloseUsers, CancelJobs, MoveDefaults, RemoveUsers, DrainAccount, DeleteAccount)
CUSTOMER, PROJECT, OTHER = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}", f"hpc_{'f' * 32}"
ONE, TWO = f"hpc_{STEM}_genomics", f"hpc_{STEM}_two"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
USERS = ((ONE, "ada"), (ONE, "bob"))
UNKNOWN = {project.uuid: UNKNOWN_TEAM for project, _ in PROJECTS}


def test_a_create_order_makes_the_whole_branch_and_registers_newcomers_first() -> None:
    new = resource(state=ResourceState.CREATING)
    plan = plan_run(snapshot([new], [order(of=new, limits={"cpu": 2})]), cluster(), RULES)
    assert texts(plan) == [
        "+ users ada, bob to the cluster, default account cloudrock",
        f"+ account {CUSTOMER} under root",
        f"+ account {PROJECT} under {CUSTOMER}",
        f"+ account {ONE} under {PROJECT} (cpu 120 min, gres/gpu 60 min, mem 7 MB-min)",
        f"+ users ada, bob to {ONE}",
    ]
    (part,) = plan.parts
    assert (part.account, part.title) == (ONE, "Create order ba2b3000 'Genomics'")
    assert added_users(part.plan) == ("ada", "bob")


def test_newcomers_of_all_orders_are_registered_in_one_call() -> None:
    first = resource(1, name="one", state=ResourceState.CREATING)
    project, customer = PROJECTS[1]
    second = replace(resource(2, name="two", state=first.state), project=project, customer=customer)
    teams = {PROJECTS[0][0].uuid: team("ada", "bob"), project.uuid: team("bob", "eve")}
    plan = plan_run(snapshot([first, second], [order(of=first), order(of=second)], teams), cluster(), RULES)
    assert plan.newcomers == ("ada", "bob", "eve")
    assert not [c for part in plan.parts for c in part.plan.changes if isinstance(c, RegisterUsers)]
    made = [change.account.name for change in plan.changes if isinstance(change, CreateAccount)]
    assert len(made) == len(set(made)) == 5, "the customer's account is made once"


def test_without_newcomers_nobody_is_registered() -> None:
    plan = plan_run(snapshot([]), cluster(), RULES)
    assert (plan.registration.steps, plan.changes, plan.parts) == ((), (), ())


@pytest.mark.parametrize("places", list(permutations(range(3))))
def test_resources_with_one_preferred_name_get_three_in_any_order(places: tuple[int, ...]) -> None:
    new = [resource(number, state=ResourceState.CREATING) for number in range(3)]
    new = [replace(one, uuid=f"{STEM}{one.uuid[-3:]}{one.uuid[8:]}") for one in new]
    orders = [order(of=new[place]) for place in places]
    plan = plan_run(snapshot(new, orders), cluster(), RULES)
    names = [part.account for part in plan.parts]
    expected = [ONE] + [f"hpc_{new[place].uuid[:8]}_genomics" for place in places[1:]]
    assert names == expected, "the first order gets the preferred name"


def test_a_name_that_a_terminated_resource_records_stays_taken() -> None:
    old = resource(1, state=ResourceState.TERMINATED, account=ONE)
    new = resource(2, state=ResourceState.CREATING)
    (part,) = plan_run(snapshot([old, new], [order(of=new)]), cluster(), RULES).parts
    assert part.account == f"hpc_{new.uuid[:8]}_genomics"


WORK = (*TREE, ours(ONE, PROJECT, cpu=600, mem=7, **{"gres/gpu": 60}))


def test_an_update_sets_the_limits_as_ordered() -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"cpu": 20, "mem": 3}, old_limits={"cpu": 10})
    plan = plan_run(snapshot([one], [item]), cluster(*WORK, users=USERS), RULES)
    before, after = "cpu 600 min, gres/gpu 60 min, mem 7", "cpu 1200 min, gres/gpu 60 min, mem 3"
    assert texts(plan) == [f"~ limits of {ONE}: {before} MB-min -> {after} MB-min"]
    assert part_of(plan, Kind.UPDATE).account == ONE


@pytest.mark.parametrize(("old", "kind"), [(None, Kind.SWITCH), ({}, Kind.UPDATE)])
def test_an_update_without_limits_keeps_those_of_the_resource(old: dict[str, int] | None, kind: Kind) -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE, limits={"cpu": 20})
    item = order(OrderItemType.UPDATE, one, old_limits=old)
    plan = plan_run(snapshot([one], [item]), cluster(*WORK, users=USERS), RULES)
    (change,) = part_of(plan, kind).plan.changes
    assert isinstance(change, SetLimits)
    assert change.after == {"cpu": 1200, "gres/gpu": 60, "mem": 7}


def test_an_update_of_what_is_not_billed_by_limit_is_refused_because_done_would_fail_for_ever() -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"gres/gpu": 5, "cpu": 1}, old_limits={})
    (part,) = plan_run(snapshot([one], [item]), cluster(*WORK), RULES).parts
    assert str(part.refusal) == (
        "the order limits 'gres/gpu', which the offering does not bill by limit: expected only cpu, mem"
    )
    bare = snapshot([one], [item], offering=replace(OFFERING, components=()))
    (part,) = plan_run(bare, cluster(*WORK), RULES).parts
    assert "expected only none" in str(part.refusal)
    assert limit_components(bare) == frozenset()


def test_an_order_without_its_resource_waits_and_says_for_what() -> None:
    early = replace(order(), resource_uuid=None)
    lost = replace(order(of=resource(7)), uuid="1" * 32)
    (first, second) = plan_run(snapshot([], [early, lost]), cluster(), RULES).parts
    assert first.waiting == "the marketplace has not made the resource yet"
    assert first.title == f"Create order {early.uuid[:8]} 'Genomics'"
    assert second.waiting.endswith("cannot be used: it is not among the offering's resources")
    said = snapshot([], [lost], unreadable_resources=("resource x: no name",))
    assert plan_run(said, cluster(), RULES).parts[0].waiting.endswith("cannot be used: resource x: no name")


def test_a_create_order_waits_for_the_team_and_an_update_does_not() -> None:
    new = resource(state=ResourceState.CREATING)
    (part,) = plan_run(snapshot([new], [order(of=new)], {}), cluster(), RULES).parts
    assert part.waiting == "the marketplace did not say who is in the project's team"
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"cpu": 1}, old_limits={})
    (part,) = plan_run(snapshot([one], [item], UNKNOWN), cluster(*WORK, users=USERS), RULES).parts
    assert [type(change) for change in part.plan.changes] == [SetLimits]


def test_members_who_cannot_be_added_are_remarks_of_an_order() -> None:
    new = resource(state=ResourceState.CREATING)
    known = {new.project.uuid: replace(team("ada"), remarks=("team member 'Ö' is odd",))}
    (part,) = plan_run(snapshot([new], [order(of=new)], known), cluster(), RULES).parts
    assert part.remarks == ("team member 'Ö' is odd",)
