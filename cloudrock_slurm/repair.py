"""`cloudrock-slurm repair ACCOUNT...`: missing accounts of OK resources are made again, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from allocations.repairing import plan_repair
from cloudrock_slurm.clusters import tell_cluster
from cloudrock_slurm.ending import calm_ending
from cloudrock_slurm.plan import NEWCOMERS, Commands, Terminal, title_of, words_of
from flows.doors import open_cloudrock, open_slurm
from flows.gathering import gather
from flows.settings import load_rules, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.planning import RunPlan


def repair(accounts: Sequence[str], *, dry_run: bool = False) -> int:
    """Show the plan of the repair, then carry it out; 1 for an account that is not to be repaired."""
    with calm_ending():
        settings = load_settings()
        rules = load_rules(settings)
        slurm = open_slurm(settings)
        with open_cloudrock(settings) as cloudrock:
            snapshot, observed = gather(cloudrock, slurm, settings)
        commands = Commands(slurm, settings.homedir_umask)
        show(plan_repair(snapshot, observed, rules, accounts), commands, with_commands=dry_run)
        return 0 if dry_run else carry_out(accounts)


def show(plan: RunPlan, commands: Commands, *, with_commands: bool) -> None:
    """The plan in an operator's words."""
    terminal = Terminal(Console(highlight=False, soft_wrap=True), commands, with_commands)
    tell_cluster(terminal.console, commands.slurm)
    if plan.newcomers:
        terminal.tell(NEWCOMERS, plan.registration.steps)
    for part in plan.parts:
        terminal.tell(title_of(part), part.plan.steps, *words_of(part))


def carry_out(accounts: Sequence[str]) -> int:
    """Run the flow in this process; it plans anew, as the sole writer."""
    from flows.repair import repair_accounts  # noqa: PLC0415 - Prefect takes seconds
    from flows.running import require_server, run_here  # noqa: PLC0415 - the same

    require_server()
    return run_here(repair_accounts, {"accounts": list(accounts)})
