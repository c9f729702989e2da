"""Scheduled runs that nobody began in time: one that begins at last ends the others that are as late.

A deployment's runs take turns, and Prefect lets one begin in half a minute: after a night without a worker
those that it missed would keep the new ones waiting for hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from flows.prefect_server import open_server
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from flows.prefect_server import Server

MESSAGE = "skipped: nobody began it in time: another run does its work"


def end_missed(before: datetime) -> int:
    """Set Skipped what this run's deployment should have begun before a moment, like it; how many those were.

    Only a scheduled run does so, and only to scheduled runs with its own parameters. A server that does not
    do it is no trouble: each of them ends as Skipped when its turn comes.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or not run.auto_scheduled:
        return 0
    try:
        with open_server() as server:
            ended = skip(server, run.deployment_id, before, run.parameters)
    except SettingsError as failure:
        get_run_logger().warning("other missed runs are left to their turn: %s", failure)
        return 0
    if ended:
        get_run_logger().warning("%d more runs that nobody began in time are skipped with it", ended)
    return ended


def skip(server: Server, deployment: UUID, before: datetime, parameters: Mapping[str, Any]) -> int:
    """End a deployment's scheduled runs with these parameters that wait since before a moment; how many."""
    waiting = {
        "deployment_id": {"any_": [str(deployment)]},
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": before.isoformat()},
    }
    found = server.listed("/flow_runs/filter", {"flow_runs": waiting, "sort": "EXPECTED_START_TIME_ASC"})
    missed = [run for run in found if run["auto_scheduled"] and run["parameters"] == parameters]
    state = {"state": {"type": "COMPLETED", "name": "Skipped", "message": MESSAGE}}
    answers = [server.ask("POST", "/flow_runs/{id}/set_state", state, id=run["id"]) for run in missed]
    return sum(answer["status"] == "ACCEPT" for answer in answers)
