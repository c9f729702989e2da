"""Generated sites: what the marketplace may say, beside what the cluster may look like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import DeleteAccount
from allocations.kinds import kind_of
from allocations.marketplace import (
    OrderItem,
    OrderItemState,
    OrderItemType,
    Resource,
    ResourceState,
)
from allocations.membership import UNKNOWN_TEAM, Team
from allocations.model import Account, Association, ClusterState
from allocations.planning import plan_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allocations.changes import Change
    from allocations.desired import Rules
    from allocations.planning import RunPlan
    from allocations.snapshot import Snapshot

from tests.allocations.samples import PROJECTS, RULES, STEM, cluster, order, resource, snapshot, states, team


@dataclass(frozen=True)
class Case:
    """A generated site at the start of a run."""

    snapshot: Snapshot
    observed: ClusterState
    rules: Rules

    def plan(self) -> RunPlan:
        return plan_run(self.snapshot, self.observed, self.rules)

    def moved_on(self) -> Case:
        """After the plan: the cluster has it, and the marketplace has ended the orders that could be."""
        plan = self.plan()
        parts = {part.order.uuid: part for part in plan.parts if part.order}
        resources = dict(self.snapshot.resources)
        for part in plan.parts:
            if part.resource and part.account and not part.refusal:
                known = resources[part.resource.uuid]
                resources[known.uuid] = replace(known, account=known.account or part.account)
        kept = []
        for item in self.snapshot.orders:
            part = parts.get(item.uuid)
            if part is None or part.waiting:
                kept.append(item)
                continue
            ended = resources[item.resource_uuid or ""]
            state = ResourceState.OK
            if item.type is OrderItemType.TERMINATE and not part.refusal:
                state = ResourceState.TERMINATED
            elif part.refusal and item.type is not OrderItemType.TERMINATE:
                state = ResourceState.ERRED
            limits = item.limits if item.limits and not part.refusal else ended.limits
            resources[ended.uuid] = replace(ended, state=state, limits=limits)
        after = replace(self.snapshot, resources=resources, orders=tuple(kept))
        return replace(self, snapshot=after, observed=states(self.observed, plan.changes)[-1])


PEOPLE = ("ada", "bob", "eve")
STRANGERS = ("root", "Odd+Name", "operator")
"""Users on the cluster who come from nowhere in the marketplace, some with names that we could never add."""
STATE_DURING = {
    OrderItemType.CREATE: ResourceState.CREATING,
    OrderItemType.UPDATE: ResourceState.UPDATING,
    OrderItemType.TERMINATE: ResourceState.TERMINATING,
}


class Dice:
    """Draws a whole site from one number: hypothesis needs a hundred draws and as many times longer."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - samples, not secrets

    def one_in(self, times: int) -> bool:
        return self.random.randrange(times) == 0

    def limits(self, *kinds: str, most: int = 9) -> dict[str, int]:
        return {kind: self.random.randrange(most) for kind in kinds if self.one_in(2)}

    def some(self, things: Iterable[str], least: int = 0) -> list[str]:
        pool = sorted(things)
        return self.random.sample(pool, self.random.randint(least, len(pool)))

    def team(self) -> Team:
        """Unknown, empty, or people; some of whom are only sure to stay."""
        match self.random.choice(["unknown", "empty", "people", "people", "people"]):
            case "unknown":
                return UNKNOWN_TEAM
            case "empty":
                return Team()
            case _:
                stay = frozenset(self.some(PEOPLE)) if self.one_in(3) else frozenset()
                return replace(team(*self.some(PEOPLE, least=1)), may_stay=stay)

    def resource(self, number: int, kind: OrderItemType | None) -> Resource:
        project, customer = self.random.choice(PROJECTS)
        resting = [ResourceState.OK, ResourceState.OK, ResourceState.TERMINATED, *ResourceState]
        one = resource(
            number,
            name=self.random.choice(["Genomics", "genomics!", "", "\u0394, x=1"]),
            project=project,
            customer=customer,
            state=STATE_DURING[kind] if kind else self.random.choice(resting),
            limits=self.limits("cpu", "mem"),
        )
        own = RULES.naming.allocation_account(one.uuid, f"{one.name}{number}")
        shared = RULES.naming.allocation_account(one.uuid, one.name)
        odd = f"hpc_{STEM}_shared" if self.one_in(2) else "somebody_elses"
        return replace(one, account=self.random.choice([own, own, own, own, shared, odd, None]))

    def order(self, kind: OrderItemType, one: Resource) -> OrderItem:
        limits = {"gres/gpu": 1} if self.one_in(6) else self.limits("cpu", "mem")
        return order(
            kind,
            one,
            limits={} if kind is OrderItemType.TERMINATE else limits,
            old_limits={} if kind is OrderItemType.UPDATE and self.one_in(2) else None,
            resource_uuid=None if self.one_in(6) else one.uuid,
            state=OrderItemState.PENDING if self.one_in(6) else OrderItemState.EXECUTING,
        )

    def snapshot(self) -> Snapshot:
        """Up to five resources of three projects, in any state, with any open order or none."""
        resources, orders = [], []
        for number in range(self.random.randint(1, 5)):
            kind = self.random.choice([None, None, None, *OrderItemType])
            resources.append(self.resource(number, kind))
            if kind:
                orders.append(self.order(kind, resources[-1]))
        self.random.shuffle(orders)
        return snapshot(resources, orders, {project.uuid: self.team() for project, _ in PROJECTS})

    def account(self, name: str, parent: str) -> Account:
        """As we make it, or closed, draining, limited or made by somebody else."""
        going = self.one_in(5)
        made = Account(AccountName(name), AccountName(parent), self.limits("cpu", "mem", "gres/gpu:a100"))
        closed, mine = going or self.one_in(6), going or not self.one_in(4)
        return replace(made, draining=going, closed=closed and not self.one_in(9), ours=mine)

    def cluster(self, of: Snapshot) -> ClusterState:
        """Any part of what a snapshot asks for: halfway made, halfway removed, moved, or somebody else's."""
        naming = RULES.naming
        found: dict[str, Account] = {}

        def place(name: str, usual: str) -> None:
            if name not in found and not self.one_in(5):
                parent = usual if usual in found and not self.one_in(6) else ROOT
                found[name] = self.account(name, parent)

        for project, customer in PROJECTS:
            place(naming.customer_account(customer.uuid), ROOT)
            place(naming.project_account(project.uuid), naming.customer_account(customer.uuid))
        for one in of.resources.values():
            account = one.account or naming.allocation_account(one.uuid, one.name)
            if one.state is not ResourceState.TERMINATED or self.one_in(3):
                place(account, naming.project_account(one.project.uuid))
        place("somebody_elses", ROOT)
        if self.one_in(3):
            place("below", self.random.choice([*found, ROOT]))
        return self.populated(cluster(*found.values()))

    def populated(self, empty: ClusterState) -> ClusterState:
        """With people who have any associations and any of them, or none, as their default."""
        associations, defaults, closed = set(), {}, set()
        for user in map(UserName, PEOPLE + STRANGERS):
            accounts = [name for name in sorted(empty.accounts) if self.one_in(2)]
            if user not in PEOPLE:
                accounts = [name for name in accounts if self.one_in(4)]
            pairs = {Association(name, user) for name in accounts}
            associations |= pairs
            managed = {pair for pair in pairs if RULES.naming.is_managed(pair.account)}
            closed |= {pair for pair in sorted(managed) if self.one_in(4)}
            if accounts and not self.one_in(4):
                defaults[user] = self.random.choice(accounts)
        return replace(
            empty,
            associations=frozenset(associations),
            default_accounts=defaults,
            closed=frozenset(closed),
        )

    def case(self) -> Case:
        marketplace = self.snapshot()
        rules = replace(
            RULES,
            cancel_jobs=self.one_in(2),
            own_limits=self.one_in(2),
            adopt_parents=self.one_in(3),
            make_homes=self.one_in(3),
        )
        return Case(marketplace, self.cluster(marketplace), rules)


def cases() -> st.SearchStrategy[Case]:
    """Generated sites; a failure shows the whole site, which is small."""
    return st.integers(0, 2**32).map(lambda seed: Dice(seed).case())


def deletes_subtree(state: ClusterState, change: Change) -> bool:
    """Whether SLURM would delete more than the account that is named."""
    return isinstance(change, DeleteAccount) and bool(state.children_of(change.account))


def kinds_of(case: Case) -> set[str]:
    """What a case is about, so that a law can show that it met every kind."""
    return {kind_of(item).value for item in case.snapshot.executing}
