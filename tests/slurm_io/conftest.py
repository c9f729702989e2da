"""Laws are tried on the same examples at every run; captured text is read from one place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from allocations.accounts import ClusterName
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.runner import NativeRunner
from slurm_io.runner_docker import DockerRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slurm_io.runner import Runner

    MakeRunner = Callable[[Mapping[str, str]], Runner]
    Programs = Callable[..., Slurm]

settings.register_profile("same-each-time", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("same-each-time")
C = ClusterName("c")
CAPTURED = Path(__file__).parent.parent / "captured" / "slurm-22.05"


@pytest.fixture
def captured() -> Callable[[str], str]:
    """What SLURM printed, by the file's name."""
    return lambda name: (CAPTURED / name).read_text()


@pytest.fixture
def programs(tmp_path: Path, make_runner: MakeRunner) -> Programs:
    """A cluster whose commands are one shell script, which notes how it was called."""

    def cluster(body: str, named: ClusterName | None = C) -> Slurm:
        for name in ("sacctmgr", "sacct", "squeue", "scancel", "scontrol", "mkhomedir_helper"):
            path = tmp_path / name
            path.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >> {tmp_path}/calls\n{body}')
            path.chmod(0o755)
        return Slurm(make_runner({**SLURM_ENVIRONMENT, "PATH": f"{tmp_path}:/usr/bin:/bin"}), named)

    return cluster


@pytest.fixture(scope="session", params=["native", pytest.param("docker", marks=pytest.mark.docker)])
def runs(request: pytest.FixtureRequest) -> str:
    """Where commands run: each test of the door that starts some does so on this host and in a container."""
    return str(request.param)


@pytest.fixture(scope="session")
def make_runner(runs: str, request: pytest.FixtureRequest) -> MakeRunner:
    """Makes a runner whose commands see these variables; PATH is the host's or the container's own."""
    if runs == "native":
        return lambda environment: NativeRunner({"PATH": os.environ["PATH"], **environment})
    engine, container = request.getfixturevalue("docker_engine"), request.getfixturevalue("container")
    return lambda environment: DockerRunner(container, environment, engine.environment)
