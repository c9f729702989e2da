"""One marketplace per test module: every test orders resources of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.cloudrock import Marketplace
from tests.sandbox.cloudrock.bench import Bench
from tests.sandbox.cloudrock.visitor import Visitor, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def module_bench() -> Iterator[Bench]:
    with (
        Marketplace(seed_with="recording") as marketplace,
        httpx.Client(base_url=marketplace.api_url, timeout=20) as client,
    ):
        marketplace.office.pause_worker()
        yield Bench(marketplace, client)


@pytest.fixture
def bench(module_bench: Bench) -> Iterator[Bench]:
    yield module_bench
    module_bench.office.clear_faults()
    module_bench.office.reset_clock()
    module_bench.office.set_freeipa(enabled=True)


@pytest.fixture(scope="module")
def module_visitor() -> Iterator[Visitor]:
    with visiting(seed_with="playground") as visitor:
        yield visitor


@pytest.fixture
def visitor(module_visitor: Visitor) -> Iterator[Visitor]:
    yield module_visitor
    module_visitor.office.clear_faults()
