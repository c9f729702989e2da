"""The stand-in is held to the recorded behaviour of the real server, family by family."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.cloudrock import Marketplace
from tests.sandbox.cloudrock.beside_http import before, prepare
from tests.sandbox.cloudrock.recording import Exchange, read_exchanges
from tests.sandbox.cloudrock.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXCHANGES = read_exchanges()
TOTAL = 594
DOCS = Path(__file__).parents[3] / "docs" / "stand-in.md"
FAMILIES = sorted({exchange.family for exchange in EXCHANGES})
NOT_REPLAYED = {
    "plugins": "the catalogue of the plugins that the real server was built with; no integration reads it",
}
PROCESSED_LATER = {"order_item.approve"}

RECORDED = datetime(2026, 11, 22, 6, 51, 46, tzinfo=UTC)
"""When the recording began: dates are compared, times of day are not."""


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, list[str]]]:
    """For every exchange that was replayed: where our answer differs."""
    with (
        Marketplace(seed_with="recording", starts_at=RECORDED) as marketplace,
        httpx.Client(timeout=20) as client,
    ):
        client.base_url = httpx.URL(marketplace.api_url.removesuffix("/api/"))
        marketplace.office.pause_worker()
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


def test_every_exchange_is_replayed_or_has_a_reason_not_to_be(
    findings: dict[str, list[str]], record_property: Callable[[str, object], None]
) -> None:
    names = [exchange.name for exchange in EXCHANGES]
    assert len(names) == len(set(names)) == TOTAL
    assert set(findings) | set(NOT_REPLAYED) == set(names)
    assert not set(findings) & set(NOT_REPLAYED)
    assert all(NOT_REPLAYED.values())
    same = sum(not found for found in findings.values())
    record_property("told", f"replayed {len(findings)} of {TOTAL} exchanges, {same} as recorded")


def test_the_docs_tell_what_is_replayed_and_what_is_not(findings: dict[str, list[str]]) -> None:
    told = DOCS.read_text(encoding="utf-8")
    assert f"Replayed: {len(findings)} of {TOTAL}." in told
    total = Counter(exchange.family for exchange in EXCHANGES)
    replayed = Counter(name.partition(".")[0] for name in findings)
    counts = dict(re.findall(r"^\| (\w+) \| (\d+ of \d+) \|", told, re.MULTILINE))
    assert counts == {family: f"{replayed[family]} of {count}" for family, count in total.items()}
    _, _, table = told.partition("Not replayed:")
    reasons = dict(re.findall(r"^\| ([\w.#]+) \| (.+) \|$", table, re.MULTILINE))
    assert {name: why for name, why in reasons.items() if name != "exchange"} == NOT_REPLAYED


def test_no_step_beside_http_is_stale() -> None:
    assert set(before) <= {exchange.name for exchange in EXCHANGES}
