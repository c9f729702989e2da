"""The sandbox's own Docker engine: it comes, it goes, and it leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sandbox.docker import Engine
from slurm_io.runner_docker import DockerRunner
from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.docker
DYING_STARTER = """
import os, signal, sys
from pathlib import Path
from sandbox.docker import Engine
engine = Engine(Path(sys.argv[1]), print)
engine.start()
engine.run_container("left")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def bare() -> Iterator[Engine]:
    """A second engine beside the tests' own."""
    second = Engine(FOLDER / "docker-two", print)
    yield second
    second.stop()


def test_an_engine_runs_beside_another_and_stops_alone(docker_engine: Engine, bare: Engine) -> None:
    with bare:
        bare.run_container("box")
        assert DockerRunner("box", {}, bare.environment).run(("echo", "here")) == "here\n"
        with closing(docker_engine.client()) as client:
            assert "box" not in {one.name for one in client.containers.list(all=True)}
    assert list(bare.remains()) == []
    assert docker_engine.answers()


def test_what_a_killed_starter_left_goes_with_the_next_stop(bare: Engine) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING_STARTER, str(bare.folder)], cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert bare.answers()
    bare.stop()
    assert list(bare.remains()) == []


def test_what_a_killed_engine_left_goes_with_the_next_stop(bare: Engine) -> None:
    bare.start()
    bare.run_container("box")
    with closing(bare.client()) as client:
        client.networks.create("net")
    dockerd = bare.services.started["dockerd"]
    dockerd.kill()
    dockerd.wait()
    assert {type(one).__name__ for one in bare.remains()} == {"Process", "PosixPath", "str"}
    bare.stop()
    assert list(bare.remains()) == []
