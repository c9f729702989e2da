"""What a run leaves on the Prefect server beside its work: a busy server is asked again, for a while only."""

from __future__ import annotations

import httpx
import pytest

from flows import news

pytestmark = pytest.mark.fast


def answer_of(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1:4200/api/artifacts/")
    return httpx.HTTPStatusError(str(status), request=request, response=httpx.Response(status))


class Server:
    """It answers with each status in turn, then takes what it is told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked = 0

    def take(self) -> str:
        self.asked += 1
        if self.statuses:
            raise answer_of(self.statuses.pop(0))
        return "taken"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(news.time, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize("busy", [(), (503,), (503, 429), (503, 503, 503)])
def test_a_busy_server_is_asked_again_until_it_takes_it(busy: tuple[int, ...], slept: list[float]) -> None:
    server = Server(*busy)
    assert news.left("the table orders", server.take) == "taken"
    assert server.asked == len(busy) + 1
    assert sum(slept) <= 6


@pytest.mark.parametrize(("statuses", "asked"), [((503,) * 9, 4), ((422,), 1), ((500,), 1)])
def test_a_server_that_does_not_take_it_holds_nothing_up_for_long(
    statuses: tuple[int, ...], asked: int, slept: list[float]
) -> None:
    server = Server(*statuses)
    assert news.left("the table orders", server.take) is None
    assert server.asked == asked
    assert sum(slept) <= 6
