"""A PostgreSQL of the tests' own: Debian's, on loopback, in a folder that it may read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.inherited import environment
from sandbox.slurm.packages import install_missing
from sandbox.slurm.places import free_ports

if TYPE_CHECKING:
    from sandbox.services import Services

USER = DATABASE = "prefect"
PASSWORD = "not-a-secret"  # noqa: S105 - of a server on loopback that ends with the tests
SYSTEM_USER = "postgres"
READY_SECONDS = 60.0
PACKAGE = "postgresql"


def programs() -> Path:
    """Where Debian has them: beside no others, for several versions may be there, or its clients alone."""
    folder, server = Path("/usr/lib/postgresql"), "*/bin/postgres"
    if not any(folder.glob(server)):
        install_missing(print, {"a server of PostgreSQL": PACKAGE})
    return max(folder.glob(server)).parent


@dataclass(frozen=True)
class PostgreSQL:
    """One server; it ends with the services that it is started among."""

    services: Services

    @property
    def port(self) -> str:
        """Where it listens."""
        return self.services.recall()["postgresql_port"]

    def address_like(self, documented: str) -> str:
        """The documented address, with this server's password and port."""
        known = urlsplit(documented)
        assert (known.username, known.hostname, known.path) == (USER, "127.0.0.1", f"/{DATABASE}")
        return documented.replace(f":{known.password}@", f":{PASSWORD}@").replace(
            f":{known.port}/", f":{self.port}/"
        )

    def start(self) -> None:
        """A fresh one, with the user and the database that deployments/ tells one to make."""
        folder = Path(tempfile.mkdtemp(prefix="pgdata-"))
        secret = folder / "password"
        secret.write_text(PASSWORD)
        data, (port,) = folder / "data", free_ports(1)
        facts = {"postgresql_port": str(port), "postgresql_folder": str(folder)}
        self.services.remember({**self.services.recall(), **facts})
        if os.geteuid() == 0:
            shutil.chown(folder, SYSTEM_USER)
            shutil.chown(secret, SYSTEM_USER)
        how = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}", "--no-sync", "-E", "UTF8")
        self.run("initdb", f"--pgdata={data}", *how)
        quick = ("-c", "fsync=off", "-c", f"unix_socket_directories={folder}")
        process = self.services.start(
            "postgresql",
            *self.argv("postgres", "-D", str(data), "-h", "127.0.0.1", "-p", str(port), *quick),
            environment={},
            cwd=folder,
        )
        self.services.wait("postgresql", process, self.is_ready, READY_SECONDS)
        self.run("createdb", "--host=127.0.0.1", f"--port={port}", f"--username={USER}", DATABASE)

    def forget(self) -> None:
        """Remove what it kept, once it has ended."""
        shutil.rmtree(self.services.recall()["postgresql_folder"])

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        words = self.argv("pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}")
        return subprocess.run(words, env=environment(), check=False).returncode == 0

    def run(self, *words: str) -> None:
        """One of its programs, to its end."""
        known = {**environment(), "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        subprocess.run(self.argv(*words), env=known, cwd="/", check=True, capture_output=True)

    def argv(self, program: str, *words: str) -> tuple[str, ...]:
        """As a user who is not root, which it refuses to be."""
        command = (str(programs() / program), *words)
        return ("runuser", "-u", SYSTEM_USER, "--", *command) if os.geteuid() == 0 else command
