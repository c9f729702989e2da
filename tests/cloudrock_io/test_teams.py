"""All teams in a few requests, and the names that a provider gave: as recorded, and on the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from allocations.marketplace import OrderItemState, TeamMember
from cloudrock_io import parsing
from cloudrock_io.errors import CloudrockNotFound, UnexpectedCloudrockData
from sandbox.cloudrock import Marketplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Answer, Server

    from cloudrock_io.client import Cloudrock

    Body = Callable[[str], Any]
    Recorded = Callable[[str], Answer]
    Door = Callable[..., Cloudrock]

PROVIDER = "270365891ac551fb9bc9f4d2a310384d"
CUSTOMER = "c" * 32
ROLES = "service_provider.project_permissions"


def test_a_role_is_a_project_and_a_person_of_it(body: Body) -> None:
    row = body(ROLES)[0]
    assert parsing.parse_project_role(row) == (
        row["project_uuid"],
        TeamMember(uuid=row["user_uuid"], username=row["user_username"], role="admin"),
    )


@pytest.mark.parametrize(
    ("change", "name"), [({}, "ext_user1"), ({"username": ""}, ""), ({"username": None}, "")]
)
def test_an_offering_user_has_a_name_or_none_yet(body: Body, change: dict[str, object], name: str) -> None:
    (row,) = body("offering_users.list.owner")
    assert parsing.parse_offering_user(row | change) == ("d966f07fcf4f5f92936a2d0620c50360", name)
    del row["username"]
    assert parsing.parse_offering_user(row)[1] == ""


def test_an_order_is_approved_when_somebody_did_so_on_the_customers_side(body: Body) -> None:
    row = body("order_item.get.executing.before_worker")
    assert parsing.parse_order_item(row).is_approved
    assert not parsing.parse_order_item(row | {"order_approved_at": None}).is_approved
    del row["order_approved_at"]
    assert not parsing.parse_order_item(row).is_approved


def test_all_teams_come_from_two_lists(
    server: Server, cloudrock: Cloudrock, recorded: Recorded, body: Body, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, [{"uuid": PROVIDER}]), recorded(ROLES))
    teams = cloudrock.fetch_teams(CUSTOMER)
    rows = body(ROLES)
    assert {project: [member.uuid for member in team] for project, team in teams.items()} == {
        project: [row["user_uuid"] for row in rows if row["project_uuid"] == project]
        for project in {row["project_uuid"] for row in rows}
    }
    assert [(sent.path, sent.query.get("customer_uuid")) for sent in server.requests] == [
        ("/api/marketplace-service-providers/", [CUSTOMER]),
        (f"/api/marketplace-service-providers/{PROVIDER}/project_permissions/", None),
    ]


def test_without_a_provider_there_are_no_teams(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, []))
    assert cloudrock.fetch_teams(CUSTOMER) == {}


@pytest.mark.parametrize("row", [{}, {"uuid": 7}, {"uuid": "../users"}, [], None])
def test_a_provider_without_a_uuid_is_never_asked_for(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], row: object
) -> None:
    server.will_answer(answer(200, [row]))
    with pytest.raises(UnexpectedCloudrockData):
        cloudrock.fetch_teams(CUSTOMER)
    assert len(server.requests) == 1


def test_names_of_another_offering_are_refused(
    server: Server, cloudrock: Cloudrock, body: Body, answer: type[Answer]
) -> None:
    (row,) = body("offering_users.list.owner")
    server.will_answer(answer(200, [row]))
    assert cloudrock.fetch_offering_usernames() == {"d966f07fcf4f5f92936a2d0620c50360": "ext_user1"}
    server.will_answer(answer(200, [row | {"offering_uuid": "e" * 32}]))
    with pytest.raises(UnexpectedCloudrockData, match="that of our offering"):
        cloudrock.fetch_offering_usernames()


@pytest.fixture(scope="module")
def marketplace() -> Iterator[Marketplace]:
    with Marketplace(seed_with="recording") as running:
        running.office.pause_worker()
        yield running


def door_of(door: Door, marketplace: Marketplace, actor: str = "provider_owner") -> Cloudrock:
    return door(marketplace.api_url, marketplace.tokens[actor], marketplace.offering_uuid)


def post(marketplace: Marketplace, path: str, body: object = None) -> None:
    token = marketplace.tokens["provider_owner"]
    headers = {"Authorization": f"token {token}"}
    httpx.post(marketplace.api_url + path, json=body, headers=headers, timeout=20).raise_for_status()


@pytest.fixture
def ordered(marketplace: Marketplace) -> str:
    """The uuid of a resource that has been ordered and made."""
    item = marketplace.place_order("teams")
    marketplace.office.run_worker()
    return str(marketplace.office.state_of(item)["resource"])


@pytest.mark.parametrize("actor", ["provider_owner", "provider_manager", "staff"])
def test_the_bulk_answer_about_a_team_is_the_answer_about_its_resource(
    marketplace: Marketplace, door: Door, ordered: str, actor: str
) -> None:
    cloudrock = door_of(door, marketplace, actor)
    teams = cloudrock.fetch_teams(marketplace.provider_uuid)
    one = cloudrock.fetch_team(ordered)
    assert one
    assert {(m.uuid, m.username) for m in teams[marketplace.project_uuid]} == {
        (m.uuid, m.username) for m in one
    }


def test_a_provider_cannot_read_the_teams_of_another(
    marketplace: Marketplace, door: Door, ordered: str
) -> None:
    with pytest.raises(CloudrockNotFound):
        door_of(door, marketplace, "outsider").fetch_teams(marketplace.provider_uuid)


def test_an_organisation_that_provides_nothing_has_no_teams(marketplace: Marketplace, door: Door) -> None:
    assert door_of(door, marketplace).fetch_teams(marketplace.customer_uuid) == {}


def test_the_names_that_the_provider_gave_are_by_user(marketplace: Marketplace, door: Door) -> None:
    cloudrock = door_of(door, marketplace)
    assert cloudrock.fetch_offering_usernames() == {}
    one, other = (marketplace.users[name] for name in ("project_user1", "project_user2"))
    for user, name in ((one, "ext_user1"), (other, "")):
        path = f"marketplace-service-providers/{marketplace.service_provider_uuid}/set_offerings_username/"
        if name:
            post(marketplace, path, {"user_uuid": user, "username": name})
    assert cloudrock.fetch_offering_usernames() == {one: "ext_user1"}


def test_the_offering_tells_whose_it_is(marketplace: Marketplace, door: Door) -> None:
    assert door_of(door, marketplace).fetch_offering().customer_uuid == marketplace.provider_uuid


def test_a_pending_item_tells_whether_the_customer_approved_it(marketplace: Marketplace, door: Door) -> None:
    item = marketplace.place_order("pending")
    found = door_of(door, marketplace).fetch_order_items({OrderItemState.EXECUTING, OrderItemState.PENDING})
    (ours,) = [one for one in found if one.uuid == item]
    assert ours.is_approved
