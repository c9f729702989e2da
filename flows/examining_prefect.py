"""What a checkup asks of the Prefect server, and reads in prefect.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
import prefect
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from allocations.checkup import Cause, Silence
from allocations.checkup_prefect import MEMORY, PrefectFacts
from allocations.deployments import POOL
from flows.choices import SyncDirection
from flows.deploying import automation_differences
from flows.deployment_files import read_deployments
from flows.prefect_server import Server
from flows.settings import SettingsError
from flows.work_pool import load_work_pool

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")

SECONDS = 15.0
"""The longest that one request may take."""
MOST_DEPLOYMENTS = 200
"""The server lists no more at once."""
SERVED = {SyncDirection.PULL: "pull-orders", SyncDirection.PUSH: "push-usage"}
NOT_FOUND = 404
WORKERS: Final = "/work_pools/{work_pool_name}/workers/filter"
ANSWERS = 6
NO_ADDRESS = "PREFECT_API_URL is not set"


def prefect_facts(direction: SyncDirection | None) -> PrefectFacts:
    """In seven requests. Without an address nothing is asked: Prefect would start a server of its own.

    `direction`: the side that is served without a work pool; None where a worker runs all.
    """
    url = get_current_settings().api.url or ""
    try:
        name = load_work_pool()
    except SettingsError:  # the checkup of the settings says so
        name = POOL
    version, database, pool, workers, held, automations = (
        told_by_server(name) if url else [Silence(NO_ADDRESS)] * ANSWERS
    )
    return PrefectFacts(
        url=url,
        server_version=version,
        database=database,
        pool=pool,
        workers=workers,
        held=held,
        our_version=prefect.__version__,
        declared=from_files(lambda: read_deployments(pool=name)),
        pool_name=name,
        automations=automations,
        served=SERVED[direction] if direction else None,
    )


def told_by_server(pool: str) -> list[Any]:
    """Version, database, work pool, workers, deployments, and in words how automations differ.

    In the place of each possibly a Silence.

    Prefect tries a server that does not answer several times, so it is then asked nothing more.
    """
    here = {"name": pool, "work_pool_name": pool}
    with get_client({"timeout": SECONDS}, sync_client=True) as client:
        version = asked(lambda: client.request("GET", "/admin/version"))
        if isinstance(version, Silence):
            return [version] * ANSWERS
        return [
            version,
            with_our_word(asked(lambda: client.request("GET", "/admin/settings"))),
            asked(lambda: client.request("GET", "/work_pools/{name}", path_params=here), or_none=True),
            asked(lambda: client.request("POST", WORKERS, path_params=here, json={})),
            asked(lambda: client.request("POST", "/deployments/filter", json={"limit": MOST_DEPLOYMENTS})),
            from_files(lambda: automation_differences(Server(client))),
        ]


def with_our_word(settings: Any) -> dict[str, Any] | Silence:  # noqa: ANN401 - JSON
    """The server's settings of its database; it hides the address, and its kind with it.

    A server with the same PREFECT_HOME as ours most likely has our address too: its kind, and no more of it,
    is `ours` then.
    """
    if isinstance(settings, Silence):
        return settings
    own = get_current_settings()
    try:
        database: dict[str, Any] = dict(settings["server"]["database"])
        address = own.server.database.connection_url
        if address and settings["home"] == str(own.home):
            kind, _, rest = address.get_secret_value().partition("://")
            database["ours"] = kind + (MEMORY if MEMORY in rest else "")
    except (KeyError, TypeError, ValueError):
        return Silence("its settings are not what a Prefect server says")
    return database


def asked(question: Callable[[], httpx.Response], *, or_none: bool = False) -> Any:  # noqa: ANN401 - JSON
    """The answer's JSON, or in its place why there is none.

    `or_none`: None for a 404.
    """
    try:
        return question().json()
    except httpx.HTTPStatusError as refusal:
        if or_none and refusal.response.status_code == NOT_FOUND:
            return None
        return Silence(f"HTTP {refusal.response.status_code} of {refusal.request.url}")
    except (httpx.HTTPError, OSError) as failure:
        return Silence(f"{type(failure).__name__}: {failure}", Cause.UNREACHABLE)
    except ValueError:
        return Silence("the answer is not what a Prefect server says")


def from_files(read: Callable[[], T]) -> T | Silence:
    """What files of this folder say, perhaps beside what the server has; or why that is not known."""
    try:
        return read()
    except SettingsError as error:
        return Silence("; ".join(str(error).splitlines()))
