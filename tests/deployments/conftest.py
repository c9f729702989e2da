"""A whole Prefect server, with its triggers and actions, run as deployments/ says, and nothing on it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.deployments.servers import NAME, PASSWORD, AsDocumented, served
from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Of a sandbox only its Prefect server."""
    with served(AsDocumented(FOLDER / "deployments")) as made:
        yield made


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
