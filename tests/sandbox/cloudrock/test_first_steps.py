"""The stand-in as the demo uses it: one order, from the customer to its usage."""

from __future__ import annotations

import httpx
import pytest

from sandbox.cloudrock import Marketplace, OfficeClient
from sandbox.cloudrock.server import KEEP_ALIVE_SECONDS


def test_an_order_becomes_a_resource_with_one_plan_period_and_takes_usage() -> None:
    with Marketplace() as marketplace:
        marketplace.office.pause_worker()
        item = marketplace.place_order("first")
        assert marketplace.office.run_worker() == 1
        resource = marketplace.office.state_of(item)["resource"]
        headers = {"Authorization": f"token {marketplace.tokens['provider_owner']}"}
        with httpx.Client(base_url=marketplace.api_url, headers=headers) as client:
            for word in ("creating", "ok"):
                answer = client.post(f"marketplace-slurm-remote/{resource}/set_state/", json={"state": word})
                assert answer.status_code == 200
            periods = client.get(f"marketplace-resources/{resource}/plan_periods/").json()
            assert [period["end"] for period in periods] == [None]
            report = {"plan_period": periods[0]["uuid"], "usages": [{"type": "cpu", "amount": 5}]}
            assert client.post("marketplace-component-usages/set_usage/", json=report).status_code == 201
            rows = client.get(f"marketplace-component-usages/?resource_uuid={resource}").json()
            assert [(row["type"], row["usage"]) for row in rows] == [("cpu", 5)]


def test_the_back_office_answers_staff_from_another_process_and_nobody_else() -> None:
    with Marketplace() as marketplace:
        office = OfficeClient(marketplace.api_url, marketplace.tokens["staff"])
        office.set_clock(moment="2026-12-01T00:05:00Z")
        assert str(office.clock()).startswith("2026-12-01T00:05:0")
        office.close()
        stranger = OfficeClient(marketplace.api_url, marketplace.tokens["provider_owner"])
        with pytest.raises(LookupError, match="for staff"):
            stranger.pause_worker()
        stranger.close()


def test_an_idle_connection_lives_longer_here_than_a_client_keeps_it() -> None:
    client_keeps = httpx.Limits().keepalive_expiry
    assert client_keeps is not None
    assert client_keeps * 2 < KEEP_ALIVE_SECONDS
