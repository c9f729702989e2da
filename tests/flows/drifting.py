"""A site whose drift a test can look at, by the flow and by the command line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.typed import typed

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from prefect.client.schemas.objects import State


@dataclass(frozen=True)
class Drifting:
    """A site with account prefixes of its own: the cluster is shared, and drift looks at all of it."""

    site: Any
    folder: Path

    def settled(self, name: str) -> tuple[str, dict[str, Any]]:
        """An allocation that a pull has carried out: account and resource."""
        item = self.site.order(name)
        assert self.site.pull().message.endswith("1 order: 1 done")
        resource = self.site.resource(item)
        return resource["backend_id"], resource

    def change(self, *command: str) -> None:
        """What an administrator does by hand."""
        self.site.cluster.run("sacctmgr", "-i", *command)

    def check(self) -> State[Any]:
        """One run of check-drift; its final state."""
        from flows.drift import check_drift  # noqa: PLC0415

        state: State[Any] = check_drift(return_state=True)
        return state

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`cloudrock-slurm`, as a person starts it."""
        from prefect.settings import get_current_settings  # noqa: PLC0415

        server = {"PREFECT_API_URL": get_current_settings().api.url or ""}
        return typed(*arguments, environment={**os.environ, **server}, folder=self.folder)

    def findings(self) -> dict[str, dict[str, Any]]:
        """Kind to the one finding of it, as --json tells."""
        done = self.command("drift", "--json")
        assert done.returncode in (0, 3), done.stderr
        report = json.loads(done.stdout)
        assert (done.returncode == 3) == bool(report["findings"])
        found = {finding["kind"]: finding for finding in report["findings"]}
        assert len(found) == len(report["findings"]), report
        return found


@pytest.fixture
def drifting(site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Drifting:
    """A site with account prefixes of its own: the cluster is shared, and drift looks at all of it."""
    prefix = f"d{site.marketplace.offering_uuid[:6]}_"
    for whose in ("CUSTOMER", "PROJECT", "ALLOCATION"):
        monkeypatch.setenv(f"SLURM_{whose}_PREFIX", prefix)
    return Drifting(site, tmp_path)
