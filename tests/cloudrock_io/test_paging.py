"""Long lists come whole, from the configured server only, and an endless one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudrock_io import transport
from cloudrock_io.errors import UnexpectedCloudrockData

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Request, Server

    from cloudrock_io.client import Cloudrock


@pytest.fixture
def rows(body: Callable[[str], Any]) -> list[dict[str, object]]:
    profile = body("freeipa.list.staff")[0]
    return [profile | {"uuid": f"{n:032x}", "username": f"user{n}"} for n in range(1001)]


def page_of(
    rows: list[dict[str, object]], answer: type[Answer], host: str, rel: str = "next"
) -> Callable[[Request], Answer]:
    """Pages as the recorded server makes them: rel first, prev, next, last; the query echoed."""

    def give(request: Request) -> Answer:
        size, number = int(request.query["page_size"][0]), int(request.query.get("page", ["1"])[0])
        last = -(-len(rows) // size)
        echo = "&".join(f"{k}={v}" for k, values in request.query.items() if k != "page" for v in values)
        pages = {"first": 1, "prev": number - 1, rel: number + 1 if number < last else 0, "last": last}
        links = [f'<{host}{request.path}?{echo}&page={n}>; rel="{r}"' for r, n in pages.items() if n > 0]
        return answer(200, rows[(number - 1) * size : number * size], {"Link": ", ".join(links)})

    return give


@pytest.mark.parametrize("host", ["", "http://cloudrock.example.com", "https://thief.example.com:8443"])
def test_all_pages_are_read_from_our_server_whatever_host_the_links_name(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], rows: list[dict[str, object]], host: str
) -> None:
    server.compute = page_of(rows, answer, host)
    assert [p.username for p in cloudrock.fetch_freeipa_profiles()] == [row["username"] for row in rows]
    assert [request.query for request in server.requests] == [
        {"page_size": ["300"]},
        *({"page_size": ["300"], "page": [str(page)]} for page in range(2, 5)),
    ]


def test_a_row_that_moved_to_a_later_page_comes_once(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], rows: list[dict[str, object]]
) -> None:
    link = {"Link": f'<{server.api_url}freeipa-profiles/?page=2>; rel="next"'}
    server.will_answer(answer(200, rows[:2], link), answer(200, rows[1:3]))
    assert [p.username for p in cloudrock.fetch_freeipa_profiles()] == ["user0", "user1", "user2"]


def test_a_list_that_became_shorter_while_it_was_read_ends(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], rows: list[dict[str, object]]
) -> None:
    link = {"Link": f'<{server.api_url}freeipa-profiles/?page=2>; rel="next"'}
    server.will_answer(answer(200, rows[:2], link), answer(404, {"detail": "Invalid page."}))
    assert len(cloudrock.fetch_freeipa_profiles()) == 2


def test_a_link_to_a_page_already_read_is_a_loop(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, [], {"Link": '<?page=2>; rel="next"'}))
    with pytest.raises(UnexpectedCloudrockData, match="expected a last one, got a loop"):
        cloudrock.fetch_freeipa_profiles()
    assert len(server.requests) == 2


def test_pages_without_end_end(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_PAGES", 20)

    def one_more(request: Request) -> Answer:
        page = int(request.query.get("page", ["1"])[0])
        return answer(200, [], {"Link": f'<?page={page + 1}>; rel="next"'})

    server.compute = one_more
    with pytest.raises(UnexpectedCloudrockData, match="more than 20 pages"):
        cloudrock.fetch_freeipa_profiles()
    assert len(server.requests) == 20


@pytest.mark.parametrize("page", [1, 2])
def test_a_page_that_is_no_list_is_named(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], page: int
) -> None:
    link = {"Link": '<?page=2>; rel="next"'}
    good = [answer(200, [], link)] * (page - 1)
    server.will_answer(*good, answer(200, {"detail": "hm"}))
    with pytest.raises(UnexpectedCloudrockData, match="freeipa-profiles/: expected a list, got dict"):
        cloudrock.fetch_freeipa_profiles()
