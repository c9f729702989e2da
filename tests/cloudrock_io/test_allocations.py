"""The allocation behind a resource: in a list that staff see, or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from allocations.marketplace import AllocationState, RecordedAllocation
from cloudrock_io.errors import UnexpectedCloudrockData
from cloudrock_io.parsing import parse_allocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Server

    from cloudrock_io.client import Cloudrock

    Recorded = Callable[[str], Answer]
    Body = Callable[[str], Any]

RESOURCE = "9d5b9e22029347a89e1076dac036d1ec"
ALLOCATION = "66f65da781194f6db5a6b41b1e026918"


def test_staff_are_told_all_of_the_offerings_allocations_in_one_request(
    server: Server, cloudrock: Cloudrock, recorded: Recorded
) -> None:
    server.will_answer(recorded("allocation.list.staff"))
    assert cloudrock.fetch_allocations() == {
        RESOURCE: RecordedAllocation(uuid=ALLOCATION, state=AllocationState.CREATION_SCHEDULED, account=None)
    }
    (request,) = server.requests
    assert (request.path, request.query) == ("/api/slurm-allocations/", {"page_size": ["300"]})


def test_a_provider_is_told_of_none(server: Server, cloudrock: Cloudrock, recorded: Recorded) -> None:
    server.will_answer(recorded("allocation.list.owner"))
    assert cloudrock.fetch_allocations() == {}


@pytest.mark.parametrize("offering", ["e" * 32, None, ""])
def test_allocations_of_other_offerings_or_of_none_are_left_out(
    server: Server, cloudrock: Cloudrock, body: Body, answer: type[Answer], offering: str | None
) -> None:
    (row,) = body("allocation.list.staff")
    server.will_answer(answer(200, [{**row, "marketplace_offering_uuid": offering}]))
    assert cloudrock.fetch_allocations() == {}


def test_a_resources_details_are_its_allocation(
    server: Server, cloudrock: Cloudrock, recorded: Recorded, body: Body
) -> None:
    details = body("resource.details.owner")
    server.will_answer(recorded("resource.details.owner"))
    assert cloudrock.fetch_allocation(RESOURCE) == RecordedAllocation(
        uuid=ALLOCATION,
        state=AllocationState(details["state"]),
        account=details["backend_id"] or None,
    )
    assert server.requests[0].path == f"/api/marketplace-resources/{RESOURCE}/details/"


@pytest.mark.parametrize(
    ("key", "value"), [("uuid", None), ("state", "Sleeping"), ("state", None), ("backend_id", 5)]
)
def test_an_allocation_that_is_not_understood_is_refused(body: Body, key: str, value: object) -> None:
    with pytest.raises(UnexpectedCloudrockData, match=f"key '{key}'"):
        parse_allocation({**body("resource.details.owner"), key: value})
