"""Starts the daemons, and waits for real signs that each one works."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sandbox.inherited import environment as environment_here
from sandbox.slurm import processes
from sandbox.slurm.errors import PortTaken, SandboxError
from sandbox.slurm.packages import program, search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox.slurm.config import Setting
    from sandbox.slurm.places import Places

NAMES = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd-n1", "slurmd-n2")
RELAY = "relay"
"""The one that only a quick cluster has."""
RELAY_PROGRAM = Path(__file__).with_name("relay.py")
LOG_LINES = 12
PORT_TAKEN = "Address already in use"
POLL_SECONDS = 0.03
PROBE_SECONDS = 20


@dataclass(frozen=True)
class Daemon:
    """One program to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def munged(places: Places) -> Daemon:
    """Vouches for users to each other's daemons."""
    return Daemon(
        "munged",
        (
            str(program("munged")),
            "--foreground",
            f"--key-file={places.munge_key}",
            f"--socket={places.munge_socket}",
            f"--pid-file={places.run}/private/munged.pid",
            f"--seed-file={places.run}/private/munged.seed",
            "--num-threads=4",
        ),
    )


def mariadbd(places: Places) -> Daemon:
    """Slurmdbd's database."""
    return Daemon("mariadbd", (str(program("mariadbd")), f"--defaults-file={places.my_cnf}"))


def slurmdbd(setting: Setting) -> Daemon:
    """Keeps accounts and jobs."""
    places = setting.places
    return Daemon(
        "slurmdbd",
        (*setting.host.prefix, str(program("slurmdbd")), "-D"),
        {"SLURM_CONF": str(places.slurm_conf), "MYSQL_UNIX_PORT": str(places.database_socket)},
    )


def relay(setting: Setting, port: int) -> Daemon:
    """Passes on to slurmdbd what clients say, without SLURM's pauses; see relay.py."""
    ports = (str(port), str(setting.ports.slurmdbd))
    return Daemon(RELAY, (sys.executable, str(RELAY_PROGRAM), setting.host.address, *ports))


def slurmctld(setting: Setting) -> Daemon:
    """Schedules."""
    environment = {"SLURM_CONF": str(setting.places.slurm_conf)}
    return Daemon("slurmctld", (*setting.host.prefix, str(program("slurmctld")), "-D"), environment)


def slurmd(setting: Setting, node: str) -> Daemon:
    """Runs jobs of one node."""
    environment = {"SLURM_CONF": str(setting.places.slurm_conf)}
    command = (*setting.host.prefix, str(program("slurmd")), "-D", "-N", node)
    return Daemon(f"slurmd-{node}", command, environment)


def as_started(name: str, pid: int, prefix: tuple[str, ...]) -> Daemon:
    """A daemon that runs, as what starts it again; the prefix gave way to it, so /proc does not show that."""
    words = (processes.PROC / str(pid) / "cmdline").read_text().split("\0")[:-1]
    return Daemon(name, (*prefix, *words), processes.environment_of(pid))


def start(daemon: Daemon, places: Places) -> int:
    """Start in a session of its own, which a Ctrl-C meant for the starter does not reach; returns the pid."""
    environment = {
        "PATH": search_path(environment_here().get("PATH", "")),
        "LANG": "C.UTF-8",
        **daemon.environment,
        processes.FOLDER_MARK: str(places.folder),
        processes.DAEMON_MARK: daemon.name,
    }
    if zone := environment_here().get("TZ"):
        environment["TZ"] = zone
    output = str(_output(daemon.name, places))
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawnp(
        daemon.command[0],
        daemon.command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
    )


def _output(name: str, places: Places) -> Path:
    return places.logs / f"{name}.out"


def wait_until(
    name: str,
    pid: int,
    places: Places,
    works: Callable[[], bool],
    deadline: float,
    needed: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Wait until `works` says yes; if the daemon, or one that it needs, or time ends, an error with its log.

    Raises:
        PortTaken: it ended because somebody else has its port.
        SandboxError: it ended, or is not ready in time.
    """
    while not works():
        for one, its_pid in {name: pid, **needed}.items():
            processes.reap([its_pid])
            if processes.read_entry(its_pid) is None:
                said = log_tail(one, places)
                kind = PortTaken if PORT_TAKEN in said else SandboxError
                raise kind(f"{one} ended while starting; the end of its log:\n{said}")
        if time.monotonic() > deadline:
            raise SandboxError(f"{name} is not ready in time; the end of its log:\n{log_tail(name, places)}")
        time.sleep(POLL_SECONDS)


def log_tail(name: str, places: Places) -> str:
    """The last lines a daemon wrote."""
    lines: list[str] = []
    for path in (_output(name, places), places.logs / f"{name}.log"):
        if path.exists():
            lines += path.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join(lines) or f"(it wrote nothing to {places.logs})"


def listens(address: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a client's command ends well."""
    return answer(command, environment) is not None


def answer(command: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """What a client's command prints; None when it fails."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
