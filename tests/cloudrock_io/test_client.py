"""Each method sends what the running server was sent, and makes of its answer what it means."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from allocations.marketplace import OrderItemState, OrderItemType, ResourceState, UserUsage
from cloudrock_io.states import AllocationTransition

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Server

    from cloudrock_io.client import Cloudrock

    Call = Callable[[Cloudrock], object]
    Recorded = Callable[[str], Answer]

ITEM = "badd8f22c40642bf8adedcdfa71322c1"
RESOURCE = "9d5b9e22029347a89e1076dac036d1ec"
ALLOCATION = "66f65da781194f6db5a6b41b1e026918"
PERIOD = "910402729eb74011b0a464ffcb3ce726"
OFFERING = "537bdaa7c001571d8956d0ba30a3726d"
USER_USAGE = UserUsage(username="w_c1p1u1", year=2026, month=11, cpu=12, gpu=30, ram=20)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("order_item.approve", lambda c: c.approve_order_item(ITEM)),
        ("order_item.set_state_done.create", lambda c: c.set_order_item_done(ITEM)),
        (
            "erred.order_item_set_state_erred",
            lambda c: c.set_order_item_erred(
                "34d4b6dd9a0749aa9ca90a866a45b0a9", "SLURM is down", "Traceback: line 1"
            ),
        ),
        (
            "erred.retry_set_state_executing",
            lambda c: c.set_order_item_executing("34d4b6dd9a0749aa9ca90a866a45b0a9"),
        ),
        ("resource.set_backend_id", lambda c: c.set_resource_backend_id(RESOURCE, "hpc_0001_alloc1")),
        ("allocation.set_backend_id", lambda c: c.set_allocation_backend_id(RESOURCE, "hpc_0001_alloc1")),
        ("allocation.set_state.ok", lambda c: c.set_allocation_state(RESOURCE, AllocationTransition.OK)),
        (
            "allocation.set_state.creating",
            lambda c: c.set_allocation_state(RESOURCE, AllocationTransition.CREATING),
        ),
        (
            "limits.set",
            lambda c: c.set_allocation_limits(RESOURCE, {"cpu": 1000, "gres/gpu": 20, "mem": 5000}),
        ),
        ("limits.set.empty", lambda c: c.set_allocation_limits(RESOURCE, {})),
        ("association.create", lambda c: c.create_association(RESOURCE, "w_c1p1u1")),
        ("association.create.duplicate", lambda c: c.create_association(RESOURCE, "w_c1p1u1")),
        ("association.delete", lambda c: c.delete_association(RESOURCE, "w_c1p1u2")),
        ("usage.set", lambda c: c.report_usage(PERIOD, {"cpu": 100, "gres/gpu": 20, "mem": 3000})),
        (
            "user_usage.set_user_url_null",
            lambda c: c.report_user_usage("231cd713e86e4de1a0758fc0f0da1635", USER_USAGE),
        ),
    ],
)
def test_what_is_told_is_word_for_word_what_the_server_accepted(
    server: Server,
    cloudrock: Cloudrock,
    recorded: Recorded,
    exchanges: dict[str, Any],
    name: str,
    call: Call,
) -> None:
    server.will_answer(recorded(name))
    assert call(cloudrock) is None
    (sent,) = server.requests
    asked = exchanges[name]["request"]
    assert (sent.method, sent.path, sent.body) == (asked["method"], asked["path"], asked["body"])
    assert sent.headers["Authorization"].startswith("token ")
    assert sent.headers["User-Agent"].startswith("cloudrock-slurm-agent/")


@pytest.mark.parametrize("transition", AllocationTransition)
def test_every_transition_sends_its_own_name(
    server: Server, cloudrock: Cloudrock, recorded: Recorded, transition: AllocationTransition
) -> None:
    server.will_answer(recorded("allocation.set_state.ok"))
    cloudrock.set_allocation_state(RESOURCE, transition)
    assert server.requests[0].body == {"state": transition.name.lower()}


@pytest.mark.parametrize(
    ("name", "call", "query"),
    [
        (
            "users.me",
            lambda c: c.fetch_me().username,
            {"field": ["uuid", "username", "is_staff", "token_lifetime", "customer_permissions"]},
        ),
        ("offering.provider.owner", lambda c: c.fetch_offering().name, {}),
        (
            "order_item.list.executing",
            lambda c: [item.uuid for item in c.fetch_order_items({OrderItemState.EXECUTING})],
            {"offering_uuid": [OFFERING], "state": ["executing"], "page_size": ["300"]},
        ),
        (
            "order_item.list.executing",
            lambda c: len(c.fetch_order_items(types=[OrderItemType.CREATE])),
            {"offering_uuid": [OFFERING], "type": ["Create"], "page_size": ["300"]},
        ),
        ("order_item.get.executing.after_worker", lambda c: c.fetch_order_item(ITEM).uuid, {}),
        ("resource.get.ok", lambda c: c.fetch_resource(RESOURCE).uuid, {}),
        ("resource.team.owner", lambda c: len(c.fetch_team(RESOURCE)), {}),
        ("freeipa.list.staff", lambda c: len(c.fetch_freeipa_profiles()), {"page_size": ["300"]}),
        (
            "association.list.by_allocation",
            lambda c: len(c.fetch_associations(ALLOCATION)),
            {"allocation_uuid": [ALLOCATION], "page_size": ["300"]},
        ),
        ("plan_periods.before_done", lambda c: c.fetch_plan_periods(RESOURCE), {}),
        (
            "user_usage.list.real_endpoint.month",
            lambda c: len(c.fetch_user_usages("3c7c0ba6294d4761bf647b190671e4f4", 2026, 10)),
            {
                "allocation_uuid": ["3c7c0ba6294d4761bf647b190671e4f4"],
                "year": ["2026"],
                "month": ["10"],
                "page_size": ["300"],
            },
        ),
    ],
)
def test_what_is_asked_goes_to_the_recorded_address(
    server: Server,
    cloudrock: Cloudrock,
    recorded: Recorded,
    exchanges: dict[str, Any],
    name: str,
    call: Call,
    query: dict[str, list[str]],
) -> None:
    server.will_answer(recorded(name))
    assert call(cloudrock) or name == "plan_periods.before_done"
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("GET", exchanges[name]["request"]["path"])
    fields = sent.query.pop("field", []) if "field" not in query else []
    assert sent.query == query
    assert not fields or {"uuid", "offering_uuid", "state"} <= set(fields)


def test_component_usages_of_the_whole_offering_come_as_one_list(
    server: Server, cloudrock: Cloudrock, recorded: Recorded
) -> None:
    server.will_answer(recorded("update.usage_list_has_both_rows"))
    usages = cloudrock.fetch_component_usages(date(2026, 11, 30))
    assert [usage.amount for usage in usages] == [35, 44]
    assert server.requests[0].path == "/api/marketplace-component-usages/"
    assert server.requests[0].query == {
        "offering_uuid": [OFFERING],
        "billing_period": ["2026-11-01"],
        "page_size": ["300"],
    }


def test_resources_are_asked_for_by_state(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], body: Callable[[str], Any]
) -> None:
    server.will_answer(answer(body=[body("resource.get.ok")]))
    (resource,) = cloudrock.fetch_resources([ResourceState.OK, ResourceState.ERRED])
    assert resource.account == "hpc_0001_alloc1"
    assert server.requests[0].query["state"] == ["OK", "Erred"]
    assert cloudrock.fetch_resources() == [resource]
    assert "state" not in server.requests[1].query


def test_no_state_at_all_is_not_asked_since_the_server_would_take_it_for_any(
    server: Server, cloudrock: Cloudrock
) -> None:
    assert cloudrock.fetch_order_items(states=[]) == []
    assert cloudrock.fetch_order_items(types=[]) == []
    assert cloudrock.fetch_resources(states=[]) == []
    assert server.requests == []


def test_the_servers_clock_is_kept(server: Server, cloudrock: Cloudrock, recorded: Recorded) -> None:
    assert cloudrock.server_time is None
    server.will_answer(recorded("users.me"))
    cloudrock.fetch_me()
    assert cloudrock.server_time is not None
    assert abs((datetime.now(UTC) - cloudrock.server_time).total_seconds()) < 60


def test_a_clock_that_cannot_be_read_is_no_clock(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, [], {"Date": "tea time"}))
    cloudrock.fetch_team(RESOURCE)
    assert cloudrock.server_time is None


def test_a_door_is_never_pickled_and_never_shows_its_token(cloudrock: Cloudrock) -> None:
    assert "0123456789" not in f"{cloudrock!r} {vars(cloudrock)!r} {vars(cloudrock._transport)!r}"  # noqa: SLF001
    assert "0123456789" not in repr(vars(cloudrock._transport._connection))  # noqa: SLF001
    with pytest.raises(TypeError, match="make one where it is used"):
        pickle.dumps(cloudrock)
