"""One run over the orders: change the cluster for each, look once that it is so, then finish each.

A failure is decided upon in one place (`Run.decide`), so that one order's trouble is never another's.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.desired import accepted_members, allocation_in, desired_for
from allocations.errors import InvalidOrder
from allocations.finishing import next_finish
from allocations.marketplace import OrderItemType
from allocations.model import ClusterState, apply_to
from allocations.outcomes import Outcome, Result
from allocations.plan import diff
from cloudrock_io.errors import CloudrockError, CloudrockRejected, UnexpectedCloudrockData
from flows import tasks
from flows.calm import EXPECTED
from slurm_io.errors import SlurmCommandFailed, UnexpectedSlurmOutput

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from allocations.accounts import UserName
    from allocations.desired import Rules
    from allocations.marketplace import OrderItem, Resource
    from cloudrock_io.client import Cloudrock
    from flows.usernames import Usernames
    from slurm_io.client import Slurm

MOST_FINISHING_CALLS = 4
"""creating, ok, done, and one to spare: a server that needs more does not do what the contract says."""


BAD_REQUEST = 400
"""The marketplace's answer for a user without a FreeIPA profile (contract 5)."""


@dataclass(slots=True)
class Work:
    """An order whose accounts have been made: what the cluster must show before it is finished."""

    outcome: Outcome
    resource: Resource
    desired: ClusterState


