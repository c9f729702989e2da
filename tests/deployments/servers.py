"""Whole Prefect servers, with triggers and actions, run as the files in deployments/ say."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.variables import CHANGE_ME
from sandbox.prefect_api import PrefectApi
from sandbox.stack import Stack
from tests.deployments.postgresql import PostgreSQL
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = {
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "3",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "3",
}
"""A worker is taken for gone after three of its heartbeats: 9 seconds in place of 90."""
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


def variables_of(file: str) -> dict[str, str]:
    """What a file of variables sets, as systemd reads it."""
    lines = (ROOT / "deployments" / file).read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value.strip("'") for name, value in pairs}


PASSWORD = "of-these-tests"  # noqa: S105 - of a server on loopback that ends with them
AUTH = {
    name: words.replace(CHANGE_ME, PASSWORD) for name, words in variables_of("prefect-basic-auth.env").items()
}
NAME = AUTH["PREFECT_API_AUTH_STRING"].partition(":")[0]


class AsDocumented(Stack):
    """The sandbox's server with the variables of deployments/: it takes nobody without name and password."""

    def environment(self) -> dict[str, str]:
        return {**variables_of("prefect-server.env"), **AUTH, **Stack.environment(self), **QUICK}

    @property
    def api(self) -> PrefectApi:
        return PrefectApi(f"{self.ui_url}/api", (NAME, PASSWORD))


class OnPostgreSQL(AsDocumented):
    """The same on PostgreSQL, whose tables the server makes when it starts."""

    def environment(self) -> dict[str, str]:
        (documented,) = variables_of("prefect-server-postgresql.env").items()
        assert documented[0] == DATABASE
        return {**AsDocumented.environment(self), DATABASE: self.database.address_like(documented[1])}

    @property
    def database(self) -> PostgreSQL:
        """Beside the server."""
        return PostgreSQL(self.services)

    def place_database(self) -> None:
        self.database.start()


@contextmanager
def served(made: Stack) -> Iterator[Stack]:
    """Of a sandbox only its Prefect server, as long as it is needed."""
    made.clear()
    made.start_prefect()
    started = list(made.services.started.values())
    try:
        yield made
    finally:
        started += made.services.started.values()
        made.services.stop()
        for process in started:
            process.wait()
