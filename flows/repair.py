"""repair-accounts: make missing accounts of OK resources again, as pull plans and carries out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from allocations.guards import Guards, refuse_unsafe
from allocations.outcomes import by_result, plural
from allocations.repairing import plan_repair
from flows import events, tasks
from flows.artifacts import publish_repair
from flows.calm import calmly
from flows.carrying import Carrying
from flows.doors import open_cloudrock, open_slurm
from flows.final_usage import FinalUsage, ending_in
from flows.lock import ClusterIsTaken, sole_writer
from flows.settings import load_rules, load_settings
from flows.site import Site


def run_name() -> str:
    """`repair-accounts 2026-11-22 23:15:00`."""
    return f"repair-accounts {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@flow(name="repair-accounts", flow_run_name=run_name)
def repair_accounts(accounts: list[str]) -> State[Any]:
    """Make missing accounts of OK resources again, with their limits and members; touch nothing else.

    Args:
        accounts: their names, as `cloudrock-slurm drift` shows them.
    """
    return calmly(lambda: repair(accounts), get_run_logger())


def repair(accounts: list[str]) -> State[Any]:
    """The flow's body."""
    settings = load_settings()
    rules = load_rules(settings)
    slurm = open_slurm(settings, events.hearing(settings.offering_uuid))
    try:
        with sole_writer(settings), open_cloudrock(settings) as cloudrock:
            site = Site(
                cloudrock,
                slurm,
                rules,
                get_run_logger(),
                settings.homedir_umask,
                settings.max_uploads,
            )
            snapshot = tasks.read_marketplace(cloudrock, settings.username_source)
            site.observed = tasks.observe_whole_cluster(slurm, rules.default_account)
            plan = plan_repair(snapshot, site.observed, rules, accounts)
            refuse_unsafe(plan.changes, site.observed, rules, Guards(settings.max_removals))
            final_usage = FinalUsage(site, settings, ending_in(plan))
            outcomes = Carrying(site, snapshot, plan, final_usage).carry_out()
    except ClusterIsTaken as taken:
        return Failed(message=f"nothing was repaired: {taken}; run it again")
    summary = f"repair of {plural(len(outcomes), 'account')}: {by_result(outcomes)}"
    publish_repair(outcomes, summary)
    wrong = [
        f"{one.part.account}: {'; '.join([one.reason, *one.remarks])}" for one in outcomes if one.is_failure
    ]
    return Failed(message="; ".join([summary, *wrong])) if wrong else Completed(message=summary)
