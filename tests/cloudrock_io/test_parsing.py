"""JSON becomes records or one error that names the thing: nothing else."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from allocations.marketplace import (
    AllocationState,
    Association,
    BillingType,
    ComponentUsage,
    FreeIpaProfile,
    OfferedPlan,
    OrderItem,
    OrderItemState,
    OrderItemType,
    Party,
    PlanPeriod,
    Resource,
    ResourceState,
    TeamMember,
    TokenOwner,
    UserUsage,
)
from cloudrock_io import parsing

if TYPE_CHECKING:
    from collections.abc import Callable

    Body = Callable[[str], Any]

CUSTOMER = Party("457cbf7b8cb35166a673b554ae772186", "Customer 1")
PROJECT = Party("0ca16630c1085d2f8e71b793c0824953", "Project 1-1")


def test_a_create_order_before_the_worker_has_made_its_resource(body: Body) -> None:
    assert parsing.parse_order_item(body("order_item.get.executing.before_worker")) == OrderItem(
        uuid="badd8f22c40642bf8adedcdfa71322c1",
        type=OrderItemType.CREATE,
        state=OrderItemState.EXECUTING,
        name="alloc1",
        resource_uuid=None,
        customer=CUSTOMER,
        project=PROJECT,
        created=datetime(2026, 11, 22, 6, 52, 0, 528917, UTC),
    )


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "order_item.get.executing.after_worker",
            {"resource_uuid": "9d5b9e22029347a89e1076dac036d1ec", "limits": {}, "old_limits": None},
        ),
        (
            "update.executing.get",
            {
                "type": OrderItemType.UPDATE,
                "name": "alloc-upd",
                "limits": {"cpu": 50, "mem": 60, "gres/gpu": 4},
                "old_limits": {"cpu": 10, "mem": 20},
            },
        ),
        ("switch_plan.order_item", {"limits": {"cpu": 10, "mem": 20}, "old_limits": None}),
        ("update8.empty_limits.order_item", {"limits": {}, "old_limits": {"cpu": 10, "mem": 20}}),
        ("terminate7.order_item", {"type": OrderItemType.TERMINATE, "name": "alloc-term7", "limits": {}}),
        ("erred.order_item", {"state": OrderItemState.ERRED, "error_message": "SLURM is down"}),
        ("no_plan.order_item", {"name": "noplan"}),
    ],
)
def test_order_items_of_each_kind(body: Body, name: str, facts: dict[str, object]) -> None:
    item = parsing.parse_order_item(body(name))
    assert {key: getattr(item, key) for key in facts} == facts


def test_an_order_item_may_lack_every_key_that_has_no_value(body: Body) -> None:
    json = body("no_plan.order_item")
    for key in (
        "attributes",
        "limits",
        "resource_name",
        "marketplace_resource_uuid",
        "error_message",
        "created",
    ):
        del json[key]
    item = parsing.parse_order_item(json)
    assert (item.name, item.resource_uuid, item.limits, item.error_message, item.created) == (
        "",
        None,
        {},
        "",
        None,
    )


def test_a_resource_with_its_account_and_its_allocation_state(body: Body) -> None:
    assert parsing.parse_resource(body("resource.get.ok")) == Resource(
        uuid="9d5b9e22029347a89e1076dac036d1ec",
        name="alloc1",
        state=ResourceState.OK,
        allocation_uuid="66f65da781194f6db5a6b41b1e026918",
        allocation_state=AllocationState.CREATING,
        account="hpc_0001_alloc1",
        customer=CUSTOMER,
        project=PROJECT,
        limits={"cpu": 1000, "mem": 5000, "gres/gpu": 20},
    )


def test_a_resource_at_first_has_no_account_and_no_allocation_state(body: Body) -> None:
    resource = parsing.parse_resource(body("resource.get.creating"))
    assert (resource.state, resource.account, resource.allocation_state) == (
        ResourceState.CREATING,
        None,
        None,
    )


def test_the_small_records(body: Body) -> None:
    assert parsing.parse_team_member(body("resource.team.owner")[0]) == TeamMember(
        uuid="d966f07fcf4f5f92936a2d0620c50360", username="c1p1u1", role="admin"
    )
    assert parsing.parse_freeipa_profile(body("freeipa.list.staff")[1]) == FreeIpaProfile(
        user_uuid="5d683a4b48e4574e9b7d1c648e3193a9", username="w_c1p1u2", is_active=True
    )
    assert parsing.parse_association(body("association.list.by_allocation")[0]) == Association(
        username="W_C1P1U1", allocation_uuid="66f65da781194f6db5a6b41b1e026918"
    )
    assert parsing.parse_component_usage(body("update.usage_list_has_both_rows")[0]) == ComponentUsage(
        resource_uuid="89700fb9692c48d298c5bb34c666a8af",
        type="cpu",
        amount=35,
        billing_period="2026-11-01",
        created=datetime(2026, 11, 22, 7, 5, 54, 378455, tzinfo=UTC),
    )
    assert parsing.parse_user_usage(body("user_usage.list.real_endpoint.month")[0]) == UserUsage(
        username="w_c1p1u1", year=2026, month=10, cpu=10, gpu=30, ram=20
    )
    assert parsing.parse_token_owner(body("users.me")) == TokenOwner(
        uuid=body("users.me")["uuid"],
        username="provider_owner",
        is_staff=None,
        token_lifetime_seconds=None,
        roles={"fcb4d17505fc59c4b677e8a3655908a7": "owner"},
    )
    staff = {"uuid": "0" * 32, "username": "sam", "is_staff": True, "token_lifetime": 3600}
    assert parsing.parse_token_owner(staff) == TokenOwner(
        uuid="0" * 32, username="sam", is_staff=True, token_lifetime_seconds=3600
    )


def test_plan_periods_closed_and_open(body: Body) -> None:
    closed, open_ = (parsing.parse_plan_period(row) for row in body("update.plan_periods_after_done"))
    assert (closed.usages, closed.end is None) == ({"cpu": 33}, False)
    assert open_ == PlanPeriod(
        uuid="c961c21782204656bc1a1218423aa4e1",
        start=datetime(2026, 11, 22, 7, 5, 55, 201184, UTC),
        end=None,
        usages={},
    )


def test_an_offering_of_any_type_with_its_components(body: Body) -> None:
    offering = parsing.parse_offering(body("offering.provider.owner") | {"type": "Another.Type"})
    assert (offering.name, offering.type, offering.state) == ("SLURM cluster", "Another.Type", "Active")
    assert [(c.type, c.measured_unit, c.billing_type) for c in offering.components] == [
        ("cpu", "hours", BillingType.USAGE),
        ("gres/gpu", "hours", BillingType.USAGE),
        ("mem", "gB-hours", BillingType.USAGE),
    ]
    priced = frozenset({"cpu", "gres/gpu", "mem"})
    assert offering.plans == (OfferedPlan(name="Standard", in_use=True, priced=priced),)


@pytest.mark.parametrize("change", [{"archived": True}, {"is_active": False}])
def test_a_plan_that_cannot_be_ordered_is_not_in_use(change: dict[str, bool], body: Body) -> None:
    offering = body("offering.provider.owner")
    plans = [plan | change for plan in offering["plans"]]
    assert [plan.in_use for plan in parsing.parse_offering(offering | {"plans": plans}).plans] == [False]


def test_records_travel_between_processes(body: Body) -> None:
    item = parsing.parse_order_item(body("update.executing.get"))
    assert pickle.loads(pickle.dumps(item)) == item  # noqa: S301  # our own bytes
