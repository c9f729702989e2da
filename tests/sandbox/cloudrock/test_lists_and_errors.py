"""Paging, filters, tokens, visibility, associations: what every call can meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.cloudrock import Marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.cloudrock.bench import Bench

RESOURCES = "marketplace-resources/"


@pytest.fixture(scope="module")
def many(module_bench: Bench) -> Iterator[str]:
    """A project with 310 resources."""
    market, office = module_bench.marketplace, module_bench.office
    project = office.add_project(market.customer_uuid, "many")
    office.add_resources(project, market.offering_uuid, market.plan_uuid, 310, usernames=2)
    return project


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ("", 10),
        ("&page_size=0", 10),
        ("&page_size=-1", 10),
        ("&page_size=x", 10),
        ("&page_size=299", 299),
        ("&page_size=301", 300),
        ("&page_size=1000", 300),
        ("&page_size=300&page=2", 10),
        ("&page_size=5&page_size=7", 7),
    ],
)
def test_a_page_size_over_300_is_capped_silently(bench: Bench, many: str, query: str, length: int) -> None:
    answer = bench.call("GET", f"{RESOURCES}?project_uuid={many}&field=uuid{query}")
    assert len(answer.json()) == length
    assert answer.headers["x-result-count"] == "310"


@pytest.mark.parametrize("page", ["0", "-1", "32", "x"])
def test_a_page_that_is_none_is_a_404(bench: Bench, many: str, page: str) -> None:
    answer = bench.call("GET", f"{RESOURCES}?project_uuid={many}&page={page}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid page."})


def test_following_the_links_finds_everything_once(bench: Bench, many: str) -> None:
    found: list[str] = []
    address = f"{RESOURCES}?project_uuid={many}&field=uuid&page_size=100"
    while address:
        answer = bench.call("GET", address)
        found += [row["uuid"] for row in answer.json()]
        address = str(answer.links.get("next", {}).get("url", ""))
    assert len(found) == len(set(found)) == 310


def test_the_links_come_in_order_and_echo_the_query_sorted(bench: Bench, many: str) -> None:
    answer = bench.call("GET", f"{RESOURCES}?state=OK&project_uuid={many}&page=2&b=%2F&field=uuid&field=name")
    links = [part.partition(">; rel=") for part in answer.headers["link"].split(", ")]
    assert [name for _, _, name in links] == ['"first"', '"prev"', '"next"', '"last"']
    base = f"<{bench.marketplace.api_url}{RESOURCES}?b=%2F&field=uuid&field=name"
    assert links[0][0] == f"{base}&project_uuid={many}&state=OK"
    assert links[2][0] == f"{base}&page=3&project_uuid={many}&state=OK"


def test_a_request_line_over_4094_bytes_is_a_414(bench: Bench) -> None:
    line = len("GET /api/version/?q= HTTP/1.1")
    assert bench.call("GET", f"version/?q={'x' * (4094 - line)}").status_code == 200
    answer = bench.call("GET", f"version/?q={'x' * (4095 - line)}")
    assert answer.status_code == 414
    assert "(4095 &gt; 4094)" in answer.text


def test_field_narrows_resources_and_not_usages(bench: Bench, many: str) -> None:
    rows = bench.get(f"{RESOURCES}?project_uuid={many}&field=state&field=name&page_size=1")
    assert rows == [{"name": "bulk-1", "state": "OK"}]
    assert "username" in bench.get("slurm-associations/?field=uuid&page_size=1")[0]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (
            f"{RESOURCES}?state=ok",
            {"state": ["Select a valid choice. ok is not one of the available choices."]},
        ),
        (f"{RESOURCES}?project_uuid=nope", {"project_uuid": ["Enter a valid UUID."]}),
        ("marketplace-component-usages/?date_after=soon", {"date_after": ["Enter a valid date."]}),
        ("slurm-associations/?allocation_uuid=x", {"allocation_uuid": ["Enter a valid UUID."]}),
    ],
)
def test_bad_values_of_known_filters_are_a_400(bench: Bench, path: str, complaint: object) -> None:
    answer = bench.call("GET", path)
    assert (answer.status_code, answer.json()) == (400, complaint)


def test_unknown_and_empty_filters_are_none(bench: Bench, many: str) -> None:
    narrow = bench.call("GET", f"{RESOURCES}?project_uuid={many}&backend_id=&backendid=x&field=uuid")
    assert narrow.headers["x-result-count"] == "310"


def test_head_counts_without_a_body(bench: Bench, many: str) -> None:
    answer = bench.call("HEAD", f"{RESOURCES}?project_uuid={many}")
    assert (answer.headers["x-result-count"], answer.content) == ("310", b"")


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Bearer x", "Authentication credentials were not provided."),
        ("token", "Invalid token header. No credentials provided."),
        (f"token {'0' * 40}", "Invalid token."),
    ],
)
def test_a_call_without_a_good_token_is_a_401(bench: Bench, header: str | None, detail: str) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("version/", "marketplace-slurm-remote/"):
        answer = bench.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"detail": detail})
        assert answer.headers["www-authenticate"] == "Token"


def test_a_token_lives_as_long_as_it_is_used_and_no_longer(bench: Bench) -> None:
    for _ in range(3):
        bench.office.advance_clock(3000)
        assert bench.call("GET", "users/me/", "outsider").status_code == 200
    bench.office.advance_clock(3000)
    assert bench.call("GET", "users/nobody/", "outsider").status_code == 404
    bench.office.advance_clock(3000)
    assert bench.call("GET", "users/me/", "outsider").status_code == 200
    bench.office.advance_clock(3601)
    assert bench.call("GET", "users/me/", "outsider").json() == {"detail": "Token has expired."}
    bench.office.age_token("outsider", 0)
    bench.office.set_user_active("outsider", active=False)
    assert bench.call("GET", "users/me/", "outsider").json() == {"detail": "User inactive or deleted."}
    bench.office.set_user_active("outsider", active=True)


def test_what_may_not_be_seen_is_404_and_what_may_not_be_done_is_403(bench: Bench) -> None:
    resource = bench.finished("visible")
    allocation = bench.get(f"{RESOURCES}{resource}/")["resource_uuid"]
    expected = {
        f"{RESOURCES}{resource}/team/": {"provider_owner": 200, "project_user1": 403, "outsider": 404},
        f"slurm-allocations/{allocation}/": {"provider_manager": 404, "project_user3": 200, "staff": 200},
        f"{RESOURCES}{resource}/details/": {"provider_manager": 200, "outsider": 404},
        f"marketplace-provider-offerings/{bench.marketplace.offering_uuid}/": {
            "project_user1": 404,
            "staff": 200,
        },
        f"marketplace-public-offerings/{bench.marketplace.offering_uuid}/": {"outsider": 200},
        f"{RESOURCES}{'0' * 32}/": {"staff": 404},
        f"{RESOURCES}not-a-uuid/": {"staff": 404},
    }
    seen = {
        path: {actor: bench.call("GET", path, actor).status_code for actor in who}
        for path, who in expected.items()
    }
    assert seen == expected
    strange = f"marketplace-slurm-remote/{resource}/create_association/"
    assert bench.post(strange, {"username": "w_c1p1u1"}, "outsider").status_code == 403


def test_a_path_that_is_none_is_an_html_404_and_a_missing_slash_is_a_redirect(bench: Bench) -> None:
    answer = bench.call("GET", "slurm-allocation-user-usages/")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, "text/html")
    answer = bench.call("GET", "users/me?field=uuid")
    assert (answer.status_code, answer.headers["location"]) == (301, "/api/users/me/?field=uuid")


def test_a_method_that_is_none_is_a_405(bench: Bench) -> None:
    answer = bench.call("DELETE", f"marketplace-component-usages/{'0' * 32}/", "staff")
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})


@pytest.mark.parametrize("body", ["{", "[1", "NaN", '{"a": Infinity}', "\xff"])
def test_what_is_not_json_is_a_400(bench: Bench, body: str) -> None:
    headers = {
        "Authorization": f"token {bench.marketplace.tokens['staff']}",
        "Content-Type": "application/json",
    }
    answer = bench.client.post("marketplace-orders/", content=body.encode("latin-1"), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error - ")


def test_sixteen_parallel_associations_are_one(bench: Bench) -> None:
    resource = bench.finished("associated")
    path = f"marketplace-slurm-remote/{resource}/create_association/"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: bench.post(path, {"username": "w_c1p1u1"}).status_code, range(16)))
    assert sorted(answers) == [200] * 15 + [201]
    allocation = bench.get(f"{RESOURCES}{resource}/")["resource_uuid"]
    assert len(bench.get(f"slurm-associations/?allocation_uuid={allocation}", "outsider")) == 1


def test_an_association_needs_exactly_one_profile_in_any_case_and_keeps_its_spelling(bench: Bench) -> None:
    resource = bench.finished("profiles")
    path = f"marketplace-slurm-remote/{resource}"
    for name in ("w_c1p1u1", "W_C1P1U1"):
        assert bench.post(f"{path}/create_association/", {"username": name}).status_code == 201
    assert bench.post(f"{path}/create_association/", {"username": "outsider"}).status_code == 400
    assert bench.post(f"{path}/delete_association/", {"username": "W_c1p1u1"}).status_code == 400
    bench.office.remove_freeipa_profile("c1p1u1")
    gone = bench.post(f"{path}/delete_association/", {"username": "w_c1p1u1"})
    assert gone.json() == ["There is no FreeIPA profile with the given username (case insensitive search)."]
    bench.office.add_freeipa_profile("c1p1u1", "w_c1p1u1")
    bench.office.add_freeipa_profile("outsider", "W_c1p1u1")
    assert bench.post(f"{path}/delete_association/", {"username": "w_c1p1u1"}).status_code == 400
    bench.office.remove_freeipa_profile("outsider")
    assert bench.post(f"{path}/delete_association/", {"username": "w_c1p1u1"}).status_code == 200


def test_profiles_are_for_staff_and_for_oneself(bench: Bench) -> None:
    counts = {
        actor: len(bench.get("freeipa-profiles/", actor))
        for actor in ("staff", "support", "provider_owner", "project_user1")
    }
    assert counts == {"staff": 2, "support": 0, "provider_owner": 0, "project_user1": 1}
    bench.office.set_freeipa(enabled=False)
    assert bench.call("GET", "freeipa-profiles/", "staff").status_code == 424


def test_a_component_that_an_unused_offering_drops_is_gone_everywhere(bench: Bench) -> None:
    market = bench.marketplace
    resource = bench.finished("dropped")
    bench.report(bench.periods(resource)[0]["uuid"], gres__gpu=1)
    fields = {"measured_unit": "h", "billing_type": "usage"}
    second = bench.office.add_offering(
        market.provider_uuid,
        "second",
        [{"type": word, "name": word, **fields} for word in ("cpu", "gres/gpu")],
    )
    kept = [{"type": "cpu", "name": "CPU", **fields}]
    used = bench.post(f"marketplace-provider-offerings/{market.offering_uuid}/update_components/", kept)
    assert used.status_code == 400
    bench.done(f"marketplace-provider-offerings/{second}/update_components/", kept)
    first = bench.get(f"marketplace-public-offerings/{market.offering_uuid}/?field=components")
    assert [one["type"] for one in first["components"]] == ["cpu", "mem"]
    assert bench.rows(resource) == []


def test_a_database_keeps_its_state_over_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("kept") / "cloudrock.sqlite"
    with Marketplace(file) as first:
        item = first.place_order("kept", approve=False)
        tokens = first.tokens
    with Marketplace(file) as second:
        assert second.tokens == tokens
        headers = {"Authorization": f"token {tokens['provider_owner']}"}
        with httpx.Client(base_url=second.api_url, headers=headers) as client:
            assert client.get(f"marketplace-order-items/{item}/").json()["state"] == "pending"
