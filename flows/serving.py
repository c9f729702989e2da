"""One side as a service of its own: its flow, on its schedule, for ever."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.schedules import Cron
from prefect.settings import get_current_settings

from flows.choices import SyncDirection
from flows.pull import pull_orders
from flows.push import push_usage
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.schemas.objects import State

NAME = "service"
PULL_SECONDS = 120
PUSH_SCHEDULES = [
    Cron("15 * * * *", timezone="UTC"),
    Cron("50 23 L * *", timezone="UTC"),
    Cron("35 2 * * *", timezone="UTC", parameters={"refresh": True}),
]
"""Hourly, and shortly before the month ends (L is its last day); each night all days are read anew."""


def serve(direction: SyncDirection) -> None:
    """Run the side's flow on its schedule until the process is stopped.

    Raises:
        SettingsError: there is no Prefect server to report to.
    """
    require_server()
    if direction is SyncDirection.PULL:
        pull_orders.serve(name=NAME, interval=PULL_SECONDS, limit=1)
    else:
        push_usage.serve(name=NAME, schedules=PUSH_SCHEDULES, limit=1)


def run_once(direction: SyncDirection, parameters: Mapping[str, object]) -> int:
    """Run the side's flow once, in this process; 0 when it went well or was skipped, else 1.

    Raises:
        SettingsError: there is no Prefect server to report to.
    """
    require_server()
    flow = pull_orders if direction is SyncDirection.PULL else push_usage
    state: State[Any] = flow(**parameters, return_state=True)
    sys.stdout.write(f"{state.name}: {state.message}\n")
    return 0 if state.is_completed() else 1


def require_server() -> None:
    """Refuse to go on without a server: Prefect would start a temporary one, which loses most runs."""
    url = get_current_settings().api.url
    if not url:
        raise SettingsError(
            "PREFECT_API_URL: missing: expected the address of a Prefect server, such as "
            "http://127.0.0.1:4200/api (`prefect server start` starts one)"
        )
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        raise SettingsError(
            f"PREFECT_API_URL: no Prefect server answers at {url} ({problem!r}): expected a running one"
        )
