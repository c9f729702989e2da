"""`make bench`, the pull's half: a run beside bare sacctmgr, and how it grows with the allocations."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from rich.console import Console
from rich.table import Table

from sandbox.cloudrock.ordering import order_body
from sandbox.inherited import environment as environment_here
from sandbox.large_site import add_allocations
from sandbox.slurm import SandboxError
from sandbox.stack import CHECKOUT, PEOPLE, Stack
from slurm_io.commands import show_associations, show_default_accounts, show_organizations

if TYPE_CHECKING:
    from collections.abc import Callable

    from slurm_io.commands import Command

FOLDER = CHECKOUT / ".sandbox" / "bench-pull"
SIZES = (10, 100, 500)
ORDERS = 20
RUNS = 3
SAMPLE = 20
"""Allocations over which the old agents' pattern is measured; it is the same for each."""
OLD_PATTERN = (
    ("account", "format=account,description"),
    ("association", "format=account,parentname"),
    ("association", "format=account,user"),
    ("association", "format=account,grptresmins"),
)
"""Four sacctmgr calls for each allocation: the account, its parent, its users, its limits."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """A site where nothing has changed, at one size; seconds are medians."""

    allocations: int
    bare_seconds: float
    plan_seconds: float
    pull_seconds: float
    old_seconds: float
    sacctmgr_calls: int
    api_requests: int


class PullBench:
    """One cluster, one marketplace, one Prefect server, and ever more allocations."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.market = stack.market
        self.users = [f"{name}{stack.suffix}" for name in PEOPLE]
        self.count = 0
        self.log = stack.folder / "sacctmgr.log"
        self.environment = {**environment_here(), **stack.agent_environment(), "COLUMNS": "200"}

    def grow(self, size: int) -> None:
        """Up to so many allocations at rest."""
        add_allocations(
            self.stack.cluster,
            self.stack.office,
            self.market,
            self.market["tokens"]["provider_owner"],
            count=size - self.count,
            users=self.users,
            folder=self.stack.folder,
        )
        self.count = size

    def quiet(self) -> Quiet:
        """What a run costs when nothing has changed."""
        reads = (show_associations(), show_organizations(), show_default_accounts())
        self.stack.office.clear_requests()
        calls = self.counted_calls()
        requests = self.stack.office.requests()
        return Quiet(
            self.count,
            median(lambda: self.bare(*reads)),
            median(lambda: self.ours("plan", "--json")),
            median(lambda: self.ours("pull", "--once")),
            self.old_pattern() * self.count / SAMPLE,
            calls,
            len(requests) if isinstance(requests, list) else 0,
        )

    def counted_calls(self) -> int:
        """The sacctmgr processes of one pull: a program of that name, first on PATH, notes each."""
        folder = self.stack.folder / "counting"
        folder.mkdir(exist_ok=True)
        program = folder / "sacctmgr"
        real = subprocess.run(["sh", "-c", "command -v sacctmgr"], capture_output=True, text=True, check=True)
        program.write_text(f'#!/bin/sh\necho >> {self.log}\nexec {real.stdout.strip()} "$@"\n')
        program.chmod(0o755)
        self.log.write_text("")
        path = f"{folder}:{self.environment['PATH']}"
        self.ours("pull", "--once", environment={**self.environment, "PATH": path})
        return len(self.log.read_text().splitlines())

    def orders(self) -> tuple[float, float]:
        """Seconds for one new order: ours, a pull of many less a quiet one; and the bare commands'."""
        quiet = self.ours("pull", "--once")
        for number in range(ORDERS):
            self.place(f"bench {number}")
        self.stack.office.run_worker()
        ours = (self.ours("pull", "--once") - quiet) / ORDERS
        project = f"hpc_{self.market['project_uuid']}"
        began = time.perf_counter()
        for number in range(ORDERS):
            self.bare(*bare_order(f"hpc_bare{number}", project, self.users))
        return ours, (time.perf_counter() - began) / ORDERS

    def place(self, name: str) -> None:
        """One approved order."""
        api, tokens = self.market["api_url"], self.market["tokens"]
        body = order_body(
            api,
            offering=self.market["offering_uuid"],
            project=self.market["project_uuid"],
            name=name,
            plan=self.market["plan_uuid"],
        )
        item = post(f"{api}marketplace-orders/", tokens["customer_owner"], body)["items"][0]["uuid"]
        post(f"{api}marketplace-order-items/{item}/approve/", tokens["provider_owner"])

    def ours(self, *words: str, environment: dict[str, str] | None = None) -> float:
        """Seconds of one `cloudrock-slurm WORDS`, its start included."""
        argv = (sys.executable, "-m", "cloudrock_slurm.main", *words)
        began = time.perf_counter()
        done = subprocess.run(
            argv,
            env=environment or self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SandboxError(
                f"`cloudrock-slurm {' '.join(words)}`: {done.stdout[-500:]}{done.stderr[-500:]}"
            )
        return time.perf_counter() - began

    def bare(self, *commands: Command) -> None:
        """The commands alone."""
        for command in commands:
            subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, check=True)

    def old_pattern(self) -> float:
        """Seconds of the old agents' reads over a sample of allocations."""
        began = time.perf_counter()
        for number in range(SAMPLE):
            for what, columns in OLD_PATTERN:
                self.bare(("sacctmgr", "-nP", "show", what, "where", f"account=hpc_{number}", columns))
        return time.perf_counter() - began


