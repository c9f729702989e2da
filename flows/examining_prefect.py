"""What a checkup asks of the Prefect server, and reads in prefect.yaml."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import prefect
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from allocations.checkup import Cause, Silence
from allocations.checkup_prefect import MEMORY, PrefectFacts
from allocations.deployments import POOL
from flows.choices import SyncDirection
from flows.deploying import automation_differences
from flows.deployment_files import read_deployments
from flows.prefect_server import NotLetIn, Server
from flows.prefect_settings import altered
from flows.settings import SettingsError
from flows.temporary import taken
from flows.variables import CHANGE_ME
from flows.work_pool import load_work_pool

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")

SECONDS = 15.0
"""The longest that one request may take."""
SERVED = {SyncDirection.PULL: "pull-orders", SyncDirection.PUSH: "push-usage"}
WORKERS: Final = "/work_pools/{work_pool_name}/workers/filter"
ANSWERS = 8
PROXIES = frozenset({"all", "http", "https", "socks", "ws"})
NO_ADDRESS = "PREFECT_API_URL is not set"


def prefect_facts(direction: SyncDirection | None) -> PrefectFacts:
    """In some fifteen requests. Without an address nothing is asked: Prefect would start a server of its own.

    `direction`: the side that is served without a work pool; None where a worker runs all.
    """
    url = get_current_settings().api.url or ""
    try:
        name = load_work_pool()
    except SettingsError:  # the checkup of the settings says so
        name = POOL
    version, is_open, database, pool, workers, held, overdue, automations = (
        told_by_server(name) if url else [Silence(NO_ADDRESS)] * ANSWERS
    )
    return PrefectFacts(
        url=url,
        server_version=version,
        openness=is_open,
        database=database,
        pool=pool,
        workers=workers,
        held=held,
        overdue=overdue,
        our_version=prefect.__version__,
        declared=asked(lambda: read_deployments(pool=name)),
        pool_name=name,
        automations=automations,
        served=SERVED[direction] if direction else None,
        is_proxied=is_proxied(url),
        taken=taken(),
    )


def is_proxied(url: str) -> bool:
    """Whether a proxy would be asked for a server on this host: by Prefect's clients, or for its events.

    Those go by websocket, whose library takes a proxy for https too (websockets 16, proxy.py).
    """
    host = urlsplit(url).hostname or ""
    if host != "localhost" and not host.startswith("127.") and host != "::1":
        return False
    return bool(PROXIES & set(getproxies())) and not proxy_bypass(host)


def told_by_server(pool: str) -> list[Any]:
    """Version, whether it is open, database, pool, workers, deployments, late runs, how automations differ.

    In the place of each possibly a Silence.

    Prefect tries a server that does not answer several times, so it is then asked nothing more.
    """
    with get_client({"timeout": SECONDS}, sync_client=True) as client:
        server = Server(client)
        version = asked(lambda: server.ask("GET", "/admin/version"))
        if isinstance(version, Silence):
            return [version] * ANSWERS
        held = asked(lambda: server.listed("/deployments/filter"))
        return [
            version,
            asked(openness),
            with_our_word(asked(lambda: server.ask("GET", "/admin/settings"))),
            asked(lambda: server.ask("GET", "/work_pools/{name}", or_none=True, name=pool)),
            asked(lambda: server.ask("POST", WORKERS, {}, work_pool_name=pool)),
            held,
            held if isinstance(held, Silence) else asked(lambda: server.overdue(held, datetime.now(UTC))),
            asked(lambda: automation_differences(server)),
        ]


def openness() -> str:
    """How somebody who knows no secret gets in: without a password, or with the one of our example files."""
    words = get_current_settings().api.auth_string
    if words and words.get_secret_value().endswith(f":{CHANGE_ME}"):
        return f"its password is that of the example files, {CHANGE_ME}"
    with (
        altered("api", auth_string=None, key=None),
        get_client({"timeout": SECONDS}, sync_client=True) as client,
    ):
        try:
            Server(client).ask("GET", "/admin/version")
        except NotLetIn:
            return ""
    return "it takes everybody who reaches it, without a name and a password"


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


def asked(question: Callable[[], T]) -> T | Silence:
    """The answer of the server or of files of this folder, or why there is none."""
    try:
        return question()
    except NotLetIn as refusal:
        return Silence(str(refusal), Cause.UNAUTHORIZED)
    except SettingsError as error:
        return Silence("; ".join(str(error).splitlines()))
