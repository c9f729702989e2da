"""Scenes: each has a marketplace, people and accounts of its own; nothing of one is seen by another."""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from sandbox.cloudrock import Marketplace
from sandbox.slurm.people import suffix_of
from tests.flows.apart import CRASHED, Run, run_apart
from tests.flows.conftest import COMPONENTS, Site
from tests.flows.fate import FATE, Blow, Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.slurm import Cluster

Befall: TypeAlias = "Callable[[Scene, int], None]"
"""Brings something about in a scene, once the run's process is there and before it begins; gets its id."""
MOST_BEGINNINGS = 5
WRITES = "^(POST|PUT|PATCH|DELETE) "
numbers = itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """What all scenes share."""

    cluster: Cluster
    programs: Path
    folder: Path

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        """A new scene; its folder and its marketplace go with it."""
        suffix = f"{suffix_of(self.cluster.folder)}_{next(numbers)}"
        folder = self.folder / f"scene{suffix}"
        folder.mkdir()
        (folder / "config-components.yaml").write_text(COMPONENTS)
        with Marketplace(people_suffix=suffix) as marketplace, httpx.Client(timeout=30) as client:
            scene = Scene(self.cluster, marketplace, self.programs, folder, suffix, client)
            scene.fate.clear()
            yield scene
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Death:
    """The write at which a run's process is killed: on the cluster, or in the marketplace."""

    where: str
    number: int
    blow: Blow

    def __str__(self) -> str:
        return f"{self.blow.value} at write {self.number} to the {self.where}"

    def __call__(self, scene: Scene, pid: int) -> None:
        """Let it come over the process."""
        if self.where == "cluster":
            scene.fate.at(self.number, self.blow)
        else:
            office = scene.marketplace.office
            office.fail_next(WRITES, kind=self.blow.value, after=self.number - 1, pid=pid)


@dataclass(frozen=True)
class Scene(Site):
    """One headnode whose runs are processes of their own."""

    programs: Path
    folder: Path
    suffix: str
    client: httpx.Client
    settings: dict[str, str] = field(default_factory=dict)
    """Variables beside the ones that every run needs."""

    job_cpus: int = 40

    @property
    def people(self) -> frozenset[str]:
        return frozenset(map(self.person, ("ada", "max", "mary")))

    def person(self, name: str) -> str:
        """The user of this name in this scene."""
        return f"crs_{name}{self.suffix}"

    def knows(self, user: str) -> bool:
        """Whether a user belongs to this scene."""
        return user.endswith(self.suffix)

    @property
    def fate(self) -> Fate:
        return Fate(self.folder / "fate", self.cluster.places.slurm_conf)

    @property
    def environment(self) -> dict[str, str]:
        cluster = self.cluster.environment
        return {
            **cluster,
            "PATH": f"{self.programs}:{cluster.get('PATH', os.environ['PATH'])}",
            FATE: str(self.fate.folder),
            "CLOUDROCK_API_URL": self.marketplace.api_url,
            "CLOUDROCK_API_TOKEN": self.marketplace.tokens["provider_owner"],
            "CLOUDROCK_OFFERING_UUID": self.marketplace.offering_uuid,
            "SLURM_DEPLOYMENT_TYPE": "native",
            "CLOUDROCK_STATE_DIR": str(self.folder / "state"),
            "SYNC_RECONCILE": "off",  # jobs of seconds ago are in no rollup
            **self.settings,
        }

    def pull(self, befall: Befall | None = None, **parameters: bool) -> Run:  # type: ignore[override]
        """One run of pull-orders, and what comes over it."""
        return self.run("pull", befall, **parameters)

    def run(self, flow: str, befall: Befall | None = None, **parameters: Any) -> Run:
        """One run of a flow, and what comes over it; the next one is undisturbed.

        A run that Prefect's server was too busy to begin has done nothing: it is begun again.
        """
        for _ in range(MOST_BEGINNINGS):
            ended = self.run_once(flow, befall, **parameters)
            if ended.state != CRASHED or ended.writes or self.posted:
                break
        return ended

    def run_once(self, flow: str, befall: Befall | None, **parameters: Any) -> Run:
        """One attempt."""
        self.fate.clear()
        self.marketplace.office.clear_requests()
        ended = run_apart(
            flow,
            self.environment,
            self.folder,
            lambda pid: befall(self, pid) if befall else None,
            **parameters,
        )
        writes = len(self.fate.writes)
        self.fate.clear()
        self.marketplace.office.clear_faults()
        return replace(ended, writes=writes)

    def get(self, path: str, actor: str = "staff") -> Any:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        return self.client.get(self.marketplace.api_url + path, headers=headers).raise_for_status().json()

    def post(self, path: str, actor: str = "staff", body: Any = None) -> Any:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        return self.client.post(
            self.marketplace.api_url + path, json=body, headers=headers
        ).raise_for_status()

    @property
    def posted(self) -> list[dict[str, Any]]:
        """What the last run wrote to the marketplace."""
        return [one for one in self.marketplace.office.requests() if one["method"] != "GET"]

    def limited(self, *types: str) -> None:
        for kind in types:
            self.marketplace.office.configure_component(
                self.marketplace.offering_uuid, kind, billing_type="limit"
            )
        lines = [
            line.replace("accounting_type: usage", "accounting_type: limit")
            if line.partition(":")[0] in types
            else line
            for line in COMPONENTS.splitlines()
        ]
        (self.folder / "config-components.yaml").write_text("\n".join(lines) + "\n")
