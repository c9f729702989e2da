"""pull-orders: make the cluster what the marketplace says, and tell the marketplace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from allocations.errors import UnsafePlan
from allocations.guards import Guards, refuse_unsafe
from allocations.outcomes import Outcome, Result, verdict
from allocations.planning import RunPlan, plan_run
from cloudrock_io.errors import CloudrockError
from flows import events, tasks
from flows.artifacts import publish_orders, publish_plan
from flows.calm import calmly
from flows.carrying import Carrying, outcome_of
from flows.choices import OrderApproval
from flows.doors import open_cloudrock, open_slurm
from flows.final_usage import FinalUsage, ending_in
from flows.gathering import confirmed, doubtful_teams
from flows.lock import ClusterIsTaken, sole_writer
from flows.missed import end_missed
from flows.protected import why_not_asked
from flows.settings import load_rules, load_settings
from flows.site import Site
from slurm_io.errors import BreakerOpen, SlurmError

if TYPE_CHECKING:
    from allocations.desired import Rules
    from allocations.marketplace import OrderItem
    from allocations.snapshot import Snapshot
    from flows.settings import Settings

LATEST_START = timedelta(minutes=5)
"""A scheduled run that starts later than this after its time is one of those that a worker missed."""


def run_name() -> str:
    """`pull-orders 2026-11-22 23:15:00`: the start tells pulls apart."""
    return f"pull-orders {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@flow(name="pull-orders", flow_run_name=run_name)
def pull_orders(  # its parameters are a deployment's
    dry_run: bool = False,  # noqa: FBT001, FBT002
    force: bool = False,  # noqa: FBT001, FBT002
    adopt_parents: bool = False,  # noqa: FBT001, FBT002
) -> State[Any]:
    """Carry out every executing order of the offering, each by itself, and keep up the members.

    Args:
        dry_run: make the plan and show it; write nothing anywhere.
        force: go on although the plan removes more than SYNC_MAX_REMOVALS or 30 % of what is managed.
        adopt_parents: move accounts that stand elsewhere, such as the old agent's, under their project.
    """
    work = partial(pull, dry_run=dry_run, force=force, adopt_parents=adopt_parents)
    return calmly(work, get_run_logger())


def pull(*, dry_run: bool, force: bool, adopt_parents: bool) -> State[Any]:
    """The flow's body."""
    settings = load_settings()
    rules = load_rules(settings, adopt_parents=adopt_parents)
    run = Pull(settings, rules, Guards(settings.max_removals, force))
    began = datetime.now(UTC)
    late = lateness(began)
    if late is not None:
        end_missed(began - LATEST_START)
        return skipped(f"it starts {late.total_seconds() / 60:.0f} minutes late: a later run does its work")
    if dry_run:
        return run.show()
    try:
        with sole_writer(settings):
            return run.carry_out()
    except ClusterIsTaken as taken:
        return skipped(str(taken))
    except BreakerOpen as spared:
        if spared.opened > began:
            raise
        return skipped(str(spared))


def lateness(now: datetime) -> timedelta | None:
    """How late this run starts, when it is one that a worker missed."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return too_late(run.expected_start_time, now, scheduled=run.auto_scheduled) if run else None


def too_late(expected: datetime | None, now: datetime, *, scheduled: bool) -> timedelta | None:
    """How late a scheduled run starts, when that is minutes; a person's own run is never too late."""
    if not scheduled or expected is None or now - expected <= LATEST_START:
        return None
    return now - expected


def skipped(why: str) -> State[Any]:
    """The state of a run that has nothing to do here and now."""
    get_run_logger().warning("skipped: %s", why)
    return Completed(name="Skipped", message=f"skipped: {why}")


