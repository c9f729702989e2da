"""The example's page carried out: its commands as they stand there, on an engine of the sandbox's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.docker import Engine, debian
from sandbox.prefect_api import PrefectApi
from sandbox.slurm.packages import install_missing
from sandbox.slurm.places import free_ports
from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = ROOT / "examples" / "docker-compose"
PAGE = EXAMPLE / "README.md"
BASE = ROOT / ".sandbox" / "debian-bookworm-slim.tar"
PACKAGE_OF = {"docker-compose": "docker-compose"}
SECONDS = 600
PREFECT, CLOUDROCK = "PREFECT_PORT", "CLOUDROCK_PORT"
SLURM_IMAGE = "cloudrock-slurm-example-slurm"
KEYS = ["find", "/etc/munge", "/var/lib/munge", "-type", "f"]
AS_NOBODY = """
export AGENT_USER="10001:$(stat -c %g "$DOCKER_SOCKET")"
docker-compose run --rm -T pull sh -c 'id --user && cloudrock-slurm check'
docker-compose down -v
"""
BUILT = ("slurmctld", "postgres", "cloudrock")


def blocks() -> list[tuple[str, str]]:
    """The commands of the page, by their heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    found = zip(parts[1::2], parts[2::2], strict=True)
    return [
        (heading, commands)
        for heading, text in found
        for commands in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


@dataclass(slots=True)
class Walk:
    """One walk through the page: what it printed by heading, and what the engine had in between."""

    engine: Engine
    variables: dict[str, str] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: set[tuple[str, str | None]] = field(default_factory=set)
    """Flow and deployment of every run that Prefect's server knows."""
    stored: int = 0
    """Flow runs in PostgreSQL."""
    secrets: list[str] = field(default_factory=list)
    stranger: int = 0
    """What Prefect's server answers somebody without a password."""
    keys: str = ""
    """munge's, in the image of SLURM."""
    left: list[object] = field(default_factory=list)
    checked: str = ""
    """What an agent who is not root says of SLURM."""
    seconds: dict[str, float] = field(default_factory=dict)

    def prepare(self) -> None:
        """The engine has Debian's image, and builds reach what this machine reaches."""
        began = time.monotonic()
        install_missing(print, PACKAGE_OF)
        debian.provide(self.engine, BASE, print)
        self.seconds["Debian"] = round(time.monotonic() - began, 1)
        override = FOLDER / "compose-build.json"
        build = {name: {"build": {"network": "host"}} for name in BUILT}
        override.write_text(json.dumps({"services": build}))
        prefect, cloudrock = map(str, free_ports(2))
        self.variables = {
            **self.engine.environment,
            "COMPOSE_FILE": f"docker-compose.yml:{override}",
            "DOCKER_SOCKET": self.engine.environment["DOCKER_HOST"].removeprefix("unix://"),
            PREFECT: prefect,
            CLOUDROCK: cloudrock,
        }

    def run(self, commands: str) -> str:
        """As typed into a shell in the example's folder; all that it printed."""
        done = self.typed(commands)
        if done.returncode:
            why = self.typed("docker-compose ps; docker-compose logs --tail=40").stdout
            pytest.fail(f"{commands}\n{done.stdout}\n{why}")
        return done.stdout

    def typed(self, commands: str) -> subprocess.CompletedProcess[str]:
        """The same, whatever comes of it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=EXAMPLE,
            env={**os.environ, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def go(self) -> None:
        """The whole page, from up to down."""
        for heading, commands in blocks():
            if heading == "Down":
                self.look()
                self.look_into_prefect()
                self.look_for_secrets()
            began = time.monotonic()
            self.printed[heading] = self.printed.get(heading, "") + self.run(commands)
            self.seconds[heading] = round(self.seconds.get(heading, 0) + time.monotonic() - began, 1)
        self.left = list(self.remains())
        self.checked = self.run(AS_NOBODY)

    def look(self) -> None:
        """Keep what the engine says of everything that it runs."""
        with closing(self.engine.client()) as client:
            for container in client.containers.list(all=True):
                labels = container.labels
                self.containers[labels["com.docker.compose.service"]] = container.attrs
            for image in client.images.list():
                for tag in image.tags:
                    self.images[tag] = {**image.attrs, "History": image.history()}

    def look_into_prefect(self) -> None:
        """Whose runs it knows, over the port that is published; and that PostgreSQL has them."""
        url = f"http://127.0.0.1:{self.variables[PREFECT]}/api"
        self.stranger = httpx.post(f"{url}/flows/filter", json={}, timeout=30).status_code
        name, _, password = self.words("PREFECT_API_AUTH_STRING").partition(":")
        api = PrefectApi(url, (name, password))
        names = {one["id"]: one["name"] for one in api.ask("POST", "flows/filter", {})}
        deployments = {one["id"]: one["name"] for one in api.ask("POST", "deployments/filter", {})}
        for run in api.ask("POST", "flow_runs/filter", {}):
            self.runs.add((names[run["flow_id"]], deployments.get(run["deployment_id"])))
        count = "SELECT count(*) FROM flow_run"
        told = self.run(f"docker-compose exec -T postgres psql --tuples-only prefect --command '{count}'")
        self.stored = int(told)

    def words(self, name: str) -> str:
        """What the agent's settings say."""
        return self.run(f"docker-compose exec -T pull grep ^{name}= .env").partition("=")[2].strip()

    def look_for_secrets(self) -> None:
        """Token and password where they lie, and munge's keys where they must not be."""
        self.secrets = [self.words(name) for name in ("CLOUDROCK_API_TOKEN", "PREFECT_API_AUTH_STRING")]
        with closing(self.engine.client()) as client:
            found = client.containers.run(SLURM_IMAGE, KEYS, network_mode="none", remove=True)
        self.keys = found.decode()

    def remains(self) -> Iterator[object]:
        """What of the example the engine still has, images aside."""
        with closing(self.engine.client()) as client:
            yield from client.containers.list(all=True)
            yield from client.volumes.list()
            yield from (one for one in client.networks.list() if one.name not in {"host", "none"})
