"""Usage through the door, on a marketplace that behaves: what is told stands, asking writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from allocations.marketplace import UserUsage
from cloudrock_io.client import Cloudrock
from cloudrock_io.errors import CloudrockRejected, UnexpectedCloudrockData, UnsendableToCloudrock
from sandbox.cloudrock import Marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAST = datetime(2026, 10, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def marketplace() -> Iterator[Marketplace]:
    with Marketplace(starts_at=NOW) as running:
        yield running


@pytest.fixture
def resource(marketplace: Marketplace) -> str:
    (uuid,) = marketplace.office.add_resources(
        marketplace.project_uuid, marketplace.offering_uuid, marketplace.plan_uuid, 1, "usage", 2
    )
    marketplace.office.set_dated_usage(False)
    return uuid


@pytest.fixture
def door(marketplace: Marketplace) -> Iterator[Cloudrock]:
    token, offering = marketplace.tokens["provider_owner"], marketplace.offering_uuid
    with Cloudrock(marketplace.api_url, token, offering) as cloudrock:
        yield cloudrock


def test_what_people_read_beside_an_amount_is_kept_and_goes_with_the_next_report(door, resource) -> None:
    (period,) = door.fetch_plan_periods(resource)
    door.report_usage(period.uuid, {"cpu": 5, "mem": 6}, {"cpu": "2 of it by hand"})
    (after,) = door.fetch_plan_periods(resource)
    assert (after.usages, after.descriptions) == ({"cpu": 5, "mem": 6}, {"cpu": "2 of it by hand", "mem": ""})
    rows = [row for row in door.fetch_component_usages(NOW.date()) if row.resource_uuid == resource]
    assert {row.type: row.description for row in rows} == {"cpu": "2 of it by hand", "mem": ""}
    door.report_usage(period.uuid, {"cpu": 5})
    assert door.fetch_plan_periods(resource)[0].descriptions["cpu"] == ""
    with pytest.raises(UnsendableToCloudrock, match="at most 2000 characters"):
        door.report_usage(period.uuid, {"cpu": 5}, {"cpu": "x" * 2001})


@pytest.mark.parametrize("dated", [True, False])
def test_whether_a_server_books_dated_usage_is_asked_without_writing(
    marketplace, door, resource, dated
) -> None:
    marketplace.office.set_dated_usage(dated)
    assert door.books_dated_usage() is dated
    assert marketplace.office.usages(resource) == []


def test_a_dated_report_goes_where_it_says(marketplace, door, resource) -> None:
    marketplace.office.set_dated_usage(True)
    (period,) = door.fetch_plan_periods(resource)
    door.report_dated_usage(period.uuid, {"cpu": 7}, PAST, {"cpu": "late"})
    assert [(row["month"], row["amount"]) for row in marketplace.office.usages(resource)] == [("2026-10", 7)]
    assert door.fetch_plan_periods(resource)[0].usages == {}


def test_an_answer_that_cannot_be_is_no_yes(marketplace, door) -> None:
    path = "POST .*component-usages/set_usage/"
    marketplace.office.fail_next(path, status=201, body={})
    with pytest.raises(UnexpectedCloudrockData, match="a refusal"):
        door.books_dated_usage()
    marketplace.office.fail_next(path, status=403, body={"detail": "No."})
    with pytest.raises(CloudrockRejected):
        door.books_dated_usage()


def test_all_users_usage_of_a_month_comes_in_one_list_and_rows_of_marketplace_users_are_not_ours(
    marketplace, door, resource
) -> None:
    mine = UserUsage(username="ada", year=2026, month=10, cpu=1, gpu=2, ram=3)
    door.report_user_usage(resource, mine)
    body = {"username": "ada", "year": 2026, "month": 10, "cpu_usage": 9, "gpu_usage": 9, "ram_usage": 9}
    user = f"{marketplace.api_url}users/{marketplace.users['project_user1']}/"
    headers = {"Authorization": f"token {marketplace.tokens['provider_owner']}"}
    url = f"{marketplace.api_url}marketplace-slurm-remote/{resource}/set_usage/"
    httpx.post(url, json={**body, "user": user}, headers=headers, timeout=30).raise_for_status()
    allocation = door.fetch_resource(resource).allocation_uuid
    assert door.fetch_all_user_usages(2026, 10)[allocation] == [mine]
    assert allocation not in door.fetch_all_user_usages(2026, 9)


def test_all_associations_come_in_one_list(door, resource) -> None:
    allocation = door.fetch_resource(resource).allocation_uuid
    names = frozenset(one.username for one in door.fetch_associations(allocation))
    assert len(names) == 2
    assert door.fetch_all_associations()[allocation] == names


def test_an_offering_is_never_sent_no_components(marketplace, door) -> None:
    with pytest.raises(UnsendableToCloudrock, match="one at least"):
        door.update_components(marketplace.offering_uuid, [])
