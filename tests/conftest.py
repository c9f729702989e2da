"""What all tests share: a test that needs no real daemon is fast; one SLURM cluster for the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.slurm import Cluster

ROOT = Path(__file__).parent.parent
os.environ["PREFECT_HOME"] = str(ROOT / ".sandbox" / "test-prefect")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
SLOW = ("slurm", "prefect", "browser")


def pytest_configure() -> None:
    (ROOT / ".sandbox").mkdir(exist_ok=True)  # where pytest's own temporary folders go


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(name) for name in SLOW):
            item.add_marker(pytest.mark.fast)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real SLURM cluster, started once; tests share it, so each one uses accounts of its own."""
    from sandbox.slurm import Cluster  # noqa: PLC0415 (fast tests do without)

    with Cluster(ROOT / ".sandbox" / "test-slurm") as running:
        yield running
