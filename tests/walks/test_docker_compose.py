"""The docker-compose example does what its page says, command by command, on a real engine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from sandbox.docker import Engine
from tests.own_folder import FOLDER
from tests.walks.compose import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]
NOBODY = "cloudrock"
USERS = {
    "slurmctld": "",
    "cloudrock": NOBODY,
    "postgres": "prefect",
    "prefect": NOBODY,
    "pull": "0:10001",
    "push": "0:10001",
}
"""Whom each service runs as; an empty name is root."""
LARGEST_MEGABYTES = {"cloudrock-slurm": 900, "cloudrock-slurm-example-slurm": 250}


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
    assert health == dict.fromkeys(USERS, "healthy")
    doctor = walk.printed["Is everything well?"]
    assert re.search(r"^\d+ OK$", doctor, re.MULTILINE), doctor


def test_an_order_becomes_an_account_with_limits_and_the_project_s_team(walk: Walk) -> None:
    printed = walk.printed["An order"]
    assert "1 order: 1 done" in printed or "no orders to carry out" in printed
    (account,) = re.findall(r"^hpc_\S+_proteinfolding$", printed, re.MULTILINE)
    rows = [line.split() for line in printed.splitlines() if line.split()[:1] == [account]]
    assert [account] in rows
    assert [account, "cpu=600000,gres/gpu=60000,mem=600000G"] in rows
    assert {row[1] for row in rows if row[1:2] and row[1].startswith("crs_")} == {
        "crs_ada",
        "crs_max",
        "crs_mary",
    }


def test_a_job_s_usage_is_seen_in_the_marketplace(walk: Walk) -> None:
    printed = walk.printed["A job, and its usage"]
    used = re.search(
        r"^Protein folding: OK, hpc_\S+, used: cpu (\d+), gres/gpu (\d+), mem (\d+)$", printed, re.MULTILINE
    )
    assert used, printed
    assert 4 <= int(used[1]) < 40
    assert 1 <= int(used[2]) < 8


def test_both_sides_are_served_and_run_by_prefect_on_postgresql(walk: Walk) -> None:
    assert {"pull-orders", "push-usage"} <= {name for name, _ in walk.runs}
    assert ("pull-orders", "service") in walk.runs
    assert walk.stored > 1


def test_only_two_ports_are_published_and_on_loopback_only(walk: Walk) -> None:
    ports = [
        (name, binding["HostIp"])
        for name, shown in walk.containers.items()
        for bindings in shown["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]
    assert sorted(ports) == [("cloudrock", "127.0.0.1"), ("prefect", "127.0.0.1")]


def test_only_slurm_and_who_has_the_engine_s_socket_are_root_the_latter_without_its_capabilities(
    walk: Walk,
) -> None:
    assert {name: shown["Config"]["User"] for name, shown in walk.containers.items()} == USERS
    locked = {name: shown["HostConfig"] for name, shown in walk.containers.items() if name != "slurmctld"}
    assert {(name, tuple(host["CapDrop"]), host["ReadonlyRootfs"]) for name, host in locked.items()} == {
        (name, ("ALL",), True) for name in locked
    }


def test_the_sides_may_be_somebody_else_in_the_socket_s_group(walk: Walk) -> None:
    assert "10001\n" in walk.checked
    assert "SLURM answers in the container slurmctld: cluster example\n" in walk.checked


def test_prefect_s_server_lets_nobody_in_without_its_password(walk: Walk) -> None:
    assert walk.stranger == 401
    assert walk.secrets[1] in walk.printed["Is everything well?"]


def test_no_secret_is_in_a_container_s_environment_or_in_an_image(walk: Walk) -> None:
    assert [len(secret) for secret in walk.secrets] == [40, len("sandbox:") + 32]
    shown = json.dumps([walk.containers, walk.images], default=str)
    assert [secret for secret in walk.secrets if secret in shown] == []
    assert walk.keys == ""


def test_the_images_are_small(walk: Walk, record_property: Callable[[str, object], None]) -> None:
    sizes = {tag.removesuffix(":latest"): shown["Size"] // 10**6 for tag, shown in walk.images.items()}
    record_property("told", f"images of the docker-compose example, MB: {sizes}; seconds: {walk.seconds}")
    assert {name: sizes[name] for name, most in LARGEST_MEGABYTES.items() if sizes[name] > most} == {}


def test_down_leaves_no_container_volume_or_network(walk: Walk) -> None:
    assert walk.left == []
