"""One side as a service of its own: its flow, on its schedule, for ever."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client
from prefect.schedules import Cron
from prefect.settings import get_current_settings
from prefect.types.entrypoint import EntrypointType

from cloudrock_io.repeating import Patience
from flows.choices import SyncDirection
from flows.doors import open_cloudrock
from flows.expected import EXPECTED
from flows.pull import pull_orders
from flows.push import push_usage
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.schemas.objects import State

    from flows.settings import Settings

NAME = "service"
PULL_SECONDS = 120
PUSH_SCHEDULES = [
    Cron("15 * * * *", timezone="UTC"),
    Cron("50 23 L * *", timezone="UTC"),
    Cron("35 2 * * *", timezone="UTC", parameters={"refresh": True}),
]
"""Hourly, and shortly before the month ends (L is its last day); each night all days are read anew."""

WAIT_SECONDS = 5.0
PATIENCE = Patience(connect_timeout=5, read_timeout=15, attempts=1)
POLLS_FAILED = "Service exceeded error threshold"
"""Prefect's words."""


def serve(direction: SyncDirection, settings: Settings) -> None:
    """Run the side's flow on its schedule until the process is stopped, whatever goes away meanwhile.

    SIGTERM and Ctrl-C end it: a run under way is cancelled, and the schedule pauses until the next start.

    Raises:
        SettingsError: there is no address of a Prefect server.
    """
    url = server_address()
    say_when_silent(settings)
    while True:
        wait_for_server(url)
        try:
            serve_until_stopped(direction)
        except Exception as failure:
            if not is_outage(failure):
                raise
            say(f"PREFECT_API_URL: the Prefect server at {url} went away: served again once it answers")
            time.sleep(WAIT_SECONDS)
        else:
            return


def serve_until_stopped(direction: SyncDirection) -> None:
    """As Prefect does it: three failed polls in a row end it with an exception."""
    common: dict[str, Any] = {"name": NAME, "limit": 1, "entrypoint_type": EntrypointType.MODULE_PATH}
    if direction is SyncDirection.PULL:
        pull_orders.serve(interval=PULL_SECONDS, **common)
    else:
        push_usage.serve(schedules=PUSH_SCHEDULES, **common)


def is_outage(failure: BaseException) -> bool:
    """Whether an unreachable server is all that it is about."""
    if isinstance(failure, BaseExceptionGroup):
        return all(is_outage(one) for one in failure.exceptions)
    exceeded = isinstance(failure, RuntimeError) and POLLS_FAILED in str(failure)
    return exceeded or isinstance(failure, httpx.TransportError | httpx.HTTPStatusError)


def wait_for_server(url: str) -> None:
    """Until it answers; says once that it does not, and once that it does."""
    problem = server_problem()
    if problem is None:
        return
    say(f"{no_answer(url, problem)}; waiting for one")
    while server_problem() is not None:
        time.sleep(WAIT_SECONDS)
    say(f"a Prefect server answers at {url}")


def say_when_silent(settings: Settings) -> None:
    """One line when the marketplace does not answer: each run asks it anew, so the service goes on."""
    try:
        with open_cloudrock(settings, PATIENCE) as cloudrock:
            cloudrock.fetch_offering()
    except EXPECTED as failure:
        say(f"the marketplace: {failure}; every run asks it anew")


def say(line: str) -> None:
    """To whoever watches, a journal for one."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


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
    url = server_address()
    problem = server_problem()
    if problem is not None:
        raise SettingsError(no_answer(url, problem))


def server_address() -> str:
    """Where the server is.

    Raises:
        SettingsError: nobody says.
    """
    url = get_current_settings().api.url
    if not url:
        raise SettingsError(
            "PREFECT_API_URL: missing: expected the address of a Prefect server, such as "
            "http://127.0.0.1:4200/api (`prefect server start` starts one)"
        )
    return url


def server_problem() -> Exception | None:
    """Why it does not answer; None when it does."""
    with get_client(sync_client=True) as client:
        return client.api_healthcheck()


def no_answer(url: str, problem: Exception) -> str:
    """The same for whoever waits and whoever gives up."""
    return f"PREFECT_API_URL: no Prefect server answers at {url} ({problem!r}): expected a running one"
