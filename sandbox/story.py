"""The demo's story: an order, the accounts made for it, two jobs, and their usage in the marketplace."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from rich.table import Table
from rich.tree import Tree

from allocations.billing import amount_of
from sandbox.cloudrock.customer import Customer
from sandbox.slurm import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from sandbox.stack import Stack

ALLOCATION = "Protein folding"
JOBS = (
    {"seconds": 6, "cpus": 40, "gpus": 8},
    {"seconds": 9, "cpus": 20, "gpus": 6},
)
"""Short and wide, so that seconds of waiting make minutes of usage."""
COMPARED = ("cpu", "gres/gpu", "mem")


@dataclass(slots=True)
class Story:
    """One telling of it, on a running stack."""

    stack: Stack
    console: Console
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A part of the story: says what it does and how long it took; a failure names it."""
        start = time.monotonic()
        self.console.print(f"[bold]{what}[/] ...", highlight=False)
        try:
            yield
        except (SandboxError, httpx.HTTPError, LookupError) as error:
            ended = self.stack.services.ended()
            raise SandboxError(
                f"{what}: {error}" + (f"; ended meanwhile: {ended}" if ended else "")
            ) from None
        self.console.print(f"  [dim]{time.monotonic() - start:.1f} s[/]", highlight=False)

    @property
    def customer(self) -> Customer:
        """Who orders, and the provider's owner."""
        return Customer(self.stack.market)

    def tell(self) -> None:
        """The whole story; a SandboxError says where it went wrong."""
        with self.step("A customer orders an allocation, the provider approves it"):
            item = self.place_order()
        with self.step("pull-orders makes it real on the cluster (a Prefect run on the headnode work pool)"):
            self.run("pull-orders/every-2-minutes")
            order = self.customer.item(item)
            resource_uuid = order.get("marketplace_resource_uuid", "")
            resource = self.customer.call("provider_owner", "GET", f"marketplace-resources/{resource_uuid}/")
            if (order["state"], resource["state"]) != ("done", "OK"):
                raise SandboxError(f"the order is {order['state']} and its resource {resource['state']}")
        self.show_order(order, resource)
        with self.step(f"{self.stack.person} runs two jobs under it"):
            jobs = self.run_jobs(resource["backend_id"])
        self.show_jobs(jobs)
        with self.step("push-usage reports what they used (a Prefect run again)"):
            self.run("push-usage/hourly")
        with self.step("slurmdbd sums up its own books"):
            books = self.books(resource["backend_id"])
        self.show_usage(books, self.customer.usage(resource["uuid"]))

    def run(self, deployment: str) -> None:
        """One run of a deployment through the work pool; its final message, or why it failed."""
        run = self.stack.api.run(deployment)
        message = run["state"].get("message") or ""
        if run["state_type"] != "COMPLETED":
            raise SandboxError(f"the run {run['name']} ended as {run['state_name']}: {message}")
        self.console.print(f"  {run['name']}: {message}", highlight=False, markup=False)

    def place_order(self) -> str:
        """As a member of the project orders in the portal; uuid of the order item once it is executing."""
        return self.customer.order(ALLOCATION)

    def run_jobs(self, account: str) -> list[dict[str, str]]:
        """Submit both, wait until slurmdbd has them completed, and give what sacct says of them."""
        cluster = self.stack.cluster
        numbers = [cluster.submit(user=self.stack.person, account=account, **job) for job in JOBS]
        for number in numbers:
            state = cluster.wait_for_job(number)
            if state != "COMPLETED":
                raise SandboxError(f"job {number} ended as {state}")
        fields = ("jobidraw", "user", "account", "alloctres", "elapsedraw", "state")
        listed = ",".join(map(str, numbers))
        text = cluster.run(
            "sacct", "-nPXD", "--allusers", "--noconvert", "-j", listed, "-o", ",".join(fields)
        )
        return [dict(zip(fields, line.split("|"), strict=True)) for line in text.splitlines()]

    def books(self, account: str) -> dict[str, int]:
        """TRES-seconds of the account in slurmdbd's own hourly rollup, made now."""
        now = datetime.now(UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        start = max(hour - timedelta(hours=1), hour.replace(day=1, hour=0))
        self.stack.cluster.rollup(start, hour + timedelta(hours=1))
        rows = self.stack.cluster.usage_from_rollup(account, start, hour + timedelta(hours=1))
        totals: dict[str, int] = {}
        for (_, tres), seconds in rows.items():
            totals[tres] = totals.get(tres, 0) + seconds
        return totals

    def show_order(self, order: dict[str, Any], resource: dict[str, Any]) -> None:
        """The order and the accounts that it became."""
        self.console.print(
            f"  order {order['uuid']}: [green]{order['state']}[/], resource {resource['state']}"
        )
        text = self.stack.cluster.run(
            "sacctmgr", "-nP", "show", "assoc", "format=account,user,parentname,grptresmins"
        )
        rows = [line.split("|") for line in text.splitlines()]
        root = Tree("root (SLURM)")
        nodes = {"root": root}
        managed = [row for row in rows if row[0].startswith("hpc_")]
        for account, _, parent, limits in (row for row in managed if not row[1]):
            label = f"[bold]{account}[/]" + (f"  {limits}" if limits else "")
            nodes[account] = nodes.get(parent, root).add(label)
        for account, user, _, _ in (row for row in managed if row[1]):
            nodes[account].add(f"user {user}")
        self.console.print(root, highlight=False)

    def show_jobs(self, jobs: list[dict[str, str]]) -> None:
        """What sacct says of the jobs."""
        table = Table("job", "user", "allocated", "seconds", "state")
        for job in jobs:
            shown = [pair for pair in job["alloctres"].split(",") if pair.split("=")[0] in COMPARED]
            table.add_row(job["jobidraw"], job["user"], " ".join(shown), job["elapsedraw"], job["state"])
        self.console.print(table)

    def show_usage(self, books: dict[str, int], held: dict[str, int]) -> None:
        """Cloudrock beside slurmdbd: the demo fails when they differ."""
        table = Table("component", "slurmdbd, TRES-seconds", "in minutes", "in Cloudrock", "equal")
        differing = []
        for tres in COMPARED:
            seconds = books.get(tres, 0)
            minutes = amount_of(seconds, unit_factor=1)
            same = seconds > 0 and held.get(tres) == minutes
            table.add_row(
                tres,
                f"{seconds:,}",
                f"{seconds / 60:,.2f}",
                f"{held.get(tres, 0):,}",
                "yes" if same else "NO",
            )
            if not same:
                differing.append(tres)
        self.console.print(table)
        if differing:
            raise SandboxError(f"Cloudrock and slurmdbd differ in {', '.join(differing)}")
