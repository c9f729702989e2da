"""Carry out a run's plan: change the cluster part by part, look that it is so, then tell the marketplace.

A failure is decided upon in one place (`Carrying.decide`), so that one order's trouble is never another's.
"""

from __future__ import annotations

import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.changes import RemoveUsers
from allocations.errors import InvalidOrder, OrderEnded
from allocations.kinds import Kind
from allocations.outcomes import Outcome, Result
from allocations.plan import AwaitJobs, ReportUsage, unfulfilled
from cloudrock_io.errors import CloudrockError, UnexpectedCloudrockData
from flows import completing, events, tasks
from flows.expected import EXPECTED
from flows.site import subject_of
from slurm_io.errors import SlurmCommandFailed, SlurmError, UnexpectedSlurmOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from allocations.changes import Change
    from allocations.plan import Pause, Step
    from allocations.planning import Part, RunPlan
    from allocations.snapshot import Snapshot
    from flows.final_usage import FinalUsage
    from flows.site import Site
    from slurm_io.parsing_cluster import ActiveJob

LOOKS = (1.0, 2.0, 4.0, 8.0, 16.0, 16.0)
"""Seconds before each look at jobs that were told to end: SLURM's KillWait gives them 30."""


@dataclass(slots=True)
class Carrying:
    """One run's plan being carried out."""

    site: Site
    snapshot: Snapshot
    plan: RunPlan
    final_usage: FinalUsage
    outcomes: list[Outcome] = field(default_factory=list)

    def carry_out(self) -> list[Outcome]:
        """Every part's outcome, in the plan's order."""
        self.outcomes = [outcome_of(part) for part in self.plan.parts]
        for outcome in self.outcomes:
            if outcome.part.refusal:
                self.decide(outcome, outcome.part.refusal)
        open_ones = [outcome for outcome in self.outcomes if can_start(outcome.part)]
        if self.register(open_ones):
            self.change_all(open_ones)
            self.finish_all(open_ones)
        return self.outcomes

    def register(self, open_ones: Sequence[Outcome]) -> bool:
        """Everybody who is new to the cluster, in one call; without it nobody gets anything."""
        try:
            for change in self.plan.registration.changes:
                self.site.change(change, "newcomers")
        except SlurmError as failure:
            self.site.logger.error("%s", failure)  # noqa: TRY400 - the sentence, not the traceback
            for outcome in open_ones:
                outcome.reason = str(failure)
            return False
        return True

    def change_all(self, open_ones: Sequence[Outcome]) -> None:
        """The steps of each part: up to where jobs are waited for, and on once they have ended."""
        rest: list[tuple[Outcome, Sequence[Step]]] = []
        for outcome in open_ones:
            with self.deciding(outcome):
                self.claim(outcome)
                now, later = split(outcome.part.plan.steps)
                self.site.perform(now, outcome)
                if later:
                    rest.append((outcome, later))
        if rest:
            active = self.await_jobs([later[0].act for _, later in rest])
            for outcome, later in rest:
                with self.deciding(outcome):
                    self.remove(outcome, later, active)

    def claim(self, outcome: Outcome) -> None:
        """Tell the marketplace what must be known there before the cluster changes: a killed run finds it."""
        part, resource = outcome.part, outcome.part.resource
        if resource is None:
            return
        site, subject = self.site, subject_of(outcome)
        if part.account and resource.account != part.account:
            tasks.record_account(site.cloudrock, resource.uuid, part.account, "resource", subject)
        if part.kind is not Kind.CREATE:  # a new one's are told at its end: its item is still open then
            completing.associate(site, outcome, resource, completing.added(outcome))

    def await_jobs(self, acts: Iterable[Change | Pause]) -> frozenset[ActiveJob] | None:
        """Those of the jobs that must end which are still active after a while; None when unknown."""
        gates = [act for act in acts if isinstance(act, AwaitJobs)]
        accounts = frozenset(gate.account for gate in gates)
        try:
            for pause in (*LOOKS, 0.0):
                active = tasks.fetch_active_jobs(self.site.slurm, accounts)
                left = frozenset(job for job in active if any(concerns(job, gate) for gate in gates))
                if not left or not self.site.rules.cancel_jobs or not pause:
                    return left
                time.sleep(pause)
        except SlurmError as failure:
            self.site.logger.error("%s", failure)  # noqa: TRY400 - the sentence, not the traceback
        return None

    def remove(self, outcome: Outcome, steps: Sequence[Step], active: frozenset[ActiveJob] | None) -> None:
        """What comes after the jobs' end, unless some still run: then a later run goes on."""
        gate = steps[0].act
        if isinstance(gate, AwaitJobs):
            if active is None:
                outcome.reason = "whether jobs still run is not known: SLURM does not answer"
                return
            left = [job for job in active if concerns(job, gate)]
            if left:
                outcome.result = Result.WAITING
                ids = ", ".join(sorted(job.job_id for job in left)[:10])
                outcome.reason = f"{len(left)} jobs have not ended yet: {ids}"
                return
            steps = steps[1:]
        resource = outcome.part.resource
        for step in steps:
            if isinstance(step.act, ReportUsage):
                outcome.notes += self.final_usage.report(resource, step.act.account) if resource else []
                continue
            if isinstance(step.act, RemoveUsers) and resource:
                completing.dissociate(self.site, outcome, resource, step.act.users)
            self.site.perform([step], outcome)

    def finish_all(self, open_ones: Sequence[Outcome]) -> None:
        """Look at the cluster once, then tell the marketplace of every part that is there."""
        ready = [outcome for outcome in open_ones if outcome.result is Result.LEFT and not outcome.reason]
        if any(outcome.changes for outcome in ready) or self.plan.registration:
            try:
                self.site.observed = tasks.observe_whole_cluster(
                    self.site.slurm, self.site.rules.default_account
                )
            except SlurmError as failure:
                for outcome in ready:
                    self.decide(outcome, failure)
                return
        for outcome in ready:
            with self.deciding(outcome):
                self.finish(outcome)

    def finish(self, outcome: Outcome) -> None:
        """One part: done when the cluster shows it and, for an order, the marketplace says so."""
        lacking = unfulfilled(outcome.changes, self.site.observed)
        if lacking:
            raise UnexpectedSlurmOutput("sacctmgr show assoc", *lost(lacking))
        order, resource = outcome.part.order, outcome.part.resource
        if order:
            if resource is None:
                raise UnexpectedCloudrockData(f"order item {order.uuid}", "a resource", "none")
            completing.complete(self.site, outcome, order, resource, self.snapshot)
        outcome.result = Result.DONE
        events.order_applied(outcome)

    @contextmanager
    def deciding(self, outcome: Outcome) -> Iterator[None]:
        """Decide upon an expected failure; anything else is a bug and goes on."""
        try:
            yield
        except SlurmCommandFailed as refusal:
            self.decide(outcome, self.behind(refusal, outcome))
        except EXPECTED as failure:
            self.decide(outcome, failure)

    def behind(self, refusal: SlurmCommandFailed, outcome: Outcome) -> SlurmError:
        """What a refusal comes from: the order, or somebody else who writes at the same moment.

        Then sacctmgr can say that an account was added that was not (a deadlock in slurmdbd's database), or
        an account on which the part builds has been deleted since: the next run plans anew, and it works.
        """
        before = self.site.observed
        try:
            self.site.observed = tasks.observe_whole_cluster(self.site.slurm, self.site.rules.default_account)
        except SlurmError as failure:
            return failure
        applied = [change for outcome in self.outcomes for change in outcome.changes]
        lacking = unfulfilled(applied, self.site.observed)
        if lacking:
            return UnexpectedSlurmOutput("sacctmgr show assoc", *lost(lacking))
        gone = before.accounts.keys() - self.site.observed.accounts.keys()
        if missed := sorted(gone & outcome.part.plan.builds_on):
            found = f"no account {', '.join(missed)}"
            return UnexpectedSlurmOutput("sacctmgr show assoc", found, "what was there when this run began")
        return refusal

    def decide(self, outcome: Outcome, failure: Exception) -> None:
        """An order that can never work becomes erred with its reason; all else waits for the next run."""
        outcome.reason = str(failure)
        self.site.logger.error("%s: %s", subject_of(outcome), failure)
        hopeless = isinstance(failure, (InvalidOrder, SlurmCommandFailed))
        if not outcome.part.order:
            outcome.result = Result.REFUSED if hopeless else Result.LEFT
        elif hopeless:
            self.refuse(outcome, failure)
        elif isinstance(failure, OrderEnded):
            outcome.result = Result.ENDED

    def refuse(self, outcome: Outcome, failure: Exception) -> None:
        """Tell the marketplace that the order failed, and free its allocation for the next one."""
        order, resource, subject = outcome.part.order, outcome.part.resource, subject_of(outcome)
        if order is None:
            return
        details = "".join(traceback.format_exception(failure))
        try:
            tasks.refuse_order(self.site.cloudrock, order.uuid, str(failure), details, subject)
            outcome.result = Result.ERRED
            events.order_erred(outcome)
            if resource and outcome.part.kind in (Kind.UPDATE, Kind.TERMINATE):
                tasks.free_allocation(self.site.cloudrock, resource.uuid, subject)
        except CloudrockError as second:
            outcome.reason += f"; and the marketplace could not be told: {second}"


