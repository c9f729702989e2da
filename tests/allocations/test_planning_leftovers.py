"""The plan of a whole run: accounts that Terminated resources have left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.accounts import ROOT
from allocations.changes import DeleteAccount, DrainAccount
from allocations.kinds import Kind
from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
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

CUSTOMER, PROJECT = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}"
ONE, TWO = f"hpc_{STEM}_genomics", f"hpc_{STEM}_two"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
USERS = ((ONE, "ada"), (ONE, "bob"))
WORK = (*TREE, ours(ONE, PROJECT))
GONE = resource(1, state=ResourceState.TERMINATED, account=ONE)


@pytest.mark.parametrize("cancel_jobs", [True, False])
def test_an_account_of_ours_whose_resource_is_terminated_is_emptied_and_goes(
    cancel_jobs: bool,  # noqa: FBT001 - the setting
) -> None:
    rules = replace(RULES, cancel_jobs=cancel_jobs)
    observed = cluster(*WORK, users=USERS, defaults={"ada": ONE, "bob": DEFAULT})
    (part,) = plan_run(snapshot([GONE]), observed, rules).parts
    assert (part.kind, part.account, part.title) == (Kind.ABANDONED, ONE, "left-over account 'Genomics'")
    cancelled = [f"- jobs of {ONE}"] if cancel_jobs else []
    assert [str(step.act) for step in part.plan.steps] == [
        f"~ account {ONE}: takes no new jobs",
        *cancelled,
        f"= wait for the end of the jobs of {ONE}",
        f"~ default account of user ada: {ONE} -> {DEFAULT}",
        f"- account {ONE}",
        f"- account {PROJECT}",
        f"- account {CUSTOMER}",
    ]
    assert part.plan.steps[0].reason == "its resource is Terminated, and no order will end it"
    assert "takes no usage of a Terminated resource" in part.notes[0]


LIVING = resource(2, name="two", account=TWO)
CLAIMED = {
    "we did not make it": ([GONE], (*TREE, replace(ours(ONE, PROJECT), ours=False))),
    "it is gone": ([GONE], TREE),
    "the resource does not record it": ([replace(GONE, account=None)], WORK),
    "it is no account of the resource": ([replace(GONE, account="hpc_00000_x")], WORK),
    "a living resource records it too": ([GONE, replace(LIVING, account=ONE)], WORK),
    "a living resource would be given that name": ([GONE, resource(2)], WORK),
    "it is the account of a living resource's project": (
        [
            replace(GONE, account=f"hpc_{STEM}{'0' * 27}"),
            replace(LIVING, project=replace(PROJECTS[0][0], uuid=f"{STEM}{'0' * 27}")),
        ],
        (*TREE, ours(f"hpc_{STEM}{'0' * 27}", CUSTOMER), ours(TWO, f"hpc_{STEM}{'0' * 27}")),
    ),
}


@pytest.mark.parametrize("why", CLAIMED)
def test_an_account_of_a_terminated_resource_that_may_be_anothers_stays(why: str) -> None:
    resources, accounts = CLAIMED[why]
    plan = plan_run(snapshot(resources), cluster(*accounts, users=USERS), RULES)
    assert not {DeleteAccount, DrainAccount} & {
        type(c) for part in plan.parts if part.kind is Kind.ABANDONED for c in part.plan.changes
    }
    kept = {name.name for name in accounts} - {PROJECT, CUSTOMER}
    assert not [c for c in plan.changes if isinstance(c, DeleteAccount) and c.account in kept]


def test_nothing_of_a_terminated_resource_goes_while_another_cannot_be_read_or_has_an_order() -> None:
    observed = cluster(*WORK, users=USERS)
    unreadable = snapshot([GONE], unreadable_resources=("resource x: bad",))
    assert plan_run(unreadable, observed, RULES).changes == ()
    pending = replace(order(OrderItemType.TERMINATE, GONE), state=OrderItemState.PENDING)
    assert plan_run(snapshot([GONE], [pending]), observed, RULES).changes == ()


def test_an_account_of_a_terminated_resource_with_others_below_it_is_refused() -> None:
    plan = plan_run(snapshot([GONE]), cluster(*WORK, ours("hpc_x", ONE)), RULES)
    part = part_of(plan, Kind.ABANDONED)
    assert "has accounts below it (hpc_x)" in str(part.refusal)
    assert "move them away, then the next pull goes on" in str(part.refusal)


def test_an_account_of_a_terminated_resource_whose_users_cannot_be_named_is_refused() -> None:
    plan = plan_run(snapshot([GONE]), cluster(*WORK, defaults={"Odd+Name": ONE}), RULES)
    refusal = str(part_of(plan, Kind.ABANDONED).refusal)
    assert "'Odd+Name'" in refusal
    assert refusal.endswith("give them another one, then the next pull goes on")


def test_the_account_above_two_left_over_ones_waits_for_both() -> None:
    second = resource(2, name="two", state=ResourceState.TERMINATED, account=TWO)
    case = Case(snapshot([GONE, second]), cluster(*WORK, ours(TWO, PROJECT), users=USERS), RULES)
    assert [c.account for c in case.plan().changes if isinstance(c, DeleteAccount)] == [ONE, TWO]
    assert texts(case.moved_on().plan()) == [f"- account {PROJECT}", f"- account {CUSTOMER}"]


def test_a_customer_without_a_legal_uuid_claims_nothing() -> None:
    odd = replace(LIVING, customer=replace(CUSTOMERS[0], uuid="x account=root"))
    plan = plan_run(snapshot([GONE, odd]), cluster(*WORK), RULES)
    assert part_of(plan, Kind.ABANDONED).account == ONE
