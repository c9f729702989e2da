"""A whole Prefect server, with its triggers and actions, and nothing on it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm.places import free_ports
from sandbox.stack import Stack
from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Of a sandbox only its Prefect server."""
    made = Stack(FOLDER / "deployments")
    made.services.stop()
    shutil.rmtree(made.folder, ignore_errors=True)
    (made.home / "tmp").mkdir(parents=True)
    (made.prefect_port,) = free_ports(1)
    made.start_prefect()
    server = made.services.started["prefect-server"]
    yield made
    made.services.stop()
    server.wait()


@pytest.fixture
def api(stack: Stack) -> Iterator[str]:
    """Its address, which Prefect's clients in this process use."""
    from prefect import settings  # noqa: PLC0415 - fast tests do without

    url = f"{stack.ui_url}/api"
    with settings.temporary_settings({settings.PREFECT_API_URL: url}):
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that `deploy` reads, to be changed at will; the current folder."""
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    monkeypatch.chdir(tmp_path)
    return tmp_path
