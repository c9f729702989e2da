"""A run of a flow in a process of its own, which may be killed.

Importing Prefect takes seconds, so the processes are forked from a server that has imported everything.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection, forkserver
from typing import TYPE_CHECKING, Any

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from pathlib import Path
    from uuid import UUID

FLOWS = {"pull": ("flows.pull", "pull_orders"), "repair": ("flows.repair", "repair_accounts")}
OURS = ("CLOUDROCK_", "SLURM_", "SYNC_")
KILLED, CRASHED, NO_END = "KILLED", "CRASHED", "NO END"
LONGEST_SECONDS = 180
LATE = ("fastapi.encoders", "graphviz", "prefect.engine", "prefect.flow_engine", "prefect.task_engine")
"""What Prefect imports only when a flow runs."""
PATIENCE = {
    "PREFECT_CLIENT_MAX_RETRIES": "3",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
"""The test's Prefect server keeps its runs in SQLite; with several clients it answers 503 at times."""
APART = multiprocessing.get_context("forkserver")
ONE_AT_A_TIME = threading.Lock()
"""Starting a process asks how all others ended: of two threads that ask about one, the second is told 255."""


@dataclass(frozen=True)
class Run:
    """How a run ended: Prefect's type of state and its message, or KILLED."""

    state: str
    message: str = ""
    results: tuple[tuple[str, str], ...] = ()
    """What became of each order: its uuid, or the name of a resource at rest, and the artifact's word."""
    writes: int = 0
    """To the cluster."""


def start_server(prefect_api_url: str) -> None:
    """From here on processes are forked, and their flows report to that Prefect server."""
    APART.set_forkserver_preload([*LATE, *(module for module, _ in FLOWS.values()), __name__])
    with environment_of({"PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_api_url, **PATIENCE}):
        forkserver.ensure_running()


def run_apart(
    flow: str,
    environment: Mapping[str, str],
    folder: Path,
    on_start: Callable[[int], None],
    **parameters: Any,
) -> Run:
    """One run of a flow; `on_start` gets the process's id before anything happens in it."""
    here, there = APART.Pipe()
    process = APART.Process(target=run_there, args=(there, flow, dict(environment), str(folder), parameters))
    with ONE_AT_A_TIME:
        process.start()
    there.close()
    on_start(process.pid or 0)
    here.send("go")
    try:
        ended = Run(*here.recv()) if here.poll(LONGEST_SECONDS) else Run(NO_END)
    except EOFError:
        ended = Run(KILLED)
    if ended.state == NO_END:
        process.kill()
    connection.wait([process.sentinel])
    with ONE_AT_A_TIME:
        process.join()
    expected = -signal.SIGKILL if ended.state == KILLED else 0
    assert process.exitcode == expected, (process.exitcode, ended)
    return ended


def run_there(
    there: Connection, flow: str, environment: dict[str, str], folder: str, parameters: dict[str, Any]
) -> None:
    """The same, seen from the process."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415

    send_no_events()
    gc.freeze()
    module, name = FLOWS[flow]
    there.recv()
    try:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # its thread delays a run's end
            state = getattr(import_module(module), name)(**parameters, return_state=True)
        ended = (state.type.value, state.message, results_of(state.state_details.flow_run_id))
    except Exception:  # noqa: BLE001 - a bug, or a Prefect server that does not keep up: a test tells it
        ended = (CRASHED, traceback.format_exc(), ())
    there.send(ended)


def send_no_events() -> None:
    """Prefect's events go nowhere: the server here keeps none, and each run would open a websocket."""
    from prefect.events.clients import NullEventsClient  # noqa: PLC0415 - fast tests do without
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - the same

    EventsWorker.set_client_override(NullEventsClient)


def send_events() -> None:
    """As usual again."""
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - fast tests do without

    EventsWorker.set_client_override(None)


def results_of(flow_run: UUID | None) -> tuple[tuple[str, str], ...]:
    """What the run's artifacts say of each order and each resource at rest."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - the server has imported it
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId  # noqa: PLC0415

    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted)
    rows = [row for one in found for row in json.loads(str(one.data)) if "result" in row]
    return tuple((row["order"] or row["resource"], row["result"]) for row in rows)


@contextmanager
def environment_of(names: Mapping[str, str]) -> Iterator[None]:
    """The environment with these names on top, for what is started meanwhile."""
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
