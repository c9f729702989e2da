"""What all tests share: a folder of their own for real parts, and one SLURM cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from tests.own_folder import CLUSTER_FOLDER, DOCKER_FOLDER, FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.docker import Engine
    from sandbox.slurm import Cluster

os.environ["PREFECT_HOME"] = str(FOLDER / "prefect")
os.environ["MPLCONFIGDIR"] = str(FOLDER / "matplotlib")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
ONE_AUTHORITY = FOLDER / "one-authority.pem"
"""Every client reads all of the world's certificate authorities, and here all of them speak plain HTTP."""
END_OF_ONE = "-----END CERTIFICATE-----\n"
os.environ["SSL_CERT_FILE"] = os.environ["PREFECT_API_SSL_CERT_FILE"] = str(ONE_AUTHORITY)
pytest_plugins = ["tests.spread", "tests.browser"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-blow", action="store_true", help="kill runs before and after each answer")
    parser.addoption("--write-commands", action="store_true", help="write docs/commands.md from the help")
    parser.addoption("--write-orders", action="store_true", help="write docs/orders.md from what tests see")


def pytest_configure() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)  # .sandbox is where pytest's own temporary folders go too
    ONE_AUTHORITY.write_text(Path(certifi.where()).read_text().partition(END_OF_ONE)[0] + END_OF_ONE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests recorded as `told` is told at the end: a worker's own output is not seen."""
    for report in terminalreporter.getreports("passed"):
        for name, words in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(words))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real SLURM cluster, started once; tests share it, so each one uses accounts of its own."""
    from sandbox.slurm import Cluster  # noqa: PLC0415 (fast tests do without)

    with Cluster(CLUSTER_FOLDER, quick=True) as running:
        yield running


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A real Docker engine, started once; tests share it, so each one uses containers of its own."""
    from sandbox.docker import Engine  # noqa: PLC0415 (the same)

    with Engine(DOCKER_FOLDER, print) as running:
        yield running


@pytest.fixture(scope="session")
def container(docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A container with this machine's SLURM, the tests' cluster and their temporary folders."""
    from sandbox.slurm.places import places_for  # noqa: PLC0415 (the same)

    CLUSTER_FOLDER.mkdir(parents=True, exist_ok=True)
    run = places_for(CLUSTER_FOLDER).run
    outside = () if run.is_relative_to(CLUSTER_FOLDER) else (run.parent,)
    docker_engine.run_container("slurm", CLUSTER_FOLDER, tmp_path_factory.getbasetemp(), *outside)
    return "slurm"
