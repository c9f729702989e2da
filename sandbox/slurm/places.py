"""Where a cluster lives: its folder in the checkout, its run-time folder, its free ports."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import stat
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_RUN_FOLDER = 60  # a Unix socket's path ends at 107 bytes; slurmstepd's below it takes up to 45
PORTS = range(20000, 32000)  # below the ports Linux gives to outgoing connections
PORT_TRIES = 200


@dataclass(frozen=True)
class Places:
    """The two folders of a cluster and what is where in them."""

    folder: Path
    run: Path

    @property
    def logs(self) -> Path:
        """One log per daemon; kept after stop until the next start."""
        return self.folder / "logs"

    @property
    def state(self) -> Path:
        """What another process must know to use or stop the cluster."""
        return self.folder / "state.json"

    @property
    def template(self) -> Path:
        """An empty MariaDB data directory, copied at each start."""
        return self.folder / "mariadb-template"

    @property
    def slurm_conf(self) -> Path:
        """What SLURM_CONF says."""
        return self.run / "etc" / "slurm.conf"

    @property
    def slurmdbd_conf(self) -> Path:
        """Beside slurm.conf, where slurmdbd looks for it."""
        return self.run / "etc" / "slurmdbd.conf"

    @property
    def my_cnf(self) -> Path:
        """The database's settings."""
        return self.run / "etc" / "my.cnf"

    @property
    def munge_key(self) -> Path:
        """The cluster's own key."""
        return self.run / "private" / "munge.key"

    @property
    def munge_socket(self) -> Path:
        """The cluster's own munged."""
        return self.run / "munge" / "socket"

    @property
    def database(self) -> Path:
        """MariaDB's data directory."""
        return self.run / "private" / "mariadb"

    @property
    def database_temporary(self) -> Path:
        """MariaDB's temporary files."""
        return self.run / "private" / "temporary"

    @property
    def database_socket(self) -> Path:
        """The only way to the database: it opens no port."""
        return self.run / "private" / "mariadb.socket"

    @property
    def homes(self) -> Path:
        """Homes of throw-away OS users."""
        return self.run / "homes"


def key_of(folder: Path) -> str:
    """A short name for a cluster's folder, the same in every process."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:10]


def places_for(folder: Path) -> Places:
    """The run-time part is below the folder, or in the temporary folder where that one does not serve."""
    folder = folder.resolve()
    inside = folder / "run"
    if serves(inside):
        return Places(folder, inside)
    name = f"crs-{os.geteuid()}-{key_of(folder)}"
    candidates = [Path(tempfile.gettempdir()).resolve() / name, Path("/tmp") / name]  # noqa: S108 (checked: mode, owner)
    for candidate in candidates:
        if serves(candidate):
            return Places(folder, candidate)
    raise SandboxError(
        f"no place for the cluster's sockets: {inside} and {' and '.join(map(str, candidates))} are longer "
        f"than {LONGEST_RUN_FOLDER} characters, or not open to other users, or writable by them: set TMPDIR",
    )


def serves(run: Path) -> bool:
    """Whether sockets and job files may live there: short, and safe and reachable for other users."""
    return len(os.fsencode(run)) <= LONGEST_RUN_FOLDER and all(
        _is_safe(parent) and (os.geteuid() != 0 or _is_open(parent)) for parent in run.parents
    )


def _is_open(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & stat.S_IXOTH)


def _is_safe(folder: Path) -> bool:
    """What munged demands: nobody else can put another folder in place of ours."""
    if not folder.exists():
        return True
    found = folder.stat()
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return not writable or bool(found.st_mode & stat.S_ISVTX)


def refuse_strangers_folder(run: Path) -> None:
    """A folder in the temporary folder is used again only when it is our own."""
    if run.is_symlink() or (run.exists() and run.lstat().st_uid != os.geteuid()):
        raise SandboxError(
            f"{run} exists and belongs to somebody else: remove it, or set TMPDIR to another folder"
        )


def free_ports(count: int, candidates: Iterable[int] | None = None) -> tuple[int, ...]:
    """Ports of 127.0.0.1 on which nobody listens now."""
    tries = candidates or (PORTS[secrets.randbelow(len(PORTS))] for _ in range(PORT_TRIES))
    found: list[int] = []
    for port in tries:
        if port not in found and _is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise SandboxError(
        f"found {len(found)} of {count} free ports in {PORTS.start}-{PORTS.stop - 1}: free some"
    )


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
