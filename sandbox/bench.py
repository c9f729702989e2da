"""`make bench`: what our reads cost beside the bare commands that they need, as ratios of one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from allocations.billing import BillingPeriod
from allocations.usage import add_up, seconds_by_account, tres_seconds
from sandbox.inherited import environment as environment_here
from sandbox.slurm import Cluster, PastJob, SandboxError
from slurm_io.client import SLURM_ENVIRONMENT, Slurm, windows
from slurm_io.commands import show_associations, show_jobs
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slurm_io.commands import Command

FOLDER = Path(__file__).parents[1] / ".sandbox" / "bench-slurm"
ACCOUNTS = 20
USERS_EACH = 5
JOBS = 10_000
RUNS = 5
SPREAD = timedelta(days=10)
"""The jobs lie in so many days: one sacct for each."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Ours beside the bare commands: medians of several runs, taken in turn."""

    what: str
    bare_seconds: float
    our_seconds: float

    @property
    def ratio(self) -> float:
        """How many times the bare commands' time ours takes."""
        return self.our_seconds / self.bare_seconds


def bench() -> int:
    """Start a cluster, fill it, measure, stop it. The exit code."""
    console = Console()
    try:
        with Cluster(FOLDER) as cluster:
            console.print(f"{ACCOUNTS} allocations, {JOBS:,} jobs in {SPREAD.days} days")
            start = fill(cluster)
            rows = measure(cluster, start)
    except SandboxError as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    show(console, rows)
    return 0


def fill(cluster: Cluster) -> datetime:
    """Accounts with users, and last month's jobs; the moment from which these lie."""
    names = [f"bench_{number:03}" for number in range(ACCOUNTS)]
    users = [f"bench_user_{number}" for number in range(USERS_EACH)]
    cluster.run("sacctmgr", "-i", "add", "account", f"name={','.join(names)}")
    for name in names:
        cluster.run("sacctmgr", "-i", "add", "user", f"name={','.join(users)}", f"account={name}")
    month = BillingPeriod.containing(BillingPeriod.containing(datetime.now(UTC)).start - timedelta(days=1))
    cluster.insert_jobs(past_jobs(names, users, month.start))
    return month.start


def past_jobs(accounts: list[str], users: list[str], start: datetime) -> Iterator[PastJob]:
    """Jobs of many shapes, spread evenly; the same at every call."""
    for number in range(JOBS):
        begin = start + SPREAD * number / JOBS
        yield PastJob(
            account=accounts[number % len(accounts)],
            user=users[number % len(users)],
            start=begin.replace(microsecond=0),
            end=begin.replace(microsecond=0) + timedelta(seconds=60 + number * 7919 % 7200),
            tres={
                "cpu": 1 + number % 64,
                "mem": 1024 * (1 + number % 32),
                "node": 1,
                "billing": 1 + number % 64,
            },
        )


def measure(cluster: Cluster, start: datetime) -> list[Measured]:
    """Each of our reads in turn with the bare commands that it runs."""
    environment = {**environment_here(), **cluster.environment, **SLURM_ENVIRONMENT}
    slurm = Slurm(NativeRunner(environment))
    pieces = list(windows(start, start + SPREAD))

    def bare(*commands: Command) -> None:
        for command in commands:
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    def count() -> None:
        seconds_by_account(add_up(tres_seconds(slurm.fetch_jobs(*piece)) for piece in pieces))

    return [
        compared("observe the cluster / sacctmgr", lambda: bare(show_associations()), slurm.observe),
        compared("count the usage / sacct", lambda: bare(*(show_jobs(*piece) for piece in pieces)), count),
    ]


def compared(what: str, bare: Callable[[], object], ours: Callable[[], object]) -> Measured:
    """Medians over several runs in turn, after one of each that does not count."""
    bare_times, our_times = [], []
    for run in range(RUNS + 1):
        taken = (timed(bare), timed(ours))
        if run:
            bare_times.append(taken[0])
            our_times.append(taken[1])
    return Measured(what, statistics.median(bare_times), statistics.median(our_times))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(console: Console, rows: list[Measured]) -> None:
    """The table; medians of the runs."""
    table = Table("ours / bare", "bare, s", "ours, s", "ratio", title=f"medians of {RUNS} runs in turn")
    for row in rows:
        table.add_row(row.what, f"{row.bare_seconds:.3f}", f"{row.our_seconds:.3f}", f"{row.ratio:.2f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(bench())
