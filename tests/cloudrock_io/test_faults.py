"""Servers that misbehave: what is repeated, what is not, and what the error says."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from allocations.billing import TURN_GUARD_SECONDS
from cloudrock_io.errors import (
    CloudrockError,
    CloudrockMisconfigured,
    CloudrockServerError,
    CloudrockUnavailable,
    UnexpectedCloudrockData,
)
from cloudrock_io.repeating import (
    MUST_NOT_BE_REPEATED,
    SETS_AN_ABSOLUTE_VALUE,
    Patience,
    is_safe_to_repeat,
    statuses_to_repeat,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Server

    from cloudrock_io.client import Cloudrock

    Call = Callable[[Cloudrock], object]

ITEM = "badd8f22c40642bf8adedcdfa71322c1"
RESOURCE = "9d5b9e22029347a89e1076dac036d1ec"
HTML = "<!doctype html><h1>Server Error (500)</h1>"


def ask(cloudrock: Cloudrock) -> object:
    return cloudrock.fetch_team(RESOURCE)


def set_a_value(cloudrock: Cloudrock) -> object:
    return cloudrock.set_resource_backend_id(RESOURCE, "hpc_1")


def finish(cloudrock: Cloudrock) -> object:
    return cloudrock.set_order_item_done(ITEM)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("call", [ask, set_a_value])
def test_a_busy_server_is_asked_again(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], status: int, call: Call
) -> None:
    server.will_answer(answer(status, HTML), answer(status), answer(200, [] if call is ask else ""))
    call(cloudrock)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["reset", "truncate", "hang"])
@pytest.mark.parametrize("call", [ask, set_a_value])
def test_a_lost_answer_is_asked_for_again(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], fault: str, call: Call
) -> None:
    good = answer(200, [] if call is ask else {"status": "Backend ID has been changed"})
    server.will_answer(answer(200, "[1, 2, 3, 4]", fault=fault), good)
    call(cloudrock)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("call", "outcome", "requests", "kind", "words"),
    [
        (ask, {"status": 503}, 3, CloudrockUnavailable, "was tried 3 times, last result: HTTP 503. This can"),
        (
            ask,
            {"status": 500, "body": HTML},
            3,
            CloudrockServerError,
            "failed with 500 on GET /api/marketplace",
        ),
        (ask, {"status": 505}, 1, CloudrockServerError, "505"),
        (ask, {"fault": "hang"}, 3, CloudrockUnavailable, "no answer within 0.4 s"),
        (ask, {"body": "[1", "fault": "truncate"}, 3, CloudrockUnavailable, "the connection broke"),
        (set_a_value, {"status": 500, "body": HTML}, 1, CloudrockServerError, "an error inside the server"),
        (set_a_value, {"status": 502}, 3, CloudrockUnavailable, "may have been carried out all the same"),
        (finish, {"status": 429}, 3, CloudrockUnavailable, "HTTP 429. This can pass"),
        (finish, {"status": 503}, 1, CloudrockUnavailable, "may have been carried out all the same"),
        (finish, {"status": 500, "body": HTML}, 1, CloudrockServerError, "500"),
        (finish, {"fault": "hang"}, 1, CloudrockUnavailable, "was tried once, last result: no answer within"),
        (finish, {"fault": "reset"}, 1, CloudrockUnavailable, "may have been carried out all the same"),
    ],
)
def test_when_it_does_not_help_there_is_one_clear_error(  # noqa: PLR0913, PLR0917  # a table of cases
    server: Server,
    cloudrock: Cloudrock,
    answer: type[Answer],
    call: Call,
    outcome: dict[str, object],
    requests: int,
    kind: type[CloudrockError],
    words: str,
) -> None:
    server.will_answer(answer(**outcome))
    with pytest.raises(kind) as caught:
        call(cloudrock)
    assert words in str(caught.value)
    assert len(server.requests) == requests


def test_nothing_listens(refusing: str, door: Callable[..., Cloudrock]) -> None:
    with pytest.raises(CloudrockUnavailable) as caught:
        finish(door(refusing))
    assert "was tried 3 times, last result: connection refused." in str(caught.value)
    assert not caught.value.may_have_arrived


def test_a_name_that_nobody_knows(door: Callable[..., Cloudrock], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(CloudrockUnavailable, match="the host's name cannot be resolved") as caught:
        finish(door("http://no-such-host.invalid/api/"))
    assert caught.value.attempts == 3


def test_a_host_that_swallows_packets(door: Callable[..., Cloudrock], stopwatch: Callable[[], float]) -> None:
    patience = Patience(connect_timeout=0.1, attempts=2, first_pause=0.001)
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # nobody accepts, so the queue is full and further connections get no answer
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  # its only argument
            waiting.connect_ex(full.getsockname())
        with pytest.raises(
            CloudrockUnavailable, match=r"tried 2 times, last result: no connection within 0\.1 s"
        ):
            finish(door(f"http://127.0.0.1:{full.getsockname()[1]}/api/", patience=patience))
    assert stopwatch() < 5


def test_a_proxy_that_is_not_there(
    refusing: str, door: Callable[..., Cloudrock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", refusing)
    with pytest.raises(CloudrockUnavailable, match="the proxy named in the environment"):
        ask(door("http://cloudrock.invalid/api/"))


def test_an_answer_in_an_encoding_that_lies(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, "[]", {"Content-Encoding": "gzip"}))
    with pytest.raises(CloudrockUnavailable, match="the answer could not be read"):
        ask(cloudrock)


def test_the_time_that_the_server_asks_for_is_waited_but_capped(
    server: Server, answer: type[Answer], door: Callable[..., Cloudrock], stopwatch: Callable[[], float]
) -> None:
    server.will_answer(
        answer(429, "", {"Retry-After": "86400"}),
        answer(503, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        answer(200, []),
    )
    ask(door(server.api_url, patience=Patience(first_pause=0.001, longest_pause=0.2)))
    assert 0.2 <= stopwatch() < 3


def test_no_attempt_starts_after_the_time_for_them(
    server: Server, answer: type[Answer], door: Callable[..., Cloudrock]
) -> None:
    server.will_answer(answer(503))
    with pytest.raises(CloudrockUnavailable, match="was tried once"):
        ask(door(server.api_url, patience=Patience(first_pause=5.0, last_start=1.0)))


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example.com"])
def test_an_impossible_host_name(door: Callable[..., Cloudrock], host: str) -> None:
    with pytest.raises(CloudrockMisconfigured, match="Check the API address"):
        ask(door(f"http://{host}/api/"))


@pytest.mark.parametrize(
    ("attempt", "retry_after", "jitter", "seconds"),
    [
        (1, None, 0.0, 0.5),
        (2, None, 0.0, 1.0),
        (3, None, 1.0, 1.0),
        (99, None, 0.0, 30.0),
        (1, 7.0, 0.5, 7.0),
        (1, 99.0, 0.5, 30.0),
        (1, 0.0, 0.5, 0.0),
    ],
)
def test_pauses_double_are_shortened_at_random_and_have_an_end(
    attempt: int, retry_after: float | None, jitter: float, seconds: float
) -> None:
    assert Patience().pause(attempt, retry_after, jitter) == seconds


def test_one_call_has_an_end() -> None:
    assert Patience().longest_call_seconds == TURN_GUARD_SECONDS == 185


@pytest.mark.parametrize(("table", "safe"), [(SETS_AN_ABSOLUTE_VALUE, True), (MUST_NOT_BE_REPEATED, False)])
def test_the_tables_say_what_is_repeated(table: dict[str, str], *, safe: bool) -> None:
    for pattern in table:
        path = pattern.replace("[0-9a-f]{32}", RESOURCE)
        assert re.fullmatch(pattern, path)
        assert is_safe_to_repeat("POST", path) is safe
        assert statuses_to_repeat("POST", path) >= {429}
        assert 500 not in statuses_to_repeat("POST", path)
        assert not is_safe_to_repeat("DELETE", path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "expected JSON, got 1 bytes of text/html"),
        ("", "expected JSON, got 0 bytes"),
        ("[" * 100_000, "expected JSON"),
        (b"\xff\xfe\x00", "expected JSON"),
        (HTML, "is the API address right"),
        ("{}", "in the team: expected a list, got dict"),
        ('[{"uuid": 1}]', "in team member, key 'uuid'"),
        ("NaN", "expected a list, got float"),
    ],
)
def test_an_answer_that_is_no_list_of_objects_is_named(
    server: Server, cloudrock: Cloudrock, answer: type[Answer], body: object, words: str
) -> None:
    server.will_answer(answer(200, body, {"Content-Type": "text/html"}))
    with pytest.raises(UnexpectedCloudrockData) as caught:
        ask(cloudrock)
    assert words in str(caught.value)


def test_a_login_page_instead_of_the_api_is_not_taken_for_done(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(200, "<html>Please log in</html>"))
    with pytest.raises(UnexpectedCloudrockData, match=f"POST {server.api_url}marketplace-order-items/{ITEM}"):
        finish(cloudrock)
