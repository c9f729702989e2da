"""Orders and usage with SLURM in a container: they end as on a headnode that has SLURM's commands itself."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from tests.own_folder import PEOPLE, person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.site import Site

pytestmark = [pytest.mark.slurm, pytest.mark.prefect, pytest.mark.docker]


@pytest.fixture
def dockered(site, docker_engine, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site, on a host without any of SLURM's commands."""
    settings = {
        **docker_engine.environment,
        "SLURM_DEPLOYMENT_TYPE": "docker",
        "SLURM_CONTAINER_NAME": container,
        "PATH": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return site


def test_an_order_and_its_usage_are_carried_out_in_the_container(dockered) -> None:
    item = dockered.order("in a box")
    state = dockered.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 done")
    resource = dockered.resource(item)
    account = resource["backend_id"]
    assert dockered.accounts()[account] == (
        f"hpc_{resource['project_uuid']}",
        "cpu=600,gres/gpu=60,mem=600G",
    )
    assert dockered.users(account) == PEOPLE
    assert (dockered.item(item)["state"], resource["state"]) == ("done", "OK")
    start = BillingPeriod.containing(datetime.now(UTC)).start
    dockered.cluster.insert_jobs(
        [PastJob(account, person("ada"), start, start + timedelta(minutes=2), tres={"cpu": 3, "mem": 100})]
    )
    state = dockered.push()
    assert state.type.value == "COMPLETED", state.message
    assert dockered.usage(item) == {"cpu": 6, "gres/gpu": 0, "mem": 200}


def test_orders_wait_while_the_container_is_paused(dockered, docker_engine, container: str) -> None:
    item = dockered.order("patient box")
    with closing(docker_engine.client()) as client:
        client.containers.get(container).pause()
        try:
            state = dockered.pull()
        finally:
            client.containers.get(container).unpause()
    assert state.type.value == "FAILED"
    assert f"the container '{container}' (SLURM_CONTAINER_NAME) is paused" in state.message
    assert dockered.item(item)["state"] == "executing"
    assert dockered.pull().message == "1 order: 1 done"


def test_doctor_looks_into_the_container(dockered, docker_engine, container: str) -> None:
    from flows.examining import examine  # noqa: PLC0415 - Prefect takes seconds

    found = {one.check.title: one for one in examine() if one.check.area.value in ("Docker", "SLURM")}
    assert "commands" not in found
    assert found["container"].level.value == "OK", found["container"]
    assert (found["slurmdbd"].level.value, found["time zone"].level.value) == ("OK", "OK")
    assert found["version"].found.startswith("22.05")
    with closing(docker_engine.client()) as client:
        client.containers.get(container).pause()
        try:
            found = {one.check.title: one for one in examine()}
        finally:
            client.containers.get(container).unpause()
    assert found["container"].level.value == "error"
    assert f"the container '{container}' (SLURM_CONTAINER_NAME) is paused" in found["container"].found
    assert found["slurmdbd"].found == "not looked at: SLURM's commands cannot be run"