def bare_order(account: str, project: str, users: list[str]) -> tuple[Command, ...]:
    """The two writes that one order needs."""
    place = (f"name={account}", f"parent={project}", "GrpTRESMins=cpu=600")
    return (
        ("sacctmgr", "-i", "add", "account", *place),
        ("sacctmgr", "-i", "add", "user", f"name={','.join(users)}", f"account={account}"),
    )


def post(url: str, token: str, body: object = None) -> dict[str, list[dict[str, str]]]:
    """One call of the stand-in as one of its people."""
    answer = httpx.post(url, json=body, headers={"Authorization": f"token {token}"}, timeout=60)
    answer.raise_for_status()
    loaded: dict[str, list[dict[str, str]]] = answer.json() if answer.content else {}
    return loaded


def median(work: Callable[[], object]) -> float:
    """Seconds of wall time, the median of several runs."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def bench(sizes: tuple[int, ...] = SIZES) -> int:
    """Start what is needed, measure at each size, stop it. The exit code."""
    console = Console()
    stack = Stack(FOLDER)
    try:
        stack.prepare()
        site = PullBench(stack)
        rows = []
        for size in sizes:
            site.grow(size)
            rows.append(site.quiet())
        show(console, rows, *site.orders())
    except SandboxError as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    finally:
        stack.stop()
    return 0


def show(console: Console, rows: list[Quiet], our_order: float, bare_order_seconds: float) -> None:
    """The tables."""
    table = Table(title=f"a pull without changes: seconds, medians of {RUNS}")
    for heading in ("n", "bare", "plan", "pull", "old", "old / pull", "sacctmgr", "API"):
        table.add_column(heading, justify="right")
    for row in rows:
        figures = (row.bare_seconds, row.plan_seconds, row.pull_seconds, row.old_seconds)
        table.add_row(
            f"{row.allocations}",
            *(f"{figure:.2f}" for figure in figures),
            f"{row.old_seconds / row.pull_seconds:.1f}",
            f"{row.sacctmgr_calls}",
            f"{row.api_requests}",
        )
    console.print(table)
    console.print(
        "n: allocations. bare: the three sacctmgr reads alone. plan, pull: `cloudrock-slurm plan` and "
        "`pull --once`, their start included.\nold: four sacctmgr reads for each allocation, as the old "
        "agents make them. sacctmgr: processes of one pull. API: its requests.",
        highlight=False,
    )
    ratio = our_order / bare_order_seconds
    console.print(
        f"one new order of {ORDERS}: {our_order:.2f} s, its two bare sacctmgr commands "
        f"{bare_order_seconds:.2f} s, ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    sys.exit(bench())
