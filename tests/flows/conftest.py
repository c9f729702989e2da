"""A real Prefect server for the flows, the sandbox's cluster, and a marketplace of each test's own."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.cloudrock import Marketplace
from tests.own_folder import PEOPLE, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefect.client.schemas.objects import State

    from sandbox.slurm import Cluster


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all tests; flows that run in the test's process report to it."""
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415 - fast tests do without

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def populated(cluster: Cluster) -> Cluster:
    """The cluster with the operating-system users of the marketplace's demo project."""
    cluster.add_people(*PEOPLE)
    return cluster


@pytest.fixture
def marketplace() -> Iterator[Marketplace]:
    """A marketplace of this test's own."""
    with Marketplace(people_suffix=SUFFIX) as running:
        yield running


@dataclass(frozen=True)
class Site:
    """A headnode as a test sees it: the agent's settings point at these two."""

    cluster: Cluster
    marketplace: Marketplace

    def order(self, name: str, **how: Any) -> str:
        """An approved order whose resource is made; the order item's uuid."""
        item = self.marketplace.place_order(name, **how)
        self.marketplace.office.run_worker()
        return item

    def item(self, uuid: str) -> dict[str, Any]:
        """The order item as the provider sees it."""
        return self.get(f"marketplace-order-items/{uuid}/")

    def resource(self, item: str) -> dict[str, Any]:
        """The resource of an order item."""
        return self.get(f"marketplace-resources/{self.item(item)['marketplace_resource_uuid']}/")

    def get(self, path: str, actor: str = "staff") -> Any:
        """One GET."""
        import httpx  # noqa: PLC0415

        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        answer = httpx.get(self.marketplace.api_url + path, headers=headers, timeout=30)
        return answer.raise_for_status().json()

    def set_backend_id(self, resource: str, text: str) -> None:
        """What anybody who owns the resource in the portal can do."""
        import httpx  # noqa: PLC0415

        url = f"{self.marketplace.api_url}marketplace-resources/{resource}/set_backend_id/"
        headers = {"Authorization": f"token {self.marketplace.tokens['staff']}"}
        httpx.post(url, json={"backend_id": text}, headers=headers, timeout=30).raise_for_status()

    def open_periods(self, item: str) -> list[dict[str, Any]]:
        """The open plan periods of an order item's resource."""
        uuid = self.item(item)["marketplace_resource_uuid"]
        return [p for p in self.get(f"marketplace-resources/{uuid}/plan_periods/") if p["end"] is None]

    def accounts(self) -> dict[str, tuple[str, str]]:
        """Account to parent and limits, as sacctmgr shows them."""
        text = self.cluster.run(
            "sacctmgr", "-nP", "show", "assoc", "format=account,user,parentname,grptresmins"
        )
        rows = [line.split("|") for line in text.splitlines()]
        return {account: (parent, limits) for account, user, parent, limits in rows if not user}

    def users(self, account: str) -> set[str]:
        """Who has an association with the account."""
        text = self.cluster.run("sacctmgr", "-nP", "show", "assoc", f"account={account}", "format=user")
        return {line for line in text.splitlines() if line}

    def writes(self) -> int:
        """How many changes slurmdbd has recorded so far."""
        return len(self.cluster.run("sacctmgr", "-nP", "show", "transactions").splitlines())

    def pull(self) -> State[Any]:
        """One run of pull-orders; its final state."""
        from flows.pull import pull_orders  # noqa: PLC0415

        state: State[Any] = pull_orders(return_state=True)
        return state

    def push(self, period: str | None = None, **how: Any) -> State[Any]:
        """One run of push-usage; its final state."""
        from flows.push import push_usage  # noqa: PLC0415

        state: State[Any] = push_usage(period, return_state=True, **how)
        return state

    def push_at(self, moment: str, theirs: str | None = None, **how: Any) -> State[Any]:
        """A run of push-usage at another time, by its own clock and by the marketplace's; its final state.

        `theirs`: where the marketplace's clock says something else.
        """
        from prefect import flow  # noqa: PLC0415

        from allocations.backfilling import parse_range  # noqa: PLC0415
        from flows.backfill import Wish  # noqa: PLC0415
        from flows.calm import calmly  # noqa: PLC0415
        from flows.push import push  # noqa: PLC0415

        now = datetime.fromisoformat(moment)
        self.marketplace.office.set_clock(theirs or now)

        @flow(name="push-usage")
        def at_that_time() -> State[Any]:
            period = how.pop("period", "")
            refresh = how.pop("refresh", False)
            wish = Wish(months=parse_range(period) if period else (), **how)
            return calmly(lambda: push(wish, now, refresh=refresh), logging.getLogger("test"))

        state: State[Any] = at_that_time(return_state=True)
        return state

    def rows(self, item: str) -> dict[tuple[str, str], int]:
        """Month and component to what the marketplace holds, over all plan periods."""
        found: dict[tuple[str, str], int] = {}
        for row in self.marketplace.office.usages(self.resource(item)["uuid"]):
            key = str(row["month"]), str(row["type"])
            found[key] = found.get(key, 0) + int(str(row["amount"]))
        return found

    def user_usage(self, item: str, month: str) -> dict[str, tuple[int, int, int]]:
        """User to cpu, gpu and ram of the month, in the per-user table."""
        year, number = month.split("-")
        allocation = self.resource(item)["resource_uuid"]
        query = f"allocation_uuid={allocation}&year={year}&month={int(number)}"
        rows = self.get(f"slurm-allocation-user-usage/?{query}")
        return {row["username"]: (row["cpu_usage"], row["gpu_usage"], row["ram_usage"]) for row in rows}

    def associated(self, item: str) -> set[str]:
        """Who is associated with the allocation in the marketplace."""
        allocation = self.resource(item)["resource_uuid"]
        rows = self.get(f"slurm-associations/?allocation_uuid={allocation}")
        return {row["username"] for row in rows}

    def usage(self, item: str) -> dict[str, int]:
        """What the marketplace holds for an order item's resource."""
        uuid = self.item(item)["marketplace_resource_uuid"]
        rows = self.get(f"marketplace-component-usages/?resource_uuid={uuid}")
        return {row["type"]: row["usage"] for row in rows}


COMPONENTS = """\
cpu: {limit: 600, measured_unit: minutes, accounting_type: usage, label: CPU}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU}
mem: {limit: 614400, measured_unit: MB-minutes, accounting_type: usage, label: RAM}
"""


@pytest.fixture
def site(
    populated: Cluster,
    marketplace: Marketplace,
    prefect_server: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """A headnode with settings, in a folder of its own; nothing of the developer's environment leaks in."""
    del prefect_server
    for name in os.environ:
        if name.startswith(("CLOUDROCK_", "SLURM_")):
            monkeypatch.delenv(name)
    (tmp_path / "config-components.yaml").write_text(COMPONENTS)
    settings = {
        **populated.environment,
        "CLOUDROCK_API_URL": marketplace.api_url,
        "CLOUDROCK_API_TOKEN": marketplace.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": marketplace.offering_uuid,
        "SLURM_DEPLOYMENT_TYPE": "native",
        "SYNC_RECONCILE": "off",  # inserted jobs are in no rollup, unless a test makes one
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return Site(populated, marketplace)
