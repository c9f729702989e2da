"""One side run once, in this process; and the Prefect server that runs report to.

Importing Prefect takes seconds, and the tables that a push needs take one more: each side's flow is imported
when it is run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from flows.choices import SyncDirection
from flows.prefect_server import open_server
from flows.prefect_settings import altered
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect import Flow


def flow_of(direction: SyncDirection) -> Flow[..., Any]:
    """The side's flow."""
    if direction is SyncDirection.PULL:
        from flows.pull import pull_orders  # noqa: PLC0415 - only the side that runs

        return pull_orders
    from flows.push import push_usage  # noqa: PLC0415 - the same

    return push_usage


def run_once(direction: SyncDirection, parameters: Mapping[str, object]) -> int:
    """Run the side's flow once, in this process; the exit code, as `run_here` says.

    Raises:
        SettingsError: there is no Prefect server to report to, or it does not let us in.
    """
    require_server()
    return run_here(flow_of(direction), parameters)


def run_here(flow: Flow[..., Any], parameters: Mapping[str, object]) -> int:
    """Run a flow in this process for a person; 0 when it went well or was skipped, else 1.

    It does not beat: no automation looks at it (decision 56), and its end would wait a second for the thread.
    """
    try:
        with altered("flows", heartbeat_frequency=None):
            state: Any = flow(**parameters, return_state=True)
    except (httpx.HTTPError, OSError) as failure:
        say(
            f"{no_answer(server_address(), failure)}: it went away while the run was at work, and what "
            "became of the run is in the lines above only. Run it again once the server is there: nothing is "
            "done twice"
        )
        return 1
    sys.stdout.write(f"{state.name}: {state.message}\n")
    return 0 if state.is_completed() else 1


def require_server() -> None:
    """Refuse to go on without a server: Prefect would start a temporary one, which loses most runs."""
    url = server_address()
    problem = server_problem()
    if problem is not None:
        raise SettingsError(no_answer(url, problem))
    require_entry()


def require_entry() -> None:
    """Refuse to go on at a server that answers and does not let us in.

    Raises:
        NotLetIn: it wants a name and a password, or others.
    """
    with open_server() as server:
        server.ask("GET", "/admin/version")


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


def say(line: str) -> None:
    """To whoever watches, a journal for one."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
