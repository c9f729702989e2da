"""The rows of the benchmark: on one filled stack, what the bare commands, the old agents and ours cost."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.bench.filling import hours_jobs, period_at
from sandbox.bench.metering import Cost, Meter, by_turns
from sandbox.bench.old_agent import OldAgent
from sandbox.bench.ordering import bare_order, place
from sandbox.bench.parsers import jobs_per_second
from slurm_io.commands import (
    show_associations,
    show_default_accounts,
    show_jobs,
    show_lives,
    show_organizations,
)
from slurm_io.commands_books import show_account_usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.bench.filling import Project
    from sandbox.bench.sizes import Size

READS = (show_associations(), show_organizations(), show_default_accounts())
BOOKS = ("cpu", "mem", "gres/gpu")
TOO_LONG = 300.0
"""A count of the month that takes longer than this is not made a second time."""
Row = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Bench:
    """One run. The order matters: what changes the site comes after what is measured at rest."""

    meter: Meter
    size: Size
    projects: list[Project]
    begin: datetime
    say: Callable[[str], None]
    keep_so_far: Callable[[], None]
    """Called after each step: a run of hours that fails has not been in vain."""
    rows: Row = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def measure(self) -> None:
        """All of it."""
        steps = (
            *(self.quiet, self.push, self.old, self.orders, self.membership),
            *(self.parsers, self.prefect, self.clipped),
        )
        for step in steps:
            self.say(f"{step.__name__} ...")
            step()
            self.keep_so_far()

    def keep(self, key: str, **costs: Cost) -> None:
        """Costs of one row."""
        self.rows.setdefault(key, {}).update({name: asdict(cost) for name, cost in costs.items()})

    def ours(self, *words: str) -> Cost:
        """One `cloudrock-slurm WORDS`, its start included."""
        cost = self.meter.program(sys.executable, "-m", "cloudrock_slurm.main", *words)
        if "--once" not in words:
            return cost
        newest = {"sort": "START_TIME_DESC", "limit": 1}
        (run,) = self.meter.stack.api.ask("POST", "flow_runs/filter", newest)
        return replace(cost, run_seconds=float(run["total_run_time"]))

    def quiet(self) -> None:
        """Nothing to do: the cluster observed, a plan, a pull."""
        observe = (sys.executable, "-m", "sandbox.bench.observing")
        works: list[Callable[[], Cost]] = [
            partial(self.meter.commands, READS),
            partial(self.meter.program, *observe),
            partial(self.ours, "plan", "--json"),
            partial(self.ours, "pull", "--once"),
            partial(OldAgent(self.meter).members, self.size.allocations),
        ]
        bare, observed, plan, pull, old = by_turns(*works)
        self.keep("observe", bare=bare, ours=observed)
        self.keep("plan", bare=bare, ours=plan, old=old)
        self.keep("pull_quiet", bare=bare, ours=pull, old=old)

    def push(self) -> None:
        """The month so far: from nothing, from a store that was lost, and every hour."""
        self.keep("push_first", ours=self.ours("push", "--once"))
        store = self.meter.stack.agent_folder / "usage"

        def anew() -> Cost:
            shutil.rmtree(store)
            return self.ours("push", "--once")

        records = partial(self.meter.commands, (show_lives(*self.month),))
        if self.rows["push_first"]["ours"]["seconds"] < TOO_LONG:
            sacct, lives, cold = by_turns(self.sacct, records, anew)
            self.keep("push_cold", bare=sacct, ours=cold)
            self.keep("records", bare=lives, ours=cold)
            self.keep("push_first", bare=sacct)
            self.keep("push_warm", bare=sacct)
        else:
            (lives,) = by_turns(records)
            self.keep("records", bare=lives)
        (warm,) = by_turns(partial(self.ours, "push", "--once"))
        self.keep("push_warm", ours=warm)
        self.figures["store_megabytes"] = sum(path.stat().st_size for path in store.rglob("*.parquet")) / 1e6
        self.hour()

    @property
    def month(self) -> tuple[datetime, datetime]:
        """So far."""
        return period_at(self.begin).start, self.begin

    def sacct(self) -> Cost:
        """The bare command that gives a month's seconds by itself."""
        return self.meter.commands((show_jobs(*self.month),))

    def clipped(self) -> None:
        """That command, where it takes so long that it comes last."""
        if "bare" not in self.rows["push_first"]:
            (sacct,) = by_turns(self.sacct)
            for key in ("push_first", "push_warm"):
                self.keep(key, bare=sacct)

    def hour(self) -> None:
        """A push after an hour in which as many jobs ended as in others."""
        now = datetime.now(UTC).replace(microsecond=0)
        self.meter.stack.cluster.insert_jobs(hours_jobs(self.size, self.projects, now))
        self.keep("push_hour", ours=self.ours("push", "--once"))
        hour = self.begin.replace(minute=0, second=0)
        books = (show_account_usage(period_at(hour).start, hour, BOOKS),)
        (sreport,) = by_turns(partial(self.meter.commands, books))
        self.keep("books", bare=sreport)

    def old(self) -> None:
        """The old agents' runs over the same site."""
        agent = OldAgent(self.meter)
        self.keep("old_pull", old=agent.pull())
        push = agent.push(self.size.allocations)
        for key in ("push_first", "push_cold", "push_warm", "push_hour"):
            if key in self.rows:
                self.keep(key, old=push)

    def orders(self) -> None:
        """New orders in one run, beside the writes that they need; and the same run without them."""
        project = self.projects[0]
        place(self.meter.stack, project.uuid, self.size.orders)
        ours = self.ours("pull", "--once")
        parent = f"hpc_{project.uuid}"
        commands = [
            command
            for number in range(self.size.orders)
            for command in bare_order(f"hpc_bare{number}", parent, project.users)
        ]
        bare = self.meter.commands(commands)
        self.keep("pull_orders", bare=bare, ours=ours, quiet=self.ours("pull", "--once"))

    def membership(self) -> None:
        """Everybody joins one project."""
        stack, joined = self.meter.stack, self.projects[-1]
        stack.office.add_members(project=joined.uuid, users=self.size.people)
        ours = self.ours("pull", "--once")
        for name in ("hpc_bare_all", "hpc_bare_some"):
            stack.cluster.run("sacctmgr", "-i", "add", "account", f"name={name}", f"parent=hpc_{joined.uuid}")
        names = f"name={','.join(self.size.people)}"
        bare = self.meter.commands([("sacctmgr", "-i", "add", "user", names, "account=hpc_bare_all")])
        self.keep("membership", bare=bare, ours=ours, quiet=self.ours("pull", "--once"))
        strangers = [f"bo{number:05}" for number in range(len(self.size.people))]
        self.keep("membership", old=OldAgent(self.meter).joining(self.projects[0].accounts[0], strangers))

    def parsers(self) -> None:
        """Jobs per CPU second."""
        self.figures |= jobs_per_second(self.meter, self.begin)

    def prefect(self) -> None:
        """What Prefect costs for a run, and for a task of it."""
        self.meter.program(sys.executable, "-m", "sandbox.bench.prefect_cost")
        names = ("run_seconds", "task_seconds", "run_cpu_seconds", "task_cpu_seconds")
        for name, seconds in zip(names, self.meter.output().split()[-len(names) :], strict=True):
            self.figures[f"prefect_{name}"] = float(seconds)