class Pull:
    """One run."""

    def __init__(self, settings: Settings, rules: Rules, guards: Guards) -> None:
        self.settings = settings
        self.rules = rules
        self.guards = guards
        self.logger = get_run_logger()
        self.slurm = open_slurm(settings, events.hearing(settings.offering_uuid))

    def show(self) -> State[Any]:
        """The plan into an artifact, and nothing else."""
        with open_cloudrock(self.settings) as cloudrock:
            site = Site(cloudrock, self.slurm, self.rules, self.logger)
            snapshot, plan = self.plan(site)
        unsafe = self.unsafe(site, plan)
        publish_plan(plan, f"dry run{f': {unsafe}' if unsafe else ''}")
        outcomes = [planned(outcome_of(part)) for part in plan.parts]
        _, summary = verdict(outcomes, snapshot.unreadable_orders)
        return Completed(message=f"dry run, nothing written: {summary}{f'; {unsafe}' if unsafe else ''}")

    def carry_out(self) -> State[Any]:
        """Plan, refuse what is unsafe, apply, tell."""
        with open_cloudrock(self.settings) as cloudrock:
            site = Site(
                cloudrock,
                self.slurm,
                self.rules,
                self.logger,
                self.settings.homedir_umask,
                self.settings.max_uploads,
            )
            snapshot, plan = self.plan(site)
            unsafe = self.unsafe(site, plan)
            if unsafe:
                publish_plan(plan, f"not applied: {unsafe}")
                raise UnsafePlan(unsafe)
            if plan.changes:
                publish_plan(plan, "applied by this run: the artifact orders says what became of it")
            pending = self.approve(site, snapshot)
            final_usage = FinalUsage(site, self.settings, ending_in(plan))
            carrying = Carrying(site, snapshot, plan, final_usage)
            outcomes = carrying.carry_out() if plan.parts else []
        well, summary = verdict(outcomes, snapshot.unreadable_orders, pending)
        summary += why_not_asked(self.slurm.runner)
        publish_orders(outcomes, snapshot.unreadable_orders, summary)
        return Completed(message=summary) if well else Failed(message=summary)

    def plan(self, site: Site) -> tuple[Snapshot, RunPlan]:
        """What the marketplace and the cluster say, asked side by side, and what follows from it.

        A cluster that does not answer is nobody's trouble while the marketplace has nothing for it.
        """
        source, account = self.settings.username_source, self.rules.default_account
        reading = tasks.read_marketplace.submit(site.cloudrock, source)
        try:
            site.observed = tasks.observe_whole_cluster(site.slurm, account)
        except SlurmError:
            if has_work(reading.result()):
                raise
        snapshot = reading.result()
        if not has_work(snapshot):
            return snapshot, RunPlan((), (), account)
        doubtful = doubtful_teams(snapshot, site.observed)
        if doubtful:
            snapshot = confirmed(snapshot, tasks.confirm_teams(site.cloudrock, doubtful, source))
        return snapshot, plan_run(snapshot, site.observed, self.rules)

    def unsafe(self, site: Site, plan: RunPlan) -> str:
        """Why the plan must not be applied; empty when it may be."""
        try:
            refuse_unsafe(plan.changes, site.observed, self.rules, self.guards)
        except UnsafePlan as refusal:
            return str(refusal)
        return ""

    def approve(self, site: Site, snapshot: Snapshot) -> list[str]:
        """Approve pending items where that is ours, and say how many wait for whom."""
        if not snapshot.pending:
            return []
        if self.settings.order_approval is not OrderApproval.AUTO:
            return [f"{len(snapshot.pending)} pending, for the provider to approve"]
        ready = [order for order in snapshot.pending if order.is_approved]
        approved = [order for order in ready if self.approve_one(site, order)]
        waiting = len(snapshot.pending) - len(ready)
        texts = [f"{len(approved)} approved"] if approved else []
        return texts + ([f"{waiting} pending, for the customer to approve"] if waiting else [])

    def approve_one(self, site: Site, order: OrderItem) -> bool:
        """One item; what the marketplace refuses is said, and is no other's trouble."""
        try:
            return tasks.approve_order(site.cloudrock, order.uuid)
        except CloudrockError as failure:
            self.logger.error("order %s: not approved: %s", order.uuid, failure)  # noqa: TRY400
            return False


def has_work(snapshot: Snapshot) -> bool:
    """Whether the marketplace has anything that a cluster could have."""
    return bool(snapshot.resources or snapshot.executing)


def planned(outcome: Outcome) -> Outcome:
    """An outcome of a dry run."""
    if not outcome.part.refusal and not outcome.part.waiting:
        outcome.result = Result.PLANNED
    elif outcome.part.refusal:
        outcome.reason = str(outcome.part.refusal)
    return outcome
