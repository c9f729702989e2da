"""Headnodes: each has a folder with its settings, a cluster, an offering, and its work pool's worker."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.flows.site import COMPONENTS, Site
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sandbox.cloudrock import Marketplace
    from sandbox.slurm import Cluster
    from sandbox.stack import Stack


@dataclass(frozen=True)
class Headnode:
    """One cluster's; its settings are in `.env` of its own home, and nowhere else."""

    pool: str
    home: Path
    site: Site
    stack: Stack

    @property
    def cluster(self) -> Cluster:
        """Its cluster."""
        return self.site.cluster

    def settle(self, **changes: str) -> None:
        """Write its settings, some of them otherwise."""
        market = self.site.marketplace
        settings = {
            "CLOUDROCK_API_URL": market.api_url,
            "CLOUDROCK_API_TOKEN": market.tokens["provider_owner"],
            "CLOUDROCK_OFFERING_UUID": market.offering_uuid,
            "CLOUDROCK_WORK_POOL": self.pool,
            "CLOUDROCK_STATE_DIR": str(self.home / "state"),
            "SLURM_DEPLOYMENT_TYPE": "native",
            "SYNC_RECONCILE": "off",
        }
        lines = [f"{name}={value}\n" for name, value in {**settings, **changes}.items()]
        (self.home / ".env").write_text("".join(lines))

    def deploy(self, patch: pytest.MonkeyPatch) -> int:
        """`cloudrock-slurm deploy`, in its home."""
        from cloudrock_slurm.deploy import deploy  # noqa: PLC0415 - Prefect takes seconds

        with patch.context() as here:
            here.chdir(self.home)
            return deploy(check=False)

    def start_worker(self) -> None:
        """Its worker, which sees no settings but what is in its home."""
        worker = ("worker", "start", "--pool", self.pool, "--type", "process", "--name", self.name)
        environment = {
            **self.cluster.environment,
            **self.stack.environment(),
            "PREFECT_HOME": str(self.home / "prefect"),
            "PYTHONPATH": str(ROOT),
        }
        argv = (sys.executable, "-m", "prefect", *worker)
        process = self.stack.services.start(self.name, *argv, environment=environment, cwd=self.home)
        ready = f"Worker '{self.name}' started".encode()
        self.stack.services.wait(self.name, process, lambda: ready in self.stack.log(self.name), 90)

    @property
    def name(self) -> str:
        """Of its worker."""
        return f"worker-{self.pool}"

    def kill_worker(self) -> None:
        """As the machine's end would, between two runs: one under way would hold its place for a while."""
        busy = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
        which = {"work_pools": {"name": {"any_": [self.pool]}}, "flow_runs": busy}
        while self.stack.api.ask("POST", "flow_runs/filter", which):
            time.sleep(0.3)
        process = self.stack.services.started.pop(self.name)
        process.kill()
        process.wait()

    def deployment(self, name: str) -> str:
        """As it is called for its pool."""
        return name if self.pool == "headnode" else f"{name}-{self.pool}"

    def start(self, name: str) -> str:
        """A run of one of its deployments; its id."""
        return self.stack.api.start_run(self.deployment(name))

    def run(self, name: str) -> dict[str, Any]:
        """The same, once it has ended."""
        return self.wait(self.start(name))

    def wait(self, run_id: str) -> dict[str, Any]:
        """The run, once it has ended."""
        return self.stack.api.wait_for_run(run_id)

    def accounts(self) -> set[str]:
        """On its cluster."""
        which = ("show", "assoc", f"cluster={self.cluster.name}", "format=account")
        return set(self.cluster.run("sacctmgr", "-nP", *which).split())


def headnode(pool: str, home: Path, cluster: Cluster, market: Marketplace, stack: Stack) -> Headnode:
    """A folder as `cloudrock-slurm init` makes it, and settings."""
    home.mkdir()
    (home / "prefect").mkdir(mode=0o700)
    shutil.copy(ROOT / "prefect.yaml", home)
    shutil.copytree(ROOT / "deployments", home / "deployments")
    (home / "config-components.yaml").write_text(COMPONENTS)
    made = Headnode(pool, home, Site(cluster, market), stack)
    made.settle()
    return made


def without_settings() -> list[str]:
    """Variables of this process that no headnode may see."""
    return [name for name in os.environ if name.startswith(("CLOUDROCK_", "SLURM_", "SYNC_"))]


def next_runs(stack: Stack, deployment: dict[str, Any]) -> list[datetime]:
    """When a deployment's runs are to begin, first to last."""
    mine = {"deployment_id": {"any_": [deployment["id"]]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    body = {"flow_runs": mine, "sort": "NEXT_SCHEDULED_START_TIME_ASC"}
    runs = stack.api.ask("POST", "flow_runs/filter", body)
    return [datetime.fromisoformat(run["next_scheduled_start_time"]) for run in runs]