def lost(lacking: Iterable[Change]) -> tuple[str, str]:
    """What the cluster does not show although it was applied, and what it should show."""
    return f"nothing of {'; '.join(map(str, lacking))}", "what this run has just changed"


def outcome_of(part: Part) -> Outcome:
    """A part before anything was done about it."""
    outcome = Outcome(part, remarks=list(part.remarks), notes=list(part.notes))
    if is_only_told(part):
        outcome.result = Result.REFUSED
    if part.waiting:
        outcome.result = Result.WAITING if part.order and part.order.resource_uuid is None else Result.LEFT
        outcome.reason = part.waiting
    return outcome


def can_start(part: Part) -> bool:
    """Whether there is something to carry out."""
    return not part.refusal and not part.waiting and not is_only_told(part)


def is_only_told(part: Part) -> bool:
    """Whether nothing is done about an allocation at rest but to tell a person of it."""
    return not part.order and not part.plan and bool(part.remarks)


def split(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """The steps that are applied at once, and those from the first pause on."""
    for position, step in enumerate(steps):
        if isinstance(step.act, AwaitJobs | ReportUsage):
            return steps[:position], steps[position:]
    return steps, ()


def concerns(job: ActiveJob, gate: AwaitJobs) -> bool:
    """Whether a job is one of those that are waited for."""
    return job.account == gate.account and (gate.users is None or job.user in gate.users)