@dataclass(slots=True)
class Run:
    """All orders of one run, and the cluster as far as the run knows it."""

    cloudrock: Cloudrock
    slurm: Slurm
    rules: Rules
    usernames: Usernames
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    resources: dict[str, Resource] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    """Account to the uuid of the resource that records it."""
    observed: ClusterState = field(default_factory=ClusterState)

    def carry_out(self, orders: Sequence[OrderItem]) -> list[Outcome]:
        """Each order's outcome, in the order of the orders."""
        resources, self.unreadable = tasks.fetch_resources(self.cloudrock)
        self.resources = {resource.uuid: resource for resource in resources}
        self.owners = {r.account: r.uuid for r in self.resources.values() if r.account}
        self.observed = tasks.observe_cluster(self.slurm)
        outcomes = [Outcome(order) for order in orders]
        works: list[Work] = []
        for outcome in outcomes:
            resource = self.startable(outcome)
            if resource:
                with self.deciding(outcome):
                    works.append(self.change_cluster(outcome, resource))
        if any(work.outcome.changes for work in works):
            self.observed = tasks.observe_cluster(self.slurm)
        for work in works:
            with self.deciding(work.outcome):
                self.finish(work)
        return outcomes

    def startable(self, outcome: Outcome) -> Resource | None:
        """The resource of an order that can be carried out now; else the outcome says why not."""
        order = outcome.order
        if order.type is not OrderItemType.CREATE:
            outcome.result = Result.UNTOUCHED
            outcome.reason = f"{order.type.value} orders are not carried out yet: the order stays as it is"
            return None
        if order.resource_uuid is None:
            outcome.result = Result.WAITING
            outcome.reason = "the marketplace has not made the resource yet"
            return None
        resource = self.resources.get(order.resource_uuid)
        if resource is None:
            problems = "; ".join(self.unreadable) or "it is not among the offering's resources"
            outcome.reason = f"the resource {order.resource_uuid} cannot be used: {problems}"
        return resource

    def change_cluster(self, outcome: Outcome, resource: Resource) -> Work:
        """Claim the account's name in the marketplace, then make what is missing on the cluster."""
        order = outcome.order
        users = self.members_of(outcome, resource)
        desired = desired_for(order, resource, users, self.owners, self.rules)
        plan = diff(desired, self.observed)
        account = outcome.account = allocation_in(desired).name
        self.logger.info("order %s: %s", order.uuid, plan)
        if resource.account != account:
            tasks.record_account(self.cloudrock, resource.uuid, account, "resource", order.uuid)
        self.owners[account] = resource.uuid
        for change in plan.changes:
            tasks.apply_change(self.slurm, change, self.observed, order.uuid)
            self.observed = apply_to(self.observed, change)
            outcome.changes = (*outcome.changes, change)
        return Work(outcome, resource, desired)

    def members_of(self, outcome: Outcome, resource: Resource) -> tuple[UserName, ...]:
        """Who gets an association; whoever cannot is remarked on, and the order goes on for the others."""
        team = tasks.fetch_team(self.cloudrock, resource.uuid, outcome.order.uuid)
        names, remarks = self.usernames.of(team)
        members = accepted_members(names)
        outcome.remarks += [*remarks, *(f"team member not added: {reason}" for reason in members.refused)]
        return members.users

    def finish(self, work: Work) -> None:
        """Tell the marketplace, once the cluster shows everything that was asked for."""
        lacking = diff(work.desired, self.observed)
        if lacking:
            raise UnexpectedSlurmOutput(
                "sacctmgr show assoc", str(lacking), "everything that this run has just made"
            )
        order, resource, account = work.outcome.order, work.resource, allocation_in(work.desired).name
        tasks.record_account(self.cloudrock, resource.uuid, account, "allocation", order.uuid)
        self.associate(work)
        self.complete(order.uuid, resource.uuid)
        self.look_at_periods(work)
        work.outcome.result = Result.DONE

    def complete(self, order_uuid: str, resource_uuid: str) -> None:
        """The calls that end the order, each chosen from what the marketplace says then."""
        for _ in range(MOST_FINISHING_CALLS):
            states = tasks.read_order(self.cloudrock, order_uuid, resource_uuid)
            step = next_finish(*states)
            if step is None:
                return
            tasks.finish_order(self.cloudrock, step, order_uuid, resource_uuid)
        raise UnexpectedCloudrockData(
            f"order item {order_uuid}", "done", f"not done after {MOST_FINISHING_CALLS} calls"
        )

    def associate(self, work: Work) -> None:
        """The users' associations in the marketplace; those it refuses (no FreeIPA profile) are noted."""
        order, resource, account = work.outcome.order, work.resource, allocation_in(work.desired).name
        if resource.allocation_uuid is None:
            raise UnexpectedCloudrockData(f"resource {resource.uuid}", "a SLURM allocation", "none")
        present = tasks.fetch_associated(self.cloudrock, resource.allocation_uuid, order.uuid)
        for user in sorted(work.desired.users_of(account) - present):
            try:
                tasks.create_association(self.cloudrock, resource.uuid, user, order.uuid)
            except CloudrockRejected as refusal:
                if refusal.status != BAD_REQUEST:
                    raise
                self.logger.warning("order %s: %s", order.uuid, refusal)
                why = "; ".join(refusal.reasons)
                work.outcome.notes.append(f"{user} is not associated in the marketplace: {why}")

    def look_at_periods(self, work: Work) -> None:
        """A finished order has one open plan period: without one, or with two, billing would be wrong."""
        resource, account = work.resource, allocation_in(work.desired).name
        periods = tasks.fetch_plan_periods(self.cloudrock, resource.uuid, account)
        still_open = sum(period.end is None for period in periods)
        if still_open != 1:
            work.outcome.remarks.append(
                f"{still_open} open plan periods instead of one: usage cannot be billed as it should "
                "(was it ordered without a plan, or finished before by another tool?)"
            )

    @contextmanager
    def deciding(self, outcome: Outcome) -> Iterator[None]:
        """Decide upon an expected failure; anything else is a bug and goes on."""
        try:
            yield
        except EXPECTED as failure:
            self.decide(outcome, failure)

    def decide(self, outcome: Outcome, failure: Exception) -> None:
        """An order that can never work becomes erred with its reason; all else waits for the next run."""
        outcome.result = Result.LEFT
        outcome.reason = str(failure)
        self.logger.error("order %s: %s", outcome.order.uuid, failure)
        if isinstance(failure, (InvalidOrder, SlurmCommandFailed)):
            details = "".join(traceback.format_exception(failure))
            try:
                tasks.refuse_order(self.cloudrock, outcome.order.uuid, str(failure), details)
            except CloudrockError as second:
                outcome.reason += f"; and the marketplace could not be told: {second}"
            else:
                outcome.result = Result.ERRED
