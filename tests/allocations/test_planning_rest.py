"""The plan of a whole run: allocations at rest, and those that end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import (
    CancelJobs,
    CloseUsers,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
)
from allocations.kinds import Kind
from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
from allocations.membership import UNKNOWN_TEAM
from allocations.model import Association
from allocations.planning import plan_run
from tests.allocations.plans import part_of, texts
from tests.allocations.samples import (
    CUSTOMERS,
    DEFAULT,
    PROJECTS,
    RULES,
    STEM,
    cluster,
    order,
    ours,
    resource,
    snapshot,
)
from tests.allocations.sites import Case

MANY = settings(max_examples=500)
REMOVALS = (CloseUsers, CancelJobs, MoveDefaults, RemoveUsers, DrainAccount, DeleteAccount)
CUSTOMER, PROJECT, OTHER = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}", f"hpc_{'f' * 32}"
ONE, TWO = f"hpc_{STEM}_genomics", f"hpc_{STEM}_two"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
USERS = ((ONE, "ada"), (ONE, "bob"))
UNKNOWN = {project.uuid: UNKNOWN_TEAM for project, _ in PROJECTS}
WORK = (*TREE, ours(ONE, PROJECT, cpu=600, mem=7, **{"gres/gpu": 60}))


def test_an_allocation_at_rest_gains_and_loses_members_and_the_gain_comes_first() -> None:
    one = resource(account=ONE)
    observed = cluster(*WORK, users=[(ONE, "bob"), (ONE, "eve")])
    plan = plan_run(snapshot([one]), observed, RULES)
    assert texts(plan) == [
        "+ user ada to the cluster, default account cloudrock",
        f"+ user ada to {ONE}",
        f"~ user eve of {ONE}: may submit no new jobs",
        f"- jobs of {ONE} by user eve",
        f"- user eve from {ONE}",
    ]
    assert [part.kind for part in plan.parts] == [Kind.MEMBERS, Kind.MEMBERS]
    assert plan.parts[0].title == "members 'Genomics'"


def test_an_allocation_at_rest_with_everything_is_not_worth_telling() -> None:
    assert plan_run(snapshot([resource(account=ONE)]), cluster(*WORK, users=USERS), RULES).parts == ()


def test_a_member_who_was_closed_and_came_back_may_submit_again() -> None:
    closed = frozenset({Association(AccountName(ONE), UserName("bob"))})
    observed = replace(cluster(*WORK, users=USERS), closed=closed)
    plan = plan_run(snapshot([resource(account=ONE)]), observed, RULES)
    assert plan.changes == (ReopenUsers(AccountName(ONE), (UserName("bob"),)),)


def test_limits_of_an_allocation_at_rest_are_set_back_only_where_they_are_ours() -> None:
    changed = (*TREE, ours(ONE, PROJECT, cpu=1))
    marketplace = snapshot([resource(account=ONE, limits={"cpu": 3})])
    observed = cluster(*changed, users=USERS)
    assert plan_run(marketplace, observed, RULES).changes == ()
    ((change,),) = [plan_run(marketplace, observed, replace(RULES, own_limits=True)).changes]
    assert isinstance(change, SetLimits)
    assert change.after["cpu"] == 180


def test_a_missing_account_is_a_remark_and_made_again_only_when_asked() -> None:
    one = resource(account=ONE, limits={"cpu": 3})
    marketplace = snapshot([one])
    observed = cluster(*TREE, defaults={"ada": DEFAULT, "bob": DEFAULT})
    (part,) = plan_run(marketplace, observed, RULES).parts
    assert (part.plan.steps, part.account) == ((), ONE)
    assert part.remarks == (
        f"the account {ONE} is missing on the cluster: `cloudrock-slurm repair {ONE}` makes it again",
    )
    part = part_of(plan_run(marketplace, observed, RULES, repair=[ONE]), Kind.REPAIR)
    assert [str(change) for change in part.plan.changes] == [
        f"+ account {ONE} under {PROJECT} (cpu 180 min, gres/gpu 60 min, mem 7 MB-min)",
        f"+ users ada, bob to {ONE}",
    ]


def test_an_account_that_drains_although_no_order_ends_it_takes_jobs_again() -> None:
    drained = replace(WORK[-1], draining=True, closed=True)
    plan = plan_run(snapshot([resource(account=ONE)]), cluster(*TREE, drained, users=USERS), RULES)
    assert plan.changes == (ReopenAccount(AccountName(ONE)),)
    (step,) = plan.parts[0].plan.steps
    assert step.reason == "its Terminate order was not carried out"


def test_an_account_that_an_operator_closed_stays_closed() -> None:
    closed = replace(WORK[-1], closed=True)
    plan = plan_run(snapshot([resource(account=ONE)]), cluster(*TREE, closed, users=USERS), RULES)
    assert plan.changes == ()


@pytest.mark.parametrize("account", ["somebody_elses", "hpc_00000_x", "hpc_1a2b3;x", DEFAULT, ROOT])
def test_a_backend_id_that_is_not_the_resources_is_refused_whatever_is_asked(account: str) -> None:
    for state, items in (
        (ResourceState.OK, []),
        (ResourceState.CREATING, [OrderItemType.CREATE]),
        (ResourceState.UPDATING, [OrderItemType.UPDATE]),
        (ResourceState.TERMINATING, [OrderItemType.TERMINATE]),
    ):
        one = resource(state=state, account=account)
        (part,) = plan_run(snapshot([one], [order(kind, one) for kind in items]), cluster(), RULES).parts
        assert part.refusal
        assert part.plan.changes == ()


def test_two_resources_that_record_one_account_are_told_apart_by_a_refusal() -> None:
    first, second = resource(1, account=ONE), resource(2, account=ONE)
    (part,) = plan_run(snapshot([first, second]), cluster(*WORK, users=USERS), RULES).parts
    assert part.resource == second
    assert "belongs to another resource" in str(part.refusal)


def test_an_account_that_somebody_else_made_is_refused() -> None:
    taken = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    marketplace = snapshot([resource(state=ResourceState.CREATING)], [order()])
    (part,) = plan_run(marketplace, cluster(*taken), RULES).parts
    assert "it was not made for this order and is left alone" in str(part.refusal)


def test_an_account_that_somebody_moved_after_its_order_was_done_is_kept_up_where_it_is() -> None:
    moved = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    parts = plan_run(snapshot([resource(account=ONE)]), cluster(*moved), RULES).parts
    assert [part.refusal for part in parts] == [None] * len(parts)
    assert not any(isinstance(change, MoveAccount) for part in parts for change in part.plan.changes)


def test_an_account_that_stands_elsewhere_and_is_not_ours_is_not_terminated() -> None:
    moved = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    ending = snapshot(
        [resource(account=ONE, state=ResourceState.TERMINATING)], [order(OrderItemType.TERMINATE)]
    )
    (part,) = plan_run(ending, cluster(*moved), RULES).parts
    assert "is left alone" in str(part.refusal)
    assert not part.plan


ENDING = resource(1, state=ResourceState.TERMINATING, account=ONE)
END = order(OrderItemType.TERMINATE, ENDING)


def test_the_last_termination_takes_the_accounts_above_with_it() -> None:
    plan = plan_run(snapshot([ENDING], [END]), cluster(*WORK, users=USERS), RULES)
    assert [str(step.act) for step in plan.parts[0].plan.steps] == [
        f"~ account {ONE}: takes no new jobs",
        f"- jobs of {ONE}",
        f"= wait for the end of the jobs of {ONE}",
        f"= report the final usage of {ONE}",
        f"- account {ONE}",
        f"- account {PROJECT}",
        f"- account {CUSTOMER}",
    ]


@pytest.mark.parametrize("state", [one for one in ResourceState if one is not ResourceState.TERMINATED])
def test_the_accounts_above_stay_for_another_resource_of_the_project(state: ResourceState) -> None:
    other = resource(2, name="two", state=state)
    plan = plan_run(snapshot([ENDING, other], [END]), cluster(*WORK, users=USERS), RULES)
    deleted = [c.account for c in plan.changes if isinstance(c, DeleteAccount)]
    assert deleted == [ONE]


def test_the_accounts_above_stay_for_an_order_that_is_still_to_come() -> None:
    coming = replace(order(), uuid="2" * 32, state=OrderItemState.PENDING, resource_uuid=None)
    plan = plan_run(snapshot([ENDING], [END, coming]), cluster(*WORK), RULES)
    assert [c.account for c in plan.changes if isinstance(c, DeleteAccount)] == [ONE]


def test_two_terminations_in_one_project_leave_its_account_to_the_next_run() -> None:
    second = resource(2, name="two", state=ResourceState.TERMINATING, account=TWO)
    case = Case(
        snapshot([ENDING, second], [END, order(OrderItemType.TERMINATE, second)]),
        cluster(*WORK, ours(TWO, PROJECT), users=USERS),
        RULES,
    )
    deleted = [c.account for c in case.plan().changes if isinstance(c, DeleteAccount)]
    assert deleted == [ONE, TWO], "one of them may still wait for its jobs when the other is through"
    later = case.moved_on().plan()
    assert texts(later) == [f"- account {PROJECT}", f"- account {CUSTOMER}"]
    part = part_of(later, Kind.LEFTOVERS)
    assert (part.order, part.account, part.title) == (None, None, "empty accounts 'Genomics'")


def test_an_empty_account_that_we_did_not_make_is_no_left_over() -> None:
    old = resource(1, state=ResourceState.TERMINATED, account=ONE)
    theirs = [replace(account, ours=False) for account in TREE]
    assert plan_run(snapshot([old]), cluster(*theirs), RULES).changes == ()


def test_a_termination_without_an_account_is_only_told_to_the_marketplace() -> None:
    bare = replace(ENDING, account=None)
    (part,) = plan_run(snapshot([bare], [END]), cluster(), RULES).parts
    assert (part.plan.steps, part.account, part.refusal) == ((), None, None)


def test_a_termination_of_an_account_with_others_below_is_refused() -> None:
    plan = plan_run(snapshot([ENDING], [END]), cluster(*WORK, ours("hpc_x", ONE)), RULES)
    assert "has accounts below it (hpc_x)" in str(part_of(plan, Kind.TERMINATE).refusal)


def test_a_customer_without_a_legal_uuid_is_refused() -> None:
    odd = resource(customer=replace(CUSTOMERS[0], uuid="x account=root"))
    for items in ([], [order(of=odd)], [order(OrderItemType.TERMINATE, odd)]):
        (part,) = plan_run(snapshot([odd], items), cluster(), RULES).parts
        assert "account name" in str(part.refusal)
