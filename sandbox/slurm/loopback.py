"""The daemons listen on loopback only.

SLURM 22.05 has no setting for the address it binds: either every address, or (NoInAddrAny) the one that
the machine's own name resolves to. So each daemon runs in a UTS namespace in which the machine is called
`localhost`.
"""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass

from sandbox.slurm.packages import program

SCRIPT = 'umask 022 && hostname localhost && exec "$@"'
AS_ROOT = ("--uts",)
AS_USER = ("--user", "--map-current-user", "--keep-caps", "--uts")
GIVE_UP_CAPABILITIES = ("setpriv", "--ambient-caps=-all", "--inh-caps=-all")
PROBE_SECONDS = 10


@dataclass(frozen=True)
class Host:
    """What the machine is called for the daemons, and how they are started so."""

    name: str
    address: str
    prefix: tuple[str, ...]
    loopback_only: bool


def find_host() -> Host:
    """The best this machine allows."""
    prefix = _prefix()
    if _works((*prefix, "hostname")):
        return Host("localhost", "127.0.0.1", prefix, loopback_only=True)
    return without_namespaces(socket.gethostname())


def without_namespaces(name: str) -> Host:
    """Where the kernel refuses namespaces: loopback if the machine's name resolves to it, as in Debian."""
    try:
        address = socket.gethostbyname(name)
    except OSError:
        address = ""
    if address.startswith("127."):
        return Host(name, address, (), loopback_only=True)
    return Host(name, "127.0.0.1", (), loopback_only=False)


def _prefix() -> tuple[str, ...]:
    if os.geteuid() == 0:
        return (str(program("unshare")), *AS_ROOT, "sh", "-c", SCRIPT, "sh")
    return (str(program("unshare")), *AS_USER, "sh", "-c", SCRIPT, "sh", *GIVE_UP_CAPABILITIES)


def _works(command: tuple[str, ...]) -> bool:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
    )
    return done.returncode == 0 and done.stdout.strip() == "localhost"
