"""A headnode as a test sees it."""

from __future__ import annotations

import logging
import os
import pwd
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.cloudrock.ordering import order_body
from tests.own_folder import PEOPLE, ROOT, person
from tests.typed import typed

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from sandbox.cloudrock import Marketplace
    from sandbox.slurm import Cluster


COMPONENTS = """\
cpu: {limit: 600, measured_unit: minutes, accounting_type: usage, label: CPU}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU}
mem: {limit: 614400, measured_unit: MB-minutes, accounting_type: usage, label: RAM}
"""


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

    def allocation(self, name: str, **how: Any) -> str:
        """An allocation that a pull has made real; the order item's uuid."""
        item = self.order(name, **how)
        self.pull()
        assert self.item(item)["state"] == "done", self.item(item)
        return item

    def ask_for(self, what: str, item: str, body: Any = None, *, approve: bool = True) -> str:
        """Order `terminate` or `switch_plan` of an item's resource; the new order item's uuid."""
        resource = self.item(item)["marketplace_resource_uuid"]
        self.post(f"marketplace-resources/{resource}/{what}/", "customer_owner", body)
        new = self.newest_item(resource)
        if approve:
            self.approve(new)
        return new

    def update(self, item: str, limits: dict[str, Any]) -> str:
        """An approved order of other limits; the new order item's uuid."""
        resource = self.item(item)["marketplace_resource_uuid"]
        new = str(self.marketplace.office.insert_update_order(resource, limits))
        self.approve(new)
        return new

    def approve(self, item: str) -> None:
        """As the provider's owner does in the portal; the marketplace's worker does its part."""
        self.post(f"marketplace-order-items/{item}/approve/", "provider_owner")
        self.marketplace.office.run_worker()

    def newest_item(self, resource: str) -> str:
        """The last order item of a resource."""
        rows = self.get(f"marketplace-order-items/?resource_uuid={resource}&page_size=300")
        return str(rows[-1]["uuid"])

    def post(self, path: str, actor: str = "staff", body: Any = None) -> Any:
        """One POST."""
        import httpx  # noqa: PLC0415

        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        answer = httpx.post(self.marketplace.api_url + path, json=body, headers=headers, timeout=30)
        return answer.raise_for_status()

    def allocation_state(self, item: str) -> str:
        """The state of the SLURM allocation behind an order item."""
        return str(self.marketplace.office.state_of(item)["allocation_state"])

    def limited(self, *types: str) -> None:
        """Let the offering and the components file bill these types by limit."""
        from pathlib import Path  # noqa: PLC0415

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
        Path("config-components.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def people(self) -> frozenset[str]:
        """The team of the demo project."""
        return PEOPLE

    @property
    def provider_customer(self) -> str:
        """The provider's organisation."""
        offering = self.get(f"marketplace-public-offerings/{self.marketplace.offering_uuid}/")
        return str(offering["customer_uuid"])

    def records(self, account: str) -> list[dict[str, str]]:
        """What slurmdbd keeps of an account's jobs."""
        fields = ("jobidraw", "user", "elapsedraw", "state")
        text = self.cluster.run(
            "sacct", "-nPXDa", "-S", "now-1day", f"--accounts={account}", f"--format={','.join(fields)}"
        )
        return [dict(zip(fields, line.split("|"), strict=True)) for line in text.splitlines()]

    @property
    def environment(self) -> dict[str, str]:
        """For a process of its own: the settings, and the tests' Prefect server."""
        from prefect.settings import get_current_settings  # noqa: PLC0415

        url = str(get_current_settings().api.url)
        return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "400", "PREFECT_API_URL": url}

    def artifact(self, key: str) -> list[dict[str, Any]]:
        """The rows of the newest version of a table artifact."""
        import json  # noqa: PLC0415

        import httpx  # noqa: PLC0415

        url = f"{self.environment['PREFECT_API_URL']}/artifacts/{key}/latest"
        rows = httpx.get(url, timeout=30).raise_for_status().json()["data"]
        found: list[dict[str, Any]] = json.loads(rows)
        return found

    def unapproved_order(self, name: str) -> str:
        """An order of a project's member, which nobody has approved; the order item's uuid."""
        body = order_body(
            self.marketplace.api_url,
            offering=self.marketplace.offering_uuid,
            project=self.marketplace.project_uuid,
            name=name,
            plan=self.marketplace.plan_uuid,
        )
        return str(self.post("marketplace-orders/", "project_user1", body).json()["items"][0]["uuid"])

    def command(self, *words: str) -> tuple[int, str, str]:
        """`cloudrock-slurm WORDS` here: its exit code, what it prints, and what it complains about."""
        done = typed(*words, environment=self.environment)
        return done.returncode, done.stdout, done.stderr

    def default_account(self, user: str) -> str:
        """A user's default account; empty when the cluster does not know him."""
        text = self.cluster.run("sacctmgr", "-nP", "show", "user", "format=user,defaultaccount")
        return dict(line.split("|") for line in text.splitlines()).get(user, "")

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

    def all_users(self) -> set[str]:
        """Everybody whom the cluster knows."""
        return set(self.cluster.run("sacctmgr", "-nP", "show", "user", "format=user").splitlines())

    def someone(self, account: str) -> str:
        """An OS user who may run jobs under the account: a member, or without root whoever runs the tests."""
        if os.geteuid() == 0:
            return person("ada")
        me = pwd.getpwuid(os.geteuid()).pw_name
        self.cluster.run("sacctmgr", "-i", "add", "user", me, f"account={account}")
        return me

    def writes(self) -> int:
        """How many changes slurmdbd has recorded so far."""
        return len(self.cluster.run("sacctmgr", "-nP", "show", "transactions").splitlines())

    def pull(self, **parameters: bool) -> State[Any]:
        """One run of pull-orders; its final state."""
        from flows.pull import pull_orders  # noqa: PLC0415

        state: State[Any] = pull_orders(**parameters, return_state=True)
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
