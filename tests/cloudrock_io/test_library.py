"""What we rely on or overrule in python-cloudrock-client: a new version that changes it shows here."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING

import cloudrock_client
import pytest

from cloudrock_io.states import AllocationTransition
from cloudrock_io.transport import Transport

if TYPE_CHECKING:
    from conftest import Answer, Request, Server

LIBRARY = cloudrock_client.CloudrockClient
NEWER = "the library changed: see cloudrock_io/transport.py, what of it can go?"


def test_its_states_are_still_rotated_so_ours_are_used() -> None:
    theirs = {state.name: state.value for state in cloudrock_client.SlurmAllocationState}
    assert theirs["UPDATING"] == "deletion_scheduled", NEWER
    assert theirs["UPDATE_SCHEDULED"] == "updating", NEWER
    assert theirs["DELETION_SCHEDULED"] == "update_scheduled", NEWER
    assert all(ours.value == ours.name.lower() for ours in AllocationTransition)
    assert {ours.name for ours in AllocationTransition} == set(theirs)


def test_its_paging_still_grows_the_address(server: Server, answer: type[Answer]) -> None:
    def page(request: Request) -> Answer:
        number = int(request.query.get("page", ["1"])[0])
        echo = "&".join(f"{k}={v}" for k, values in request.query.items() if k != "page" for v in values)
        here = f"{server.origin}{request.path}?{echo}"
        links = [f'<{here}&page=1>; rel="first"']
        links += [f'<{here}&page={number - 1}>; rel="prev"'] if number > 1 else []
        links += [f'<{here}&page={number + 1}>; rel="next"'] if number < 3 else []
        return answer(200, [], {"Link": ", ".join(links)})

    server.compute = page
    LIBRARY(server.api_url, "token").list_freeipa_profiles()
    assert [len(request.query["page_size"]) for request in server.requests] == [1, 2, 3], NEWER


def test_it_still_has_no_timeouts_and_no_session_of_its_own() -> None:
    source = inspect.getsource(LIBRARY)
    assert "timeout=" not in inspect.getsource(LIBRARY._make_request), NEWER  # noqa: SLF001
    assert "requests.Session" not in source, NEWER
    assert "response.status_code == 409" in source, NEWER


def test_it_still_asks_for_user_usages_where_there_are_none() -> None:
    assert LIBRARY.Endpoints.SlurmAllocationUserUsages == "slurm-allocation-user-usages", NEWER
    assert not hasattr(LIBRARY, "set_slurm_allocation_user_usage"), NEWER


@pytest.mark.parametrize("name", ["_make_request", "_get_all", "_query_resource_by_uuid"])
def test_what_we_overrule_is_there_to_be_overruled(name: str) -> None:
    assert getattr(Transport, name) is not getattr(LIBRARY, name)


def test_all_its_http_goes_through_what_we_overrule() -> None:
    callers = [
        name
        for name, function in inspect.getmembers(LIBRARY, inspect.isfunction)
        if "requests" in function.__code__.co_names
    ]
    assert callers == ["_get_all", "_make_request"], NEWER


def test_the_version_is_one_whose_facts_were_looked_at() -> None:
    assert version("python-cloudrock-client").startswith("0.1."), NEWER
