"""What a resource asks for, as accounts, limits and users; and where its accounts may stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.components import LARGEST_LIMIT, parse_components
from allocations.desired import Desired, Rules, desired_for, desired_limits, lineage_of
from allocations.errors import InvalidOrder
from allocations.marketplace import Party, Resource
from allocations.model import Account, Association, ClusterState
from tests.allocations.samples import COMPONENTS, DEFAULT, RULES, STEM, cluster, ours, resource

CUSTOMER, PROJECT = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}"
ONE = f"hpc_{STEM}_genomics"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
KILO = parse_components(
    "cpu: {limit: 600, measured_unit: k-Hours, accounting_type: limit, label: CPU, unit_factor: 60000}\n"
    "gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU, unit_factor: 60}\n"
    "mem: {limit: 7, measured_unit: MB-minutes, accounting_type: limit, label: RAM}\n",
    "test",
)


def desired(
    observed: ClusterState,
    one: Resource | None = None,
    rules: Rules = RULES,
    limits: dict[str, int] | None = None,
) -> Desired:
    return desired_for(one or resource(), (UserName("ada"),), observed, {}, rules, limits=limits)


def places(found: Desired) -> dict[str, str | None]:
    return {account.name: account.parent for account in found.state.accounts.values()}


def test_a_resource_asks_for_customer_project_and_allocation_each_below_the_other() -> None:
    found = desired(cluster())
    assert [(a.name, a.parent, a.description) for a in found.state.accounts.values()] == [
        (CUSTOMER, "root", "ACME GmbH"),
        (PROJECT, CUSTOMER, "Genomes"),
        (ONE, PROJECT, "Genomics"),
    ]
    assert found.state.associations == {Association(AccountName(ONE), UserName("ada"))}
    assert (found.account, found.notes) == (ONE, ())


def test_only_the_allocation_is_limited() -> None:
    limited = [
        account.name for account in desired(cluster()).state.accounts.values() if account.grp_tres_mins
    ]
    assert limited == [ONE]


def test_the_recorded_account_is_asked_for_again() -> None:
    assert (
        desired(cluster(), resource(name="other", account=f"hpc_{STEM}_first")).account == f"hpc_{STEM}_first"
    )


@pytest.mark.parametrize("taken", [ROOT, DEFAULT, CUSTOMER, PROJECT])
def test_a_resource_never_gets_root_the_default_or_its_own_project(taken: str) -> None:
    with pytest.raises(InvalidOrder, match="no account of this resource"):
        desired(cluster(), resource(account=taken))


def test_an_account_of_its_own_project_is_protected_by_name_too() -> None:
    twin = resource(uuid=f"{'d' * 32}", account=PROJECT)
    with pytest.raises(InvalidOrder, match="belongs to another resource"):
        lineage_of(twin, {}, RULES)


def test_a_customer_without_a_legal_uuid_is_invalid() -> None:
    with pytest.raises(InvalidOrder, match="account name"):
        desired(cluster(), resource(customer=Party("x account=root", "evil")))


@pytest.mark.parametrize("adopt", [False, True])
def test_accounts_where_they_belong_stay_there_whoever_made_them(adopt: bool) -> None:  # noqa: FBT001
    theirs = [replace(account, ours=False) for account in (*TREE, ours(ONE, PROJECT))]
    found = desired(cluster(*theirs), rules=replace(RULES, adopt_parents=adopt))
    assert places(found) == {CUSTOMER: ROOT, PROJECT: CUSTOMER, ONE: PROJECT}


LEGACY = (*TREE, replace(ours(ONE, ROOT), ours=False))
"""The old agent made allocations directly below root."""


def test_an_account_of_the_old_agent_stays_under_root_and_is_noted() -> None:
    found = desired(cluster(*LEGACY), resource(account=ONE))
    assert places(found) == {ONE: ROOT}, "its project's account is not made for it"
    (note,) = found.notes
    assert note == (
        f"the account {ONE} stands under root, not under {PROJECT}, and stays there: "
        "`cloudrock-slurm plan --adopt-parents` shows the move"
    )


def test_an_account_of_the_old_agent_moves_below_its_project_when_asked() -> None:
    found = desired(cluster(*LEGACY), resource(account=ONE), replace(RULES, adopt_parents=True))
    assert places(found) == {CUSTOMER: ROOT, PROJECT: CUSTOMER, ONE: PROJECT}
    assert found.notes == ()


def test_an_account_under_root_that_the_resource_does_not_record_is_somebody_elses() -> None:
    with pytest.raises(InvalidOrder, match=f"under 'root', not under '{PROJECT}': it was not made for this"):
        desired(cluster(*LEGACY), resource())


def test_an_account_of_ours_that_an_operator_moved_stays_where_it_is() -> None:
    moved = (*TREE, ours("hpc_elsewhere", ROOT), ours(ONE, "hpc_elsewhere"))
    assert places(desired(cluster(*moved))) == {ONE: "hpc_elsewhere"}
    adopted = desired(cluster(*moved), rules=replace(RULES, adopt_parents=True))
    assert places(adopted)[ONE] == PROJECT


def test_a_project_that_stands_elsewhere_keeps_its_place_and_the_customer_is_not_made() -> None:
    found = desired(cluster(ours("hpc_elsewhere", ROOT), ours(PROJECT, "hpc_elsewhere")))
    assert places(found) == {PROJECT: "hpc_elsewhere", ONE: PROJECT}
    assert [note.split(",")[0] for note in found.notes] == [
        f"the account {PROJECT} stands under hpc_elsewhere"
    ]


@pytest.mark.parametrize("moved", [CUSTOMER, PROJECT, ONE])
def test_an_account_of_somebody_else_in_another_place_is_a_refusal(moved: str) -> None:
    there = Account(AccountName(moved), AccountName("theirs"))
    rest = [account for account in (*TREE, ours(ONE, PROJECT)) if account.name != moved]
    with pytest.raises(InvalidOrder, match=f"'{moved}' exists on the cluster under 'theirs'"):
        desired(cluster(Account(AccountName("theirs"), ROOT), there, *rest))


def test_without_limits_the_cluster_keeps_its_own() -> None:
    present = ours(ONE, PROJECT, cpu=5)
    (account,) = [a for a in desired(cluster(*TREE, present)).state.accounts.values() if a.name == ONE]
    assert account.grp_tres_mins == {"cpu": 5}


def test_an_account_that_is_made_gets_the_limits_of_its_resource() -> None:
    found = desired(cluster(*TREE), resource(limits={"cpu": 2}))
    assert found.state.accounts[AccountName(ONE)].grp_tres_mins == {"cpu": 120, "gres/gpu": 60, "mem": 7}


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [
        ({}, {"cpu": 600, "gres/gpu": 60, "mem": 7}),
        ({"cpu": 2}, {"cpu": 120000, "gres/gpu": 60, "mem": 7}),
        ({"cpu": 0, "mem": 0}, {"cpu": 0, "gres/gpu": 60, "mem": 0}),
        ({"cpu": 2, "mem": 9}, {"cpu": 120000, "gres/gpu": 60, "mem": 9}),
        ({"gres/gpu": 5}, {"cpu": 600, "gres/gpu": 60, "mem": 7}),
    ],
)
def test_limits_come_from_the_order_where_the_customer_sets_them(
    ordered: dict[str, int], expected: dict[str, int]
) -> None:
    assert desired_limits(ordered, KILO) == expected


def test_limits_of_what_is_not_sold_are_refused_by_name() -> None:
    with pytest.raises(InvalidOrder, match=r"limits 'ram', 'tpu', .* expected some of cpu, gres/gpu, mem"):
        desired_limits({"tpu": 1, "ram": 1, "cpu": 1}, KILO)


@pytest.mark.parametrize("amount", [-1, -5, LARGEST_LIMIT // 60000 + 1, 2**64])
def test_an_ordered_limit_never_becomes_unlimited(amount: int) -> None:
    with pytest.raises(InvalidOrder, match=r"limits 'cpu' to -?\d+: expected 0 to \d+"):
        desired_limits({"cpu": amount}, KILO)


@given(st.integers())
def test_every_accepted_limit_is_one_that_slurm_takes(amount: int) -> None:
    try:
        limits = desired_limits({"mem": amount}, COMPONENTS)
    except InvalidOrder:
        assert not 0 <= amount <= LARGEST_LIMIT
    else:
        assert limits["mem"] == amount >= 0
