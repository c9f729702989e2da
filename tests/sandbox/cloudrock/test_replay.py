"""The stand-in is held to the recorded behaviour of the real server, family by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.cloudrock import Marketplace
from tests.sandbox.cloudrock.beside_http import BEFORE, prepare
from tests.sandbox.cloudrock.recording import Exchange, read_exchanges
from tests.sandbox.cloudrock.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES = read_exchanges()
TOTAL = 594
FAMILIES = sorted({exchange.family for exchange in EXCHANGES})
NOT_REPLAYED = {
    "plugins": "the catalogue of the plugins that the real server was built with; no integration reads it",
}
PROCESSED_LATER = {"order_item.approve"}


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, list[str]]]:
    """For every exchange that was replayed: where our answer differs."""
    with Marketplace(seed_with="recording") as marketplace, httpx.Client(timeout=20) as client:
        client.base_url = httpx.URL(marketplace.api_url.removesuffix("/api/"))
        marketplace.office.pause_worker()
        marketplace.office.set_clock("2026-11-22T06:51:46Z")
        replay = Replay.of(marketplace, client)
        yield dict(answered(replay))


def answered(replay: Replay) -> Iterator[tuple[str, list[str]]]:
    for exchange in EXCHANGES:
        if exchange.name in NOT_REPLAYED:
            continue
        prepare(replay, exchange.name)
        yield exchange.name, replay.differences(exchange)
        if is_approval(exchange):
            replay.office.run_worker()


def is_approval(exchange: Exchange) -> bool:
    path = exchange.request["path"]
    return path.endswith("/approve/") and "order-items" in path and exchange.name not in PROCESSED_LATER


@pytest.mark.parametrize("family", FAMILIES)
def test_family_answers_as_recorded(family: str, findings: dict[str, list[str]]) -> None:
    different = {
        name: found for name, found in findings.items() if found and name.partition(".")[0] == family
    }
    assert different == {}


def test_every_exchange_is_replayed_or_has_a_reason_not_to_be(findings: dict[str, list[str]]) -> None:
    names = [exchange.name for exchange in EXCHANGES]
    assert len(names) == len(set(names)) == TOTAL
    assert set(findings) | set(NOT_REPLAYED) == set(names)
    assert not set(findings) & set(NOT_REPLAYED)
    assert all(NOT_REPLAYED.values())


def test_no_step_beside_http_is_stale() -> None:
    assert set(BEFORE) <= {exchange.name for exchange in EXCHANGES}
