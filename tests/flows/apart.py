"""A run of pull-orders in a process of its own, which may be killed.

Importing Prefect takes seconds, so the processes are forked from a server that has imported everything.
"""

from __future__ import annotations

import multiprocessing
import os
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from pathlib import Path

OURS = ("CLOUDROCK_", "SLURM_", "SYNC_")
KILLED = "KILLED"
LONGEST_SECONDS = 180
APART = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Run:
    """How a run ended: Prefect's type of state and its message, or KILLED."""

    state: str
    message: str = ""
    writes: int = 0
    """To the cluster."""


def start_server(prefect_api_url: str) -> None:
    """From here on processes are forked, and their flows report to that Prefect server."""
    APART.set_forkserver_preload(["flows.pull", __name__])
    with environment_of({"PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_api_url}):
        forkserver.ensure_running()


def pull_apart(
    environment: Mapping[str, str], folder: Path, *, on_start: Callable[[int], None], **parameters: bool
) -> Run:
    """One run of pull-orders; `on_start` gets the process's id before anything happens in it."""
    here, there = APART.Pipe()
    process = APART.Process(target=pull_there, args=(there, dict(environment), str(folder), parameters))
    process.start()
    there.close()
    on_start(process.pid or 0)
    here.send("go")
    try:
        ended = Run(*here.recv()) if here.poll(LONGEST_SECONDS) else Run("NO END")
    except EOFError:
        ended = Run(KILLED)
    if ended.state == "NO END":
        process.kill()
    process.join()
    assert (process.exitcode == 0) == (ended.state not in {KILLED, "NO END"}), (process.exitcode, ended)
    return ended


def pull_there(
    there: Connection, environment: dict[str, str], folder: str, parameters: dict[str, Any]
) -> None:
    """The same, seen from the process."""
    from flows.pull import pull_orders  # noqa: PLC0415 - the server has imported it

    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)
    there.recv()
    state = pull_orders(**parameters, return_state=True)
    there.send((state.type.value, state.message))


@contextmanager
def environment_of(names: Mapping[str, str]) -> Iterator[None]:
    """The environment with these names on top, for what is started meanwhile."""
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
