"""The list of service providers, which is shaped after the ancestor's public source (docs/stand-in.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.bench import Bench

LIST = "marketplace-service-providers/"


@pytest.mark.parametrize("actor", ["provider_owner", "provider_manager", "staff", "outsider"])
def test_everybody_may_read_who_provides_something(bench: Bench, actor: str) -> None:
    (row,) = bench.get(LIST, actor)
    assert (row["uuid"], row["customer_uuid"]) == (
        bench.marketplace.service_provider_uuid,
        bench.marketplace.provider_uuid,
    )
    assert row["url"].endswith(f"/{LIST}{row['uuid']}/")


def test_the_list_is_filtered_by_organisation(bench: Bench) -> None:
    market = bench.marketplace
    assert len(bench.get(f"{LIST}?customer_uuid={market.provider_uuid}")) == 1
    assert bench.get(f"{LIST}?customer_uuid={market.customer_uuid}") == []
    assert bench.call("GET", f"{LIST}?customer_uuid=x").status_code == 400


def test_an_unknown_filter_is_none(bench: Bench) -> None:
    assert len(bench.get(f"{LIST}?organisation={bench.marketplace.customer_uuid}")) == 1


def test_a_stranger_without_a_token_reads_nothing(bench: Bench) -> None:
    assert bench.client.get(LIST).status_code == 401
