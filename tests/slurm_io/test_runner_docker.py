"""What happens to containers and their engine, done to real ones: one clear error each, and nothing left."""

from __future__ import annotations

import gc
import os
import pwd
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import UserName
from sandbox.docker import Engine
from slurm_io import runner_docker
from slurm_io.client import Slurm
from slurm_io.errors import SlurmMisconfigured, SlurmUnavailable
from slurm_io.runner_docker import DockerRunner
from tests.own_folder import FOLDER, ROOT
from tests.slurm_io.sleeping import ended, lasting, sleepers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

__all__ = ["lasting"]
pytestmark = pytest.mark.docker
LEAKING = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""docker-py leaves a socket that it could not connect to the garbage collection."""
NUMBERS = count(1)
NOBODY = 65534
KILLED_AGENT = """
import sys
from slurm_io import runner_docker
from slurm_io.client import Slurm
runner_docker.GRACE = 1
runner = runner_docker.DockerRunner(sys.argv[1], {}, {"DOCKER_HOST": sys.argv[2]})
runner.run(("sleep", sys.argv[3]), timeout=1)
"""


@pytest.fixture
def box(docker_engine: Engine) -> Iterator[Container]:
    """A container of this test's own."""
    name = f"box{next(NUMBERS)}"
    docker_engine.run_container(name)
    with closing(docker_engine.client()) as client:
        yield client.containers.get(name)
        client.containers.get(name).remove(force=True)


@pytest.fixture
def runner(docker_engine: Engine, box: Container) -> DockerRunner:
    return DockerRunner(str(box.name), {}, docker_engine.environment)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a test leaves to the garbage collection is its own, not the next test's."""
    yield
    gc.collect()


@contextmanager
def meanwhile(act: object) -> Iterator[None]:
    """Something happens half a second after a command was started."""
    timer = Timer(0.5, act)  # type: ignore[arg-type]
    timer.start()
    yield
    timer.join()


def test_a_container_that_is_not_there_may_come(docker_engine: Engine) -> None:
    with pytest.raises(
        SlurmUnavailable, match=r"^SLURM_CONTAINER_NAME: .* has no container 'nobox': start it"
    ):
        DockerRunner("nobox", {}, docker_engine.environment).run(("true",))


@pytest.mark.parametrize(
    ("act", "said"),
    [("stop", "is exited: `docker start box"), ("pause", "is paused: `docker unpause box")],
)
def test_a_container_that_does_not_run_may_run_again(
    box: Container, runner: DockerRunner, act: str, said: str
) -> None:
    {"stop": lambda: box.stop(timeout=0), "pause": box.pause}[act]()
    with pytest.raises(SlurmUnavailable, match=rf"the container 'box\d+' \(SLURM_CONTAINER_NAME\) {said}"):
        runner.run(("true",))


@pytest.mark.parametrize("act", ["stop", "restart"])
def test_a_container_that_ends_under_a_command_leaves_its_outcome_open(
    box: Container, runner: DockerRunner, lasting: str, act: str
) -> None:
    ends = {"stop": lambda: box.stop(timeout=0), "restart": lambda: box.restart(timeout=0)}
    begun = time.monotonic()
    with (
        meanwhile(ends[act]),
        pytest.raises(SlurmUnavailable, match=r"was stopped or restarted, .* while `sleep 60"),
    ):
        runner.run(("sleep", lasting), timeout=30)
    assert time.monotonic() - begun < 10
    assert ended(lasting)


def test_a_container_that_is_paused_under_a_command_ends_it_once_it_goes_on(
    box: Container, runner: DockerRunner, lasting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_docker, "GRACE", 1)
    with meanwhile(box.pause), pytest.raises(SlurmUnavailable, match="within 1 s and cannot be stopped now"):
        runner.run(("sleep", lasting), timeout=1)
    assert sleepers(lasting)
    box.unpause()
    assert ended(lasting)


@LEAKING
def test_an_engine_that_ends_under_a_command_is_an_outage(lasting: str) -> None:
    with Engine(FOLDER / "docker-two", print) as engine:
        engine.run_container("box")
        runner = DockerRunner("box", {}, engine.environment)
        with (
            meanwhile(engine.services.started["dockerd"].kill),
            pytest.raises(SlurmUnavailable, match=r"no Docker engine answers at unix:///.*: start it"),
        ):
            runner.run(("sleep", lasting), timeout=30)
    assert ended(lasting)


@LEAKING
@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("unix:///no-folder/none.sock", SlurmUnavailable, r"\(No such file or directory\): start it"),
        ("tcp://127.0.0.1:1", SlurmUnavailable, r"\(Connection refused\): start it"),
        ("gopher://x", SlurmMisconfigured, "^DOCKER_HOST: 'gopher://x' cannot be used"),
    ],
)
def test_without_an_engine_the_address_is_named(address: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        DockerRunner("box", {}, {"DOCKER_HOST": address}).run(("true",))


@LEAKING
def test_an_account_that_may_not_use_the_socket_is_told_how_it_may(runner: DockerRunner) -> None:
    os.seteuid(NOBODY)
    try:
        with pytest.raises(
            SlurmMisconfigured, match=r"may not use .* \(Permission denied\): .*usermod -aG docker"
        ):
            runner.run(("true",))
    finally:
        os.seteuid(0)


def test_a_container_without_the_program_that_ends_commands_is_a_misconfiguration(
    docker_engine: Engine, box: Container
) -> None:
    nowhere = DockerRunner(str(box.name), {"PATH": "/nowhere"}, docker_engine.environment)
    with pytest.raises(SlurmMisconfigured, match=r"has no `timeout`, .*: install coreutils in it"):
        nowhere.run(("true",))


def test_an_interrupted_command_ends(runner: DockerRunner, lasting: str) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run(("sleep", lasting), timeout=30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended(lasting)


def test_a_command_ends_in_time_though_its_agent_was_killed(runner: DockerRunner, lasting: str) -> None:
    argv = [sys.executable, "-c", KILLED_AGENT, runner.container, runner.engine["DOCKER_HOST"], lasting]
    with subprocess.Popen(argv, cwd=ROOT) as agent:
        while not sleepers(lasting):
            time.sleep(0.05)
        agent.kill()
    assert ended(lasting)


def test_commands_side_by_side_get_each_its_own_answer(runner: DockerRunner) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: runner.run(("echo", str(n))), range(16))
        assert list(answers) == [f"{n}\n" for n in range(16)]


def test_homes_are_made_in_the_container_and_not_on_this_host(runner: DockerRunner) -> None:
    homeless = pwd.getpwnam("nobody")
    assert not Path(homeless.pw_dir).exists()
    assert Slurm(runner).make_homes([UserName(homeless.pw_name)], "0027") == []
    assert runner.run(("stat", "--format=%U %a", homeless.pw_dir)) == "nobody 750\n"
    assert not Path(homeless.pw_dir).exists()
