"""What an order asks for, as accounts, limits and users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import AccountName, NamingRules, UserName
from allocations.components import LARGEST_LIMIT, parse_components
from allocations.desired import Rules, accepted_members, allocation_in, desired_for, desired_limits
from allocations.errors import InvalidOrder
from allocations.marketplace import OrderItem, OrderItemState, OrderItemType, Party, Resource, ResourceState
from allocations.model import Association

COMPONENTS = parse_components(
    """
cpu: {limit: 600, measured_unit: k-Hours, accounting_type: limit, label: CPU, unit_factor: 60000}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU, unit_factor: 60}
mem: {limit: 7, measured_unit: MB-minutes, accounting_type: limit, label: RAM}
""",
    "test",
)
RULES = Rules(naming=NamingRules(), components=COMPONENTS, default_account=AccountName("cloudrock"))
CUSTOMER = Party("c" * 32, "ACME \n GmbH")
PROJECT = Party("d" * 32, "Project")
UUID = "1a2b3c4d5e6f47a8b9c0d1e2f3a4b5c6"


def order(
    name: str = "Genomics", limits: dict[str, int] | None = None, customer: Party = CUSTOMER
) -> OrderItem:
    return OrderItem(
        uuid="0" * 32,
        type=OrderItemType.CREATE,
        state=OrderItemState.EXECUTING,
        name=name,
        resource_uuid=UUID,
        customer=customer,
        project=PROJECT,
        limits=limits or {},
    )


def resource(account: str | None = None) -> Resource:
    return Resource(
        uuid=UUID,
        name="renamed since",
        state=ResourceState.CREATING,
        allocation_uuid=None,
        allocation_state=None,
        account=account,
        customer=CUSTOMER,
        project=PROJECT,
    )


def test_an_order_asks_for_customer_project_and_allocation_each_below_the_other() -> None:
    desired = desired_for(order(), resource(), (UserName("ada"),), {}, RULES)
    assert [(a.name, a.parent, a.description) for a in desired.accounts.values()] == [
        (f"hpc_{'c' * 32}", "root", "ACME GmbH"),
        (f"hpc_{'d' * 32}", f"hpc_{'c' * 32}", "Project"),
        ("hpc_1a2b3_genomics", f"hpc_{'d' * 32}", "Genomics"),
    ]
    assert desired.associations == {Association(AccountName("hpc_1a2b3_genomics"), UserName("ada"))}


def test_only_the_allocation_is_limited() -> None:
    desired = desired_for(order(), resource(), (), {}, RULES)
    limited = [account.name for account in desired.accounts.values() if account.grp_tres_mins]
    assert limited == [allocation_in(desired).name] == ["hpc_1a2b3_genomics"]


def test_the_recorded_account_is_asked_for_again() -> None:
    desired = desired_for(order("other"), resource("hpc_1a2b3_first"), (), {}, RULES)
    assert allocation_in(desired).name == "hpc_1a2b3_first"


@pytest.mark.parametrize("taken", ["root", "cloudrock"])
def test_an_order_never_gets_the_default_account_or_root(taken: str) -> None:
    with pytest.raises(InvalidOrder, match="no account of this resource"):
        desired_for(order(), resource(taken), (), {}, RULES)


def test_an_order_of_a_customer_without_a_legal_uuid_is_invalid() -> None:
    with pytest.raises(InvalidOrder, match="account name"):
        desired_for(order(customer=Party("x account=root", "evil")), resource(), (), {}, RULES)


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
    assert desired_limits(ordered, COMPONENTS) == expected


def test_limits_of_what_is_not_sold_are_refused_by_name() -> None:
    with pytest.raises(InvalidOrder, match=r"limits 'ram', 'tpu', .* expected some of cpu, gres/gpu, mem"):
        desired_limits({"tpu": 1, "ram": 1, "cpu": 1}, COMPONENTS)


@pytest.mark.parametrize("amount", [-1, -5, LARGEST_LIMIT // 60000 + 1, 2**64])
def test_an_ordered_limit_never_becomes_unlimited(amount: int) -> None:
    with pytest.raises(InvalidOrder, match=r"limits 'cpu' to -?\d+: expected 0 to \d+"):
        desired_limits({"cpu": amount}, COMPONENTS)


@given(st.integers())
def test_every_accepted_limit_is_one_that_slurm_takes(amount: int) -> None:
    try:
        limits = desired_limits({"mem": amount}, COMPONENTS)
    except InvalidOrder:
        assert not 0 <= amount <= LARGEST_LIMIT
    else:
        assert limits["mem"] == amount >= 0


def test_members_are_each_user_once_and_the_refused_apart() -> None:
    members = accepted_members(["eve", "ada", "ada", "x account=root", "Ada", "Ada", ""])
    assert members.users == ("ada", "eve")
    assert [refused.text for refused in members.refused] == ["", "Ada", "x account=root"]
