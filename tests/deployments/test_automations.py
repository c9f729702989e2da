"""The automations of deployments/ at work: on a real server, with a real worker that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import waiting
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.stack import Stack

pytestmark = pytest.mark.prefect
until = partial(waiting.until, seconds=90, pause=0.3)

QUIET_SECONDS = 30
"""In place of the file's 90: the shortest time between two heartbeats."""


class Hook(BaseHTTPRequestHandler):
    """Takes notifications as a chat's webhook does."""

    received: list[dict[str, str]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Where notifications go, and those that came."""
    received: list[dict[str, str]] = []
    server = HTTPServer(("127.0.0.1", 0), type("OwnHook", (Hook,), {"received": received}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A marketplace that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/"


@pytest.fixture
def deployed(
    api: str, folder: Path, stack: Stack, hook: tuple[str, list[dict[str, str]]], capsys: Any
) -> list[str]:
    """Everything deployed, with somebody to notify and less patience; what deploy said."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock  # noqa: PLC0415

    from cloudrock_slurm.deploy import deploy  # noqa: PLC0415 - Prefect takes seconds

    said = {"subject": "{{subject}}", "body": "{{body}}"}
    block = CustomWebhookNotificationBlock(name="hook", url=hook[0], json_data=said)
    block.save("cloudrock-slurm", overwrite=True, _sync=True)
    file = folder / "deployments" / "automations.yaml"
    file.write_text(file.read_text().replace("within: 90", f"within: {QUIET_SECONDS}"))
    assert deploy(check=False) == 0
    return list(capsys.readouterr().out.splitlines())


def running(stack: Stack, run_id: str) -> list[int]:
    """The processes of a run: the worker's child, which has its id in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes()
            if f"PREFECT__FLOW_RUN_ID={run_id}".encode() in environment:
                found.append(int(process.name))
    return found


def test_a_run_whose_worker_was_killed_becomes_crashed_and_somebody_is_told(
    deployed: list[str], stack: Stack, hook: Any, silent: str
) -> None:
    assert not any(line.startswith("nobody is notified") for line in deployed)
    environment = {
        **stack.environment(),
        "CLOUDROCK_API_URL": silent,
        "CLOUDROCK_API_TOKEN": "0123456789abcdef",
        "CLOUDROCK_OFFERING_UUID": "537bdaa7c001571d8956d0ba30a3726d",
        "SLURM_DEPLOYMENT_TYPE": "native",
        "SLURM_TRES_CONFIG_PATH": str(ROOT / "config-components.yaml"),
    }
    worker = (
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        "headnode",
        "--work-queue",
        "orders",
    )
    started = stack.services.start("worker", *worker, environment=environment, cwd=ROOT)
    run_id = stack.api.start_run("pull-orders/every-2-minutes")
    heartbeat = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}, "any_resource": {}}}
    heartbeat["filter"]["any_resource"] = {"id": [f"prefect.flow-run.{run_id}"]}
    until(lambda: stack.api.ask("POST", "events/filter", heartbeat)["total"], "a heartbeat")
    (engine, *_) = until(lambda: running(stack, run_id), "the process of the run")
    assert b"PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30" in Path(f"/proc/{engine}/environ").read_bytes()
    os.killpg(started.pid, signal.SIGKILL)
    for process in running(stack, run_id):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    killed_at = time.monotonic()
    assert stack.api.ask("GET", f"flow_runs/{run_id}")["state_type"] == "RUNNING"

    run = stack.api.wait_for_run(run_id, seconds=QUIET_SECONDS + 60)
    assert time.monotonic() - killed_at < QUIET_SECONDS + 45
    assert (run["state_type"], run["state"]["message"]) == (
        "CRASHED",
        "Its process said nothing for 90 seconds, so it is taken for killed.",
    )
    (told,) = until(lambda: [one for one in hook[1] if run["name"] in one["body"]], "a notification")
    assert told["subject"] == "pull-orders: Crashed"
    assert told["body"].startswith(f"{run['name']}: Crashed: Its process said nothing")
    assert f"/runs/flow-run/{run_id}" in told["body"]
    until(lambda: "the work pool headnode has no worker" in subjects(hook), "somebody is told of the worker")


def test_three_runs_that_nobody_starts_are_told_once(deployed: list[str], stack: Stack, hook: Any) -> None:
    for _ in range(4):
        stack.api.start_run("push-usage/backfill")
    late = "runs of cloudrock-slurm are late"
    until(lambda: late in subjects(hook), "somebody is told that runs are late")
    assert subjects(hook).count(late) == 1


def subjects(hook: Any) -> list[str]:
    return [one["subject"] for one in hook[1]]


def test_events_of_ours_reach_people_with_what_they_say(deployed: list[str], hook: Any) -> None:
    from prefect import flow  # noqa: PLC0415 - Prefect takes seconds

    from flows import events  # noqa: PLC0415 - the same

    order = dict.fromkeys(events.ORDER_ERRED.payload, "x")
    drift = {**dict.fromkeys(events.DRIFT_FOUND.payload, "x"), "summary": "1 finding: 1 state"}
    books: dict[str, Any] = dict.fromkeys(events.RECONCILIATION_FAILED.payload, "x")

    @flow
    def telling() -> None:
        reason = "[the name] is taken"
        events.emit(events.ORDER_ERRED, "an order", {**order, "order": "7" * 32, "reason": reason})
        events.emit(events.DRIFT_FOUND, "the offering", drift)
        books.update(period="2026-11", accounts=["hpc_1", "hpc_2"])
        events.emit(events.RECONCILIATION_FAILED, "the offering", books)

    telling()
    told = {
        f"order {'7' * 32} erred": f"x {'7' * 32} (x): [the name] is taken",
        "the cluster and the marketplace differ": "1 finding: 1 state\nWhat differs and what to do",
        "counted usage differs from slurmdbd's own books": "2026-11: hpc_1, hpc_2\nWhat differs",
    }
    for subject, body in told.items():
        found = until(lambda subject=subject: [x for x in hook[1] if x["subject"] == subject], subject)
        assert [one["body"].startswith(body) for one in found] == [True]
