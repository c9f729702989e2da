"""A real Docker engine beside whatever runs on this machine: own socket, own data, no network of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from sandbox.docker import leftovers
from sandbox.docker.image import MOUNTED, archive
from sandbox.inherited import environment as environment_here
from sandbox.services import Services
from sandbox.slurm import processes
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.interrupts import uninterrupted
from sandbox.slurm.packages import install_missing, program, search_path
from sandbox.slurm.places import key_of, places_for, refuse_strangers_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

PACKAGE_OF = {"dockerd": "docker.io"}
IMAGE = "cloudrock-sandbox"
READY_SECONDS = 60.0
POLITE_SECONDS = 5.0
INIT = ("/usr/bin/docker-init", "--", "sleep", "infinity")
"""The container's first process, which takes the exit codes of orphans as a distribution's init does."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine per folder. Making the object does nothing; `start` and `stop` do."""

    folder: Path
    say: Callable[[str], None]
    services: Services = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())
        object.__setattr__(self, "services", Services(self.folder))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def run(self) -> Path:
        """Where its sockets are: paths that are short enough for them."""
        return places_for(self.folder).run

    @property
    def environment(self) -> dict[str, str]:
        """What a client of the engine needs."""
        return {"DOCKER_HOST": f"unix://{self.run}/docker.sock"}

    @property
    def cgroup(self) -> str:
        """The control group above its containers."""
        return f"crs-{key_of(self.folder)}"

    def start(self) -> None:
        """Install, clean up after a crash, start, and import the image.

        Raises:
            SandboxError: this machine does not let us; the message says why.
        """
        if os.geteuid() != 0:
            raise SandboxError("a Docker engine of the sandbox's own needs root: run this as root")
        install_missing(self.say, PACKAGE_OF)
        self.stop()
        try:
            self.bring_up()
        except BaseException:
            self.stop()
            raise

    def bring_up(self) -> None:
        """From nothing to an engine with the image."""
        refuse_strangers_folder(self.run)
        self.run.mkdir(parents=True, mode=0o755)
        settings = self.run / "daemon.json"
        settings.write_text(json.dumps(self.settings()))
        process = self.services.start(
            "dockerd",
            str(program("dockerd")),
            f"--config-file={settings}",
            environment={"PATH": search_path(environment_here().get("PATH", ""))},
            cwd=self.folder,
        )
        self.services.wait("dockerd", process, self.answers, READY_SECONDS)
        with closing(self.client()) as client:
            client.api.import_image_from_data(archive(), repository=IMAGE)

    def settings(self) -> dict[str, object]:
        """All of it in our folders; no usual bridge, no rules of a firewall.

        Containers use the host's network, or networks that are made for them, which reach nothing outside.
        """
        return {
            "hosts": [self.environment["DOCKER_HOST"]],
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.run / "exec"),
            "pidfile": str(self.run / "dockerd.pid"),
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": self.cgroup,
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "ip-masq": False,
        }

    def client(self) -> docker.DockerClient:
        """A client of the engine; close it."""
        return docker.DockerClient(base_url=self.environment["DOCKER_HOST"])

    def answers(self) -> bool:
        """Whether the engine is there. docker-py leaks a socket that it cannot connect: it is not asked."""
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            if probe.connect_ex(str(self.run / "docker.sock")) != 0:
                return False
        try:
            with closing(self.client()) as client:
                return bool(client.ping())
        except (DockerException, OSError):
            return False

    def run_container(self, name: str, *folders: Path) -> None:
        """Start a container with this machine's programs and these folders, all at their own places."""
        shared = {path: {"bind": path, "mode": "ro"} for path in MOUNTED}
        own = {str(path): {"bind": str(path), "mode": "rw"} for path in folders}
        with closing(self.client()) as client:
            client.containers.run(
                IMAGE,
                list(INIT),
                name=name,
                detach=True,
                network_mode="host",
                volumes={**shared, **own},
                environment=self.services.mark,
            )

    def stop(self) -> None:
        """End the engine and its containers, whoever started them, and nothing else; idempotent."""
        with uninterrupted():
            self.end_contents()
            started = list(self.services.started.values())
            processes.end(self.daemon, POLITE_SECONDS)
            processes.end(self.services.alive, polite_seconds=0)
            self.services.stop()
            for process in started:
                process.wait()
            for folder in (self.folder, self.run):
                leftovers.unmount_below(folder)
            leftovers.remove_cgroups(self.cgroup)
            leftovers.remove_bridges(self.folder / "data")
            for folder in (self.folder / "data", self.run):
                shutil.rmtree(folder, ignore_errors=True)

    def end_contents(self) -> None:
        """Let the engine clean up behind its containers and their networks, while it can."""
        if self.answers():
            with suppress(DockerException, OSError), closing(self.client()) as client:
                for container in client.containers.list(all=True):
                    container.remove(force=True)
                client.networks.prune()

    def daemon(self) -> set[processes.Process]:
        """The engine itself, which ends its own helpers when it is asked to end."""
        alive = self.services.alive()
        return {one for one in alive if (entry := processes.read_entry(one.pid)) and entry.name == "dockerd"}

    def remains(self) -> Iterable[object]:
        """What is left of it on this machine: processes, mounts, control groups, bridges, folders."""
        yield from self.services.alive()
        for folder in (self.folder, self.run):
            yield from leftovers.mounts_below(folder)
        yield from leftovers.cgroups(self.cgroup)
        yield from leftovers.bridges(self.folder / "data")
        yield from (path for path in (self.folder / "data", self.run) if path.exists())
