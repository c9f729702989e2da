"""`make bench`: what our reads cost beside the bare commands that they need, as ratios of one run.

`python -m sandbox.bench [--allocations N] [--jobs N] [--old-python PYTHON] [--rollup]`
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from allocations.hours import HOUR, days_of
from allocations.usage import tres_seconds
from sandbox.bench.filling import Size, fill, last_month
from sandbox.bench.timing import Taken, run, run_all
from sandbox.inherited import environment as environment_here
from sandbox.slurm import Cluster, SandboxError
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.commands import show_associations, show_jobs
from slurm_io.commands_books import show_account_usage
from slurm_io.parsing_jobs import parse_jobs
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from allocations.billing import BillingPeriod
    from allocations.reconcile import Seconds
    from slurm_io.commands import Command

FOLDER = Path(__file__).parents[2] / ".sandbox" / "bench-slurm"
OLD_PARSER = Path(__file__).with_name("old_parser.py")
OLD_SETTINGS = {
    **{f"WALDUR_{name}": "https://x/" for name in ("API_URL", "API_TOKEN", "OFFERING_UUID")},
    "WALDUR_SYNC_DIRECTION": "pull",
    "SLURM_CONTAINER_NAME": "x",
}
OLD_COMPONENTS = "".join(
    f"{tres}: {{limit: 1, measured_unit: x, unit_factor: 1, accounting_type: usage, label: x}}\n"
    for tres in ("cpu", "gres/gpu", "mem")
)
SAMPLE = 10
"""So many allocations are read in the old pattern; the others are taken to cost the same."""
PARSED = 300_000
"""Job records that the two parsers are given, at least."""


@dataclass(slots=True)
class Bench:
    """One run on one cluster; every figure is from the same month of jobs."""

    cluster: Cluster
    size: Size
    period: BillingPeriod
    environment: dict[str, str]
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def row(self, what: str, ours: float, other: float, ratio: str = "") -> None:
        """Ours, the other, and how many times the other's time ours takes."""
        self.rows.append((what, f"{ours:.2f}", f"{other:.2f}", ratio or f"{ours / other:.2f}"))

    def month(self, folder: Path) -> tuple[Taken, Any]:
        """One count in a process of its own."""
        command = (sys.executable, "-m", "sandbox.bench.counting", str(folder), str(self.period))
        taken = run(command, self.environment, keep=True)
        return taken, json.loads(taken.printed)

    def observing(self) -> None:
        """All associations."""
        slurm = Slurm(NativeRunner(self.environment))
        bare = min(run(show_associations(), self.environment).seconds for _ in range(3))
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            slurm.observe()
            times.append(time.perf_counter() - begun)
        self.row("observe the cluster / bare sacctmgr", min(times), bare)

    def counting(self) -> Seconds:
        """A cold month, the hourly run after it, and the bare commands; what was counted."""
        days = list(days_of(self.period.start, self.period.end))
        whole = run(show_jobs(self.period.start, self.period.end), self.environment)
        daily = run_all((show_jobs(*day) for day in days), self.environment)
        books = run(
            show_account_usage(self.period.start, self.period.end, ["cpu", "mem", "gres/gpu"]),
            self.environment,
        )
        with tempfile.TemporaryDirectory() as name:
            cold_process, cold = self.month(Path(name))
            warm_process, warm = self.month(Path(name))
            kept = sum(path.stat().st_size for path in Path(name).rglob("*.parquet")) / 1e6
        if (warm["fingerprint"], warm["totals"]) != (cold["fingerprint"], cold["totals"]):
            raise SandboxError("the hourly run counted something else than the cold one")
        cold_seconds, warm_seconds = cold["seconds"], warm["seconds"]
        self.row("a cold month / one bare sacct of it", cold_seconds, whole.seconds)
        self.row("a cold month / bare sacct day by day", cold_seconds, daily.seconds)
        self.row("the hourly run / the cold month", warm_seconds, cold_seconds)
        old = self.old_pattern()
        self.row("a cold month / one sacct per allocation", cold_seconds, old)
        self.row("the hourly run / one sacct per allocation", warm_seconds, old)
        self.row("peak memory, MB: cold / hourly", cold_process.megabytes, warm_process.megabytes)
        self.row(
            "peak memory, MB (one sacct of the month: the other)", cold_process.megabytes, whole.megabytes
        )
        self.row("sreport of the month, s; the store, MB", books.seconds, kept, "-")
        totals: Seconds = cold["totals"]
        return totals

    def old_pattern(self) -> float:
        """Seconds of the old agents' own question, allocation by allocation."""
        accounts = self.size.accounts[:: max(1, self.size.allocations // SAMPLE)][:SAMPLE]
        bounds = (f"--starttime={self.period.start:%Y-%m-%d}", f"--endtime={self.period.end:%Y-%m-%d}")
        fixed = ("--parsable2", "--noheader", "--noconvert", "--truncate", "--allocations", "--allusers")
        fields = "--format=Account,ReqTRES,Elapsed,User"
        commands = (("sacct", *fixed, *bounds, f"--accounts={name}", fields) for name in accounts)
        return run_all(commands, self.environment).seconds * self.size.allocations / len(accounts)

    def parsing(self, old_python: str) -> None:
        """Jobs per second of CPU time of both parsers, on the same jobs."""
        bounds = (self.period.start, min(self.period.end, self.period.start.replace(day=6)))
        text = run(show_jobs(*bounds), self.environment, keep=True).printed
        times = max(1, PARSED // max(1, text.count("\n")))
        begun = time.process_time()
        for _ in range(times):
            tres_seconds(parse_jobs(text))
        ours = times * text.count("\n") / (time.process_time() - begun)
        old_text = self.sacct("--format=Account,ReqTRES,Elapsed,User", *bounds) * times
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(old_text)
            file.flush()
            components = Path(f"{file.name}.yaml")
            components.write_text(OLD_COMPONENTS)
            environment = {**self.environment, **OLD_SETTINGS, "SLURM_TRES_CONFIG_PATH": str(components)}
            for how, words in ((), "as it is"), (("quiet",), "logging switched off"):
                taken = run((old_python, str(OLD_PARSER), file.name, *how), environment, keep=True)
                old = old_text.count("\n") / float(taken.printed.split()[-1])
                self.row(
                    f"jobs parsed and added up per CPU second: ours / the old agents', {words}", ours, old
                )
            components.unlink()

    def sacct(self, fields: str, *bounds: object) -> str:
        """The old agents' question about all accounts at once."""
        start, end = (f"{moment:%Y-%m-%d}" for moment in bounds)
        fixed = ("--parsable2", "--noheader", "--noconvert", "--truncate", "--allocations", "--allusers")
        command: Command = ("sacct", *fixed, f"--starttime={start}", f"--endtime={end}", fields)
        return run(command, self.environment, keep=True).printed

    def rollup(self, totals: Seconds) -> None:
        """Slurmdbd's own sums of the month but its last hour beside ours: the difference in TRES-seconds."""
        begun = time.perf_counter()
        for day in days_of(self.period.start, self.period.end):
            self.cluster.rollup(*day)
        taken = time.perf_counter() - begun
        books: dict[str, dict[str, int]] = {}
        found = self.cluster.books_from_rollup(self.period.start, self.period.end - HOUR)
        for (account, _, tres), seconds in found.items():
            row = books.setdefault(account, {})
            row[tres] = row.get(tres, 0) + seconds
        keys = {(account, tres) for side in (totals, books) for account, row in side.items() for tres in row}
        apart = sum(abs(totals.get(a, {}).get(t, 0) - books.get(a, {}).get(t, 0)) for a, t in keys)
        what = f"TRES-seconds apart from slurmdbd's rollup in {len(keys)} sums; the rollup, s"
        self.rows.append((what, str(apart), f"{taken:.0f}", "-"))


def main() -> int:
    """Start a cluster, fill it, measure, stop it. The exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.bench", description=__doc__)
    parser.add_argument("--allocations", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=61_000)
    parser.add_argument("--old-python", help="a Python that has waldur-slurm-agent: compare the parsers")
    parser.add_argument("--rollup", action="store_true", help="let slurmdbd sum the month up, and compare")
    asked = parser.parse_args()
    console = Console()
    size, period = Size(asked.allocations, asked.jobs), last_month()
    try:
        with Cluster(FOLDER) as cluster:
            console.print(f"{size.allocations} allocations, {size.jobs:,} jobs in {period}")
            fill(cluster, size, period)
            rows = measure(cluster, size, period, asked)
    except SandboxError as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    table = Table("ours / other", "ours", "other", "ratio")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return 0


def measure(
    cluster: Cluster, size: Size, period: BillingPeriod, asked: argparse.Namespace
) -> list[tuple[str, str, str, str]]:
    """All figures of one filled cluster."""
    environment = {**environment_here(), **cluster.environment, **SLURM_ENVIRONMENT}
    bench = Bench(cluster, size, period, environment)
    bench.observing()
    totals = bench.counting()
    if asked.old_python:
        bench.parsing(asked.old_python)
    if asked.rollup:
        bench.rollup(totals)
    return bench.rows


if __name__ == "__main__":
    sys.exit(main())
