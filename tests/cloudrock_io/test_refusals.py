"""What the server refuses, and what is refused before it is sent: one clear error each."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
from cloudrock_io.errors import (
    CloudrockConflict,
    CloudrockForbidden,
    CloudrockMisconfigured,
    CloudrockNotFound,
    CloudrockRejected,
    CloudrockServerError,
    CloudrockUnauthorized,
    UnexpectedCloudrockData,
    UnsendableToCloudrock,
)
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


@pytest.mark.parametrize(
    ("name", "change", "call", "words"),
    [
        (
            "order_item.get.executing.after_worker",
            {"offering_uuid": "0" * 32},
            "items",
            "that of our offering",
        ),
        (
            "order_item.get.executing.after_worker",
            {"state": "done"},
            "items",
            "only what the query asked for",
        ),
        ("order_item.get.executing.after_worker", {"type": "Update"}, "items", "got Update"),
        ("resource.get.ok", {"state": "Terminated"}, "resources", "got Terminated"),
        ("resource.get.ok", {"offering_uuid": None}, "resources", "that of our offering"),
        ("update.usage_list_has_both_rows", {"billing_period": "2026-10-01"}, "usages", "got 2026-10-01"),
        ("association.list.by_allocation", {}, "associations", f"got {ALLOCATION}"),
        ("user_usage.list.real_endpoint.month", {}, "user usages", "got 2026-10"),
    ],
)
def test_an_answer_to_a_filter_that_the_server_ignored_is_not_used(  # noqa: PLR0913, PLR0917  # a table of cases
    server: Server,
    cloudrock: Cloudrock,
    answer: type[Answer],
    body: Callable[[str], Any],
    name: str,
    change: dict[str, object],
    call: str,
    words: str,
) -> None:
    json = body(name)
    row = json[0] if isinstance(json, list) else json
    server.will_answer(answer(body=[row | change]))
    calls: dict[str, Call] = {
        "items": lambda c: c.fetch_order_items([OrderItemState.EXECUTING], [OrderItemType.CREATE]),
        "resources": lambda c: c.fetch_resources([ResourceState.OK]),
        "usages": lambda c: c.fetch_component_usages(date(2026, 11, 1)),
        "associations": lambda c: c.fetch_associations("0" * 32),
        "user usages": lambda c: c.fetch_user_usages("0" * 32, 2026, 11),
    }
    with pytest.raises(UnexpectedCloudrockData) as caught:
        calls[call](cloudrock)
    assert words in str(caught.value)


def test_one_unreadable_order_stops_the_others_only_if_nobody_takes_its_error(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], body: Callable[[str], Any]
) -> None:
    good, odd = body("update.executing.get"), body("order_item.get.executing.after_worker")
    server.will_answer(answer(body=[odd | {"limits": {"cpu": -1}}, good]))
    with pytest.raises(UnexpectedCloudrockData, match=odd["uuid"]):
        cloudrock.fetch_order_items()
    taken: list[UnexpectedCloudrockData] = []
    assert [item.uuid for item in cloudrock.fetch_order_items(on_unreadable=taken.append)] == [good["uuid"]]
    assert [odd["uuid"] in error.what for error in taken] == [True]


@pytest.mark.parametrize(
    ("name", "call", "kind", "words"),
    [
        (
            "auth.bad_token",
            lambda c: c.fetch_me(),
            CloudrockUnauthorized,
            "Invalid token. Check the API token",
        ),
        (
            "auth.token_idle_longer_than_lifetime",
            lambda c: c.fetch_me(),
            CloudrockUnauthorized,
            "token_lifetime",
        ),
        (
            "offering.provider.outsider",
            lambda c: c.fetch_offering(),
            CloudrockNotFound,
            "with 404: Not found.",
        ),
        (
            "order_item.approve.manager_forbidden",
            lambda c: c.approve_order_item(ITEM),
            CloudrockForbidden,
            "own the provider",
        ),
        ("limits.set.outsider", lambda c: c.set_allocation_limits(RESOURCE, {}), CloudrockForbidden, "403"),
        (
            "order_item.set_state_done.again",
            lambda c: c.set_order_item_done(ITEM),
            CloudrockRejected,
            "with 400: Order item has incorrect state. Expected executing, got done.",
        ),
        (
            "allocation.set_state.creating_again_409#1",
            lambda c: c.set_allocation_state(RESOURCE, AllocationTransition.CREATING),
            CloudrockConflict,
            "Allocation state can not be changed from 6 to creating.",
        ),
        (
            "usage.set.unknown_component",
            lambda c: c.report_usage(PERIOD, {"gpu": 1}),
            CloudrockRejected,
            "with 400: These components are invalid: gpu, ram.",
        ),
        (
            "usage.set.resource_state_ERRED",
            lambda c: c.report_usage(PERIOD, {"cpu": 1}),
            CloudrockRejected,
            "resource: Resource is not in valid state.",
        ),
        (
            "freeipa.list.extension_disabled",
            lambda c: c.fetch_freeipa_profiles(),
            CloudrockRejected,
            "with 424: Extension is disabled.",
        ),
        (
            "association.create.no_freeipa_profile",
            lambda c: c.create_association(RESOURCE, "c1p1u3"),
            CloudrockRejected,
            "There is no FreeIPA profile",
        ),
        ("terminate6.done_500", lambda c: c.set_order_item_done(ITEM), CloudrockServerError, "its log has"),
        (
            "resources.page.client_url_growth#3",
            lambda c: c.fetch_resources(),
            CloudrockRejected,
            "with 414",
        ),
    ],
)
def test_a_refusal_is_one_clear_error_sent_once(  # a table of cases
    server: Server,
    cloudrock: Cloudrock,
    recorded: Recorded,
    name: str,
    call: Call,
    kind: type[Exception],
    words: str,
) -> None:
    server.will_answer(recorded(name))
    with pytest.raises(kind) as caught:
        call(cloudrock)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.fetch_resource("../users"), "the resource's uuid must be 32 hexadecimal digits"),
        (lambda c: c.set_order_item_done(""), "the order item's uuid"),
        (lambda c: c.fetch_team(RESOURCE.upper()), "in small letters"),
        (lambda c: c.set_resource_backend_id(RESOURCE, " "), "backend id must be a name, not ' '"),
        (lambda c: c.create_association(RESOURCE, ""), "user's name"),
        (lambda c: c.report_usage(PERIOD, {}), "about one component at least"),
        (lambda c: c.report_usage(PERIOD, {"cpu": -1}), "the used amount of 'cpu' must be a whole number"),
        (lambda c: c.report_usage(PERIOD, {"cpu": 2**63}), "not 9223372036854775808"),
        (lambda c: c.report_usage(PERIOD, {"cpu": 1.5}), "not 1.5"),
        (lambda c: c.report_usage(PERIOD, {"cpu": True}), "not True"),
        (lambda c: c.set_allocation_limits(RESOURCE, {"cpu": -1}), "the limit of 'cpu'"),
    ],
)
def test_what_the_server_would_misunderstand_is_not_sent(
    server: Server, cloudrock: Cloudrock, call: Call, words: str
) -> None:
    with pytest.raises(UnsendableToCloudrock) as caught:
        call(cloudrock)
    assert words in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    ("address", "token", "offering", "words"),
    [
        ("cloudrock.example.com/api/", "t", OFFERING, "https://host/api/"),
        ("ftp://cloudrock.example.com/api/", "t", OFFERING, "https://host/api/"),
        ("https:///api/", "t", OFFERING, "https://host/api/"),
        ("https://host:port/api/", "t", OFFERING, "https://host/api/"),
        ("https://me:secret@host/api/", "t", OFFERING, "without a user"),
        ("https://host/api/?x=1", "t", OFFERING, "a query"),
        ("", "t", OFFERING, "https://host/api/"),
        ("https://host/api/", "", OFFERING, "token is empty"),
        ("https://host/api/", "hush\n", OFFERING, "line ends"),
        ("https://host/api/", "t", "SLURM cluster", "offering's uuid is not 32 hexadecimal digits: 'slurm"),
    ],
)
def test_settings_that_cannot_work_are_told_before_anything_is_sent(
    door: Callable[..., Cloudrock], address: str, token: str, offering: str, words: str
) -> None:
    with pytest.raises(CloudrockMisconfigured) as caught:
        door(address, token=token, offering=offering)
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_offering_may_be_given_with_dashes_and_the_address_without_its_last_slash(
    server: Server, recorded: Recorded, door: Callable[..., Cloudrock]
) -> None:
    server.will_answer(recorded("offering.provider.owner"))
    dashed = "537BDAA7-c001-571d-8956-d0ba30a3726d"
    assert door(server.api_url.rstrip("/"), offering=dashed).fetch_offering().uuid == OFFERING
