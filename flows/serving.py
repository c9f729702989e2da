"""One side as a service of its own: its flow, on its schedule, for ever."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from flows.choices import SyncDirection
from flows.pull import pull_orders
from flows.push import push_usage
from flows.settings import SettingsError

NAME = "service"
PULL_SECONDS = 120
PUSH_CRONS = ["15 * * * *", "50 23 L * *"]
"""Hourly, and shortly before the month ends: L is its last day."""


def serve(direction: SyncDirection) -> None:
    """Run the side's flow on its schedule until the process is stopped.

    Raises:
        SettingsError: there is no Prefect server to report to. Prefect would start a temporary one, which
            loses most of what the runs did.
    """
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
    if direction is SyncDirection.PULL:
        pull_orders.serve(name=NAME, interval=PULL_SECONDS, limit=1)
    else:
        push_usage.serve(name=NAME, cron=PUSH_CRONS, limit=1)
