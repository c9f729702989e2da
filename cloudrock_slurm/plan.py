"""`cloudrock-slurm plan`: what the next pull would do and why; it writes nothing."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from allocations.changes import DeleteAccount
from allocations.errors import UnsafePlan
from allocations.guards import Guards, refuse_unsafe
from allocations.plan import AwaitJobs, MakeHomes, ReportUsage
from allocations.planning import plan_run
from cloudrock_slurm.clusters import tell_cluster
from cloudrock_slurm.ending import FAILED, calm_ending
from flows.doors import open_cloudrock, open_slurm
from flows.gathering import gather
from flows.settings import load_rules, load_settings
from slurm_io.changing import commands_for
from slurm_io.commands import make_home, show_active_jobs, show_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.desired import Rules
    from allocations.model import ClusterState
    from allocations.plan import Step
    from allocations.planning import Part, RunPlan
    from allocations.snapshot import Snapshot
    from flows.settings import Settings
    from slurm_io.changing import Target
    from slurm_io.client import Slurm
    from slurm_io.commands import Command

NEWCOMERS = "people who are new to the cluster"


def plan(*, commands: bool = False, as_json: bool = False, adopt_parents: bool = False) -> int:
    """Print the plan; 1 when it could not be applied as it stands, because it is unsafe."""
    with calm_ending():
        settings = load_settings()
        rules = load_rules(settings, adopt_parents=adopt_parents)
        slurm = open_slurm(settings)
        with open_cloudrock(settings) as cloudrock:
            snapshot, observed = gather(cloudrock, slurm, settings)
        found = plan_run(snapshot, observed, rules)
        unsafe = unsafe_because(found, observed, rules, settings)
        shown = Commands(slurm, settings.homedir_umask)
        if as_json:
            sys.stdout.write(json.dumps(as_tree(found, snapshot, unsafe, shown), indent=2) + "\n")
        else:
            console = Console(highlight=False, soft_wrap=True)
            Terminal(console, shown, commands).show(found, snapshot, unsafe)
        return FAILED if unsafe else 0


def unsafe_because(found: RunPlan, observed: ClusterState, rules: Rules, settings: Settings) -> str:
    """Why a pull would refuse the plan; empty when it would not."""
    try:
        refuse_unsafe(found.changes, observed, rules, Guards(settings.max_removals))
    except UnsafePlan as refusal:
        return str(refusal)
    return ""


@dataclass(frozen=True, slots=True)
class Terminal:
    """The plan for a person at a terminal."""

    console: Console
    commands: Commands
    with_commands: bool

    def show(self, found: RunPlan, snapshot: Snapshot, unsafe: str) -> None:
        """All of it, in the order in which it would be applied."""
        tell_cluster(self.console, self.commands.slurm)
        if found.newcomers:
            self.tell(NEWCOMERS, found.registration.steps)
        for part in found.parts:
            self.tell(title_of(part), part.plan.steps, *words_of(part))
        for order in snapshot.pending:
            title = f"pending {order.type.value} order {order.uuid} {order.name!r}"
            self.tell(title, (), pending_words(order.is_approved))
        for problem in (*snapshot.unreadable_orders, *snapshot.unreadable_resources):
            self.console.print(Text(f"unreadable: {problem}", style="red"))
        if not found.parts and not snapshot.orders:
            self.console.print("Nothing to do: no open order, and every allocation is as it should be.")
        if unsafe:
            self.console.print(Text(f"A pull would refuse this plan: {unsafe}", style="bold red"))

    def tell(self, title: str, steps: tuple[Step, ...], *lines: str) -> None:
        """One part: its title, its steps with their reasons, and what else there is to say."""
        self.console.print(Text(title, style="bold"))
        for step in steps:
            why = (Text(f"({step.reason})", style="dim"),) if step.reason else ()
            self.console.print(Text(f"  {step.act}", style=style_of(step)), *why)
            for command in self.commands.of(step) if self.with_commands else ():
                self.console.print(Text(f"      $ {shlex.join(command)}"))
        for line in lines:
            self.console.print(Text(f"  {line}"))


def title_of(part: Part) -> str:
    """`Create order 1a2b... 'genomics'`; `members of hpc_1a2b3_genomics 'genomics'`."""
    subject = f" {part.order.uuid}" if part.order else f" of {part.account}" if part.account else ""
    name = part.order.name if part.order else part.resource.name if part.resource else ""
    return f"{part.kind.value}{subject} {name!r}"


def words_of(part: Part) -> Iterator[str]:
    """What else there is to say of a part."""
    if part.refusal:
        verb = "becomes erred" if part.order else "is not touched"
        yield f"! {verb}: {part.refusal}"
    if part.waiting:
        yield f"! waits: {part.waiting}"
    if part.order and not part.plan and not part.refusal and not part.waiting:
        yield "= nothing to change on the cluster; the marketplace is told"
    yield from (f"! {remark}" for remark in part.remarks)
    yield from (f"  {note}" for note in part.notes)


def pending_words(is_approved: bool) -> str:  # noqa: FBT001 - a fact about an order
    """For whom a pending item waits."""
    return f"! waits for the {'provider' if is_approved else 'customer'} to approve it"


def style_of(step: Step) -> str:
    """Green adds, red takes away, yellow changes."""
    return {"+": "green", "-": "red", "~": "yellow"}.get(str(step.act)[:1], "")


@dataclass(frozen=True)
class Commands:
    """The exact commands of steps. No slots: what deletions depend on is asked once."""

    slurm: Slurm
    home_umask: str

    def of(self, step: Step) -> tuple[Command, ...]:
        """Those of one step."""
        act = step.act
        if isinstance(act, AwaitJobs):
            queue = show_queue(self.slurm.named, {act.account})
            return (queue, show_active_jobs(self.slurm.cluster, {act.account}))
        if isinstance(act, ReportUsage):
            return ()
        if isinstance(act, MakeHomes):
            return tuple(make_home(user, self.home_umask) for user in act.users)
        return commands_for(act, self.deleting if isinstance(act, DeleteAccount) else self.slurm.target)

    @cached_property
    def deleting(self) -> Target:
        """What accounts are deleted on."""
        return self.slurm.target_for_deleting


def as_tree(found: RunPlan, snapshot: Snapshot, unsafe: str, commands: Commands) -> dict[str, Any]:
    """The plan for a program."""

    def steps_of(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
        return [
            {
                "step": str(step.act),
                "kind": type(step.act).__name__,
                "reason": step.reason,
                "commands": [list(command) for command in commands.of(step)],
            }
            for step in steps
        ]

    parts = [
        {
            "kind": part.kind.value,
            "order": part.order.uuid if part.order else None,
            "resource": part.resource.uuid if part.resource else None,
            "name": part.order.name if part.order else part.resource.name if part.resource else "",
            "account": part.account,
            "steps": steps_of(part.plan.steps),
            "refused": str(part.refusal) if part.refusal else None,
            "waiting": part.waiting or None,
            "remarks": list(part.remarks),
            "notes": list(part.notes),
        }
        for part in found.parts
    ]
    pending = [
        {"order": order.uuid, "kind": order.type.value, "name": order.name, "is_approved": order.is_approved}
        for order in snapshot.pending
    ]
    return {
        "cluster": commands.slurm.known,
        "newcomers": steps_of(found.registration.steps),
        "parts": parts,
        "pending": pending,
        "unreadable": [*snapshot.unreadable_orders, *snapshot.unreadable_resources],
        "unsafe": unsafe or None,
    }
