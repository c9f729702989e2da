"""What runs tell the Prefect server beside their states: which events, about what, with what in them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.own_folder import person

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


@contextmanager
def silent_server() -> Iterator[tuple[str, list[object]]]:
    """The address of a server that hangs up on everybody, and who called."""
    callers: list[object] = []

    class HangUp(BaseRequestHandler):
        def handle(self) -> None:
            callers.append(self.client_address)

    with ThreadingTCPServer(("127.0.0.1", 0), HangUp) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api", callers
        server.shutdown()


def test_an_order_that_is_done_and_its_usage_are_told_and_every_log_line_of_it_has_its_uuid(
    site, told, caplog
) -> None:
    from flows.events import ORDER_APPLIED, USAGE_UPLOADED  # noqa: PLC0415 - Prefect takes seconds

    item = site.order("Events")
    logging.getLogger("prefect.flow_runs").addHandler(caplog.handler)
    site.pull()
    resource = site.resource(item)
    (event,) = told()
    assert (event.event, event.resource.id) == (ORDER_APPLIED.name, f"cloudrock-slurm.order.{item}")
    assert set(event.payload) == set(ORDER_APPLIED.payload)
    assert event.payload["account"] == resource["backend_id"]
    assert (event.payload["name"], event.payload["kind"]) == ("Events", "Create order")
    assert any(change.startswith("+ account") for change in event.payload["changes"])
    roles = {one.role: one.id for one in event.related}
    assert roles["allocation"] == f"cloudrock-slurm.allocation.{resource['uuid']}"
    assert {"flow", "flow-run"} <= set(roles)

    lines = [
        record.getMessage() for record in caplog.records if resource["backend_id"] in record.getMessage()
    ]
    assert lines
    assert [line for line in lines if item not in line] == []

    site.push()
    (event,) = told()
    assert (event.event, event.resource.id) == (USAGE_UPLOADED.name, roles["allocation"])
    assert set(event.payload) == set(USAGE_UPLOADED.payload)
    assert event.payload["amounts"] == {"cpu": 0, "gres/gpu": 0, "mem": 0}
    site.push()
    assert told() == []


def test_an_order_that_cannot_be_done_is_told_with_its_reason(site, told) -> None:
    from flows.events import ORDER_ERRED  # noqa: PLC0415 - Prefect takes seconds

    item = site.order("Erred")
    site.set_backend_id(site.item(item)["marketplace_resource_uuid"], "root")
    site.pull()
    assert site.item(item)["state"] == "erred"
    (event,) = told()
    assert (event.event, event.resource.id) == (ORDER_ERRED.name, f"cloudrock-slurm.order.{item}")
    assert set(event.payload) == set(ORDER_ERRED.payload)
    assert event.payload["reason"] == site.item(item)["error_message"]


def test_drift_is_told_once_with_what_differs(site, told) -> None:
    from flows.drift import check_drift  # noqa: PLC0415 - Prefect takes seconds
    from flows.events import DRIFT_FOUND  # noqa: PLC0415 - the same

    account = site.resource(site.allocation("Drifting"))["backend_id"]
    site.cluster.run("sacctmgr", "-i", "remove", "user", person("ada"), f"account={account}")
    told()
    assert check_drift(return_state=True).name == "Drift"
    (event,) = told()
    assert (event.event, event.resource.id) == (
        DRIFT_FOUND.name,
        f"cloudrock-slurm.offering.{site.marketplace.offering_uuid}",
    )
    assert set(event.payload) == set(DRIFT_FOUND.payload)
    assert event.payload["counts"]["member missing"] >= 1
    assert account in {finding["subject"] for finding in event.payload["findings"]}


def test_many_events_are_all_told_and_one_that_is_too_large_fails_nothing(site, told) -> None:
    from prefect import flow  # noqa: PLC0415 - Prefect takes seconds

    from flows import events  # noqa: PLC0415 - the same

    facts = dict.fromkeys(events.ORDER_ERRED.payload, "x")

    @flow
    def telling() -> None:
        for _ in range(200):
            events.emit(events.ORDER_ERRED, "an order", facts)
        events.emit(events.ORDER_ERRED, "an order", {**facts, "reason": "x" * 2_000_000})

    telling()
    assert len(told()) == 200
    events.emit(events.ORDER_ERRED, "outside of a run", facts)
    assert told() == []


def test_a_run_goes_on_without_its_tables_when_the_server_has_gone_away(
    prefect_server, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect import flow  # noqa: PLC0415 - Prefect takes seconds
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - the same

    from flows.artifacts import publish  # noqa: PLC0415 - the same

    tries: list[int] = []

    @flow
    def left_alone() -> None:
        with silent_server() as (url, callers), temporary_settings({PREFECT_API_URL: url}):
            for _ in range(3):
                publish("orders", [{"result": "done"}], "one")
                tries.append(len(callers))

    logging.getLogger("prefect.flow_runs").addHandler(caplog.handler)
    assert left_alone(return_state=True).is_completed()
    assert tries[0] > 0
    assert tries == [tries[0]] * 3
    said = {id(line) for line in caplog.records if "the run goes on without" in line.getMessage()}
    assert len(said) == 1
