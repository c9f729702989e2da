"""What something costs: its own time, CPU and memory, and what slurmdbd and the marketplace do for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.bench.commands import NAMES, counting_folder
from sandbox.inherited import environment as environment_here
from sandbox.slurm import SandboxError
from sandbox.stack import CHECKOUT
from slurm_io.client import SLURM_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox.stack import Stack

LAUNCHER = Path(__file__).with_name("launching.py")
KIB_PER_MB = 1000 * 1000 / 1024
TICKS = os.sysconf("SC_CLK_TCK")
OURS = {"SYNC_RECONCILE": "off", "COLUMNS": "200"}
"""slurmdbd takes longer to sum up inserted jobs than all that is measured: there are no books to compare."""
REPEATS = 3
LONG_SECONDS = 60.0
"""What takes longer is not repeated."""
LAST_WORDS = 1500


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run costs; seconds of wall time and of CPU, its children's included."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    """The largest of its processes at its peak."""
    processes: int
    """SLURM's commands that it started."""
    requests: int
    """To the marketplace."""
    slurmdbd_seconds: float
    """CPU of slurmdbd and its database."""
    queries: int
    """That slurmdbd put to its database."""
    repeats: int = 1
    sample: int = 0
    """Allocations or users that were measured, where the rest was taken to cost the same."""
    run_seconds: float = 0.0
    """Of the seconds, the flow's run as Prefect's UI shows it; 0 of what is none."""

    def times(self, factor: float, fixed: Cost | None = None, sample: int = 0) -> Cost:
        """What so many times as much would cost, less what is paid once; peak memory stays."""
        once = asdict(fixed) if fixed else dict.fromkeys(asdict(self), 0)
        kept = {"megabytes": self.megabytes, "repeats": self.repeats, "sample": sample}
        grown = {name: once[name] + (value - once[name]) * factor for name, value in asdict(self).items()}
        whole = {"processes", "requests", "queries"}
        return Cost(
            **{name: round(value) if name in whole else value for name, value in grown.items()} | kept
        )


@dataclass(frozen=True, slots=True)
class Used:
    """One process's own, its children's included."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def median(costs: Sequence[Cost]) -> Cost:
    """Each figure's median."""
    values = {one.name: statistics.median(getattr(cost, one.name) for cost in costs) for one in fields(Cost)}
    counts = {name: round(values[name]) for name in ("processes", "requests", "queries", "sample")}
    return Cost(**{**values, **counts, "repeats": len(costs)})


class Meter:
    """Runs programs against one stack, and says what each costs."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.log = stack.folder / "commands.log"
        inherited = {**environment_here(), **stack.agent_environment(), **SLURM_ENVIRONMENT, **OURS}
        folder = counting_folder(stack.folder / "counting", self.log, inherited["PATH"])
        self.environment = {**inherited, "PATH": f"{folder}:{inherited['PATH']}"}

    def commands(self, commands: Sequence[Sequence[str]]) -> Cost:
        """Bare commands, one after the other."""
        self.log.write_text("")
        self.stack.office.clear_requests()
        before = self.slurmdbd()
        used = [self.run(command) for command in commands]
        cpu, queries = (after - start for after, start in zip(self.slurmdbd(), before, strict=True))
        return Cost(
            seconds=sum(one.seconds for one in used),
            cpu_seconds=sum(one.cpu_seconds for one in used),
            megabytes=max(one.megabytes for one in used),
            processes=len(self.log.read_text().splitlines()),
            requests=int(str(self.stack.office.request_count())),
            slurmdbd_seconds=cpu,
            queries=round(queries) - 1,
        )

    def program(self, *words: str, environment: Mapping[str, str] | None = None) -> Cost:
        """One program."""
        kept = self.environment
        self.environment = dict(environment or kept)
        try:
            return self.commands([words])
        finally:
            self.environment = kept

    def run(self, words: Sequence[str]) -> Used:
        """One program; what it prints goes to a file, SLURM's tables to nowhere."""
        path, facts = self.stack.folder / "output.log", self.stack.folder / "used.txt"
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(facts), *words)
        with path.open("wb") as output:
            done = subprocess.run(
                launcher,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if words[0] in NAMES else output,
                stderr=output,
                check=False,
                cwd=CHECKOUT,
            )
        if done.returncode:
            said = path.read_text(errors="replace")[-LAST_WORDS:]
            raise SandboxError(f"`{' '.join(words)[:200]}` ended with {done.returncode}: {said}")
        seconds, cpu, kib = map(float, facts.read_text().split())
        return Used(seconds, cpu, kib / KIB_PER_MB)

    def output(self) -> str:
        """What the last program printed."""
        return (self.stack.folder / "output.log").read_text(errors="replace")

    def slurmdbd(self) -> tuple[float, float]:
        """CPU seconds of slurmdbd and its database so far, and the queries it was asked."""
        daemons = self.stack.cluster.running_daemons()
        asked = self.stack.cluster.sql("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1]
        return sum(cpu_seconds(daemons[name]) for name in ("slurmdbd", "mariadbd")), float(asked)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no path of ours
        after_name = file.read().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


def by_turns(*works: Callable[[], Cost]) -> list[Cost]:
    """The median of each, measured by turns; what takes long is measured once."""
    costs: list[list[Cost]] = [[] for _ in works]
    long: set[int] = set()
    for _ in range(REPEATS):
        for number, work in enumerate(works):
            if number in long:
                continue
            began = time.perf_counter()
            costs[number].append(work())
            if time.perf_counter() - began > LONG_SECONDS:
                long.add(number)
    return [median(mine) for mine in costs]
