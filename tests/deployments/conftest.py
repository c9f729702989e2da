"""A whole Prefect server, with its triggers and actions, run as deployments/ says, and nothing on it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sandbox.prefect_api import PrefectApi
from sandbox.stack import Stack
from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


QUICK = {
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "3",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "3",
}
"""A worker is taken for gone after three of its heartbeats: 9 seconds in place of 90."""


def variables_of(file: str) -> dict[str, str]:
    """What a file of variables sets, as systemd reads it."""
    lines = (ROOT / "deployments" / file).read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value.strip("'") for name, value in pairs}


AUTH = variables_of("prefect-basic-auth.env")
NAME, _, PASSWORD = AUTH["PREFECT_API_AUTH_STRING"].partition(":")


class AsDocumented(Stack):
    """The sandbox's server with the variables of deployments/: it takes nobody without name and password."""

    def environment(self) -> dict[str, str]:
        return {**variables_of("prefect-server.env"), **AUTH, **Stack.environment(self), **QUICK}

    @property
    def api(self) -> PrefectApi:
        return PrefectApi(f"{self.ui_url}/api", (NAME, PASSWORD))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Of a sandbox only its Prefect server."""
    made = AsDocumented(FOLDER / "deployments")
    made.clear()
    made.start_prefect()
    started = list(made.services.started.values())
    yield made
    started += made.services.started.values()
    made.services.stop()
    for process in started:
        process.wait()


@pytest.fixture
def api(stack: Stack) -> Iterator[str]:
    """Its address, which Prefect's clients in this process use."""
    from prefect import settings  # noqa: PLC0415 - fast tests do without

    url = f"{stack.ui_url}/api"
    known = {settings.PREFECT_API_URL: url, settings.PREFECT_API_AUTH_STRING: f"{NAME}:{PASSWORD}"}
    with settings.temporary_settings(known):
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that `deploy` reads, to be changed at will; the current folder."""
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def password() -> str:
    """What PREFECT_API_AUTH_STRING must be."""
    return f"{NAME}:{PASSWORD}"


@pytest.fixture
def variables() -> object:
    """(Test folders are no packages: what they share, they share through fixtures.)"""
    return variables_of
