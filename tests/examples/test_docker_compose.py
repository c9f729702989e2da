"""The docker-compose example does what its page says, command by command, on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.docker import Engine
from tests.examples.walk import Walk
from tests.own_folder import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.docker
SERVICES = {"slurmctld", "cloudrock", "postgres", "prefect", "pull", "push"}


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """One walk through the whole page, which all facts look back at."""
    with Engine(FOLDER / "compose", print) as engine:
        done = Walk(engine)
        done.prepare()
        done.go()
        yield done


def test_every_service_comes_up_and_is_well(walk: Walk) -> None:
    health = {name: shown["State"]["Health"]["Status"] for name, shown in walk.containers.items()}
    assert health == dict.fromkeys(SERVICES, "healthy")
