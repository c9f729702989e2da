"""Every open order and every allocation at rest, as parts of one plan for the whole run. Pure.

Additions come before removals, so that what one order gives up is never what another one needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from allocations.changes import AddUsers, RegisterUsers, ReopenAccount
from allocations.desired import desired_for, lineage_of, place_of
from allocations.errors import InvalidOrder, RuleError
from allocations.kinds import Kind, kind_of
from allocations.marketplace import BillingType, OrderItemType, ResourceState
from allocations.plan import Plan, Step, diff
from allocations.removing import ABANDONED, UNREPORTABLE, abandoned, leave, needing, prune, terminate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allocations.accounts import AccountName, UserName
    from allocations.changes import Change
    from allocations.desired import Rules
    from allocations.marketplace import OrderItem, Resource
    from allocations.model import ClusterState
    from allocations.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one order, or one allocation at rest, needs."""

    kind: Kind
    resource: Resource | None
    order: OrderItem | None = None
    account: AccountName | None = None
    plan: Plan = field(default_factory=Plan)
    refusal: RuleError | None = None
    """Why it cannot be carried out: an order becomes erred with it."""
    waiting: str = ""
    """Why it cannot be carried out yet."""
    remarks: tuple[str, ...] = ()
    """What a person must look at although it goes on."""
    notes: tuple[str, ...] = ()
    """What is worth knowing and no failure."""

    @property
    def must_be_recorded(self) -> bool:
        """Whether the marketplace does not know the account yet, or not any more."""
        return bool(self.account and self.resource and self.resource.account is None)

    @property
    def title(self) -> str:
        """`Create order 1a2b3c4d 'genomics'`."""
        subject = self.order.uuid[:8] if self.order else ""
        name = self.order.name if self.order and not self.resource else self.resource and self.resource.name
        return " ".join(filter(None, (self.kind.value, subject, repr(name))))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All parts of one run, in the order in which they are applied."""

    newcomers: tuple[UserName, ...]
    """People whom the cluster does not know yet, of all parts: they are registered first, in one call."""
    parts: tuple[Part, ...]
    default_account: AccountName

    @property
    def registration(self) -> Plan:
        """The step before all parts."""
        if not self.newcomers:
            return Plan()
        return Plan((Step(RegisterUsers(self.newcomers, self.default_account), "new to the cluster"),))

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change of the run, first to last."""
        return (*self.registration.changes, *(change for part in self.parts for change in part.plan.changes))


@dataclass(slots=True)
class Planner:
    """Plans part after part, each upon the cluster as the parts before will have left it."""

    snapshot: Snapshot
    rules: Rules
    state: ClusterState
    standing: ClusterState
    """The cluster with every addition and no removal: a removal that waits for jobs may not have happened."""
    owners: dict[str, str]

    def members_kept(
        self, part: Part, resource: Resource, users: Iterable[UserName], *, limits: Mapping[str, int] | None
    ) -> Part:
        """The part with what its resource lacks on the cluster; its account is taken from then on."""
        try:
            wanted = desired_for(resource, users, self.state, self.owners, self.rules, limits=limits)
        except InvalidOrder as refusal:
            return replace(part, refusal=refusal)
        plan = diff(wanted.state, self.state, self.rules.default_account, homes=self.rules.make_homes)
        self.owners[wanted.account] = resource.uuid
        return self.taken(replace(part, account=wanted.account, notes=part.notes + wanted.notes), plan)

    def taken(self, part: Part, plan: Plan) -> Part:
        """The part with more steps; what comes after counts on them."""
        self.state = plan.applied_to(self.state)
        return replace(part, plan=part.plan + plan)


def plan_run(snapshot: Snapshot, observed: ClusterState, rules: Rules, repair: Iterable[str] = ()) -> RunPlan:
    """The plan for every executing order and every OK resource without one.

    Args:
        snapshot: what the marketplace says.
        observed: the whole cluster, with who made the accounts and everybody's default account.
        rules: the site's.
        repair: accounts of OK resources that are made again when they are missing; others are reported only.
    """
    planner = Planner(snapshot, rules, observed, observed, dict(snapshot.owners))
    mended = frozenset(repair)
    parts = [plan_order(planner, order) for order in snapshot.executing if not removes(order)]
    parts += [part for one in snapshot.resting if (part := keep_up(planner, one, mended))]
    planner.standing = planner.state
    parts += [plan_order(planner, order) for order in snapshot.executing if removes(order)]
    for resource in snapshot.resting:
        parts += members_who_left(planner, resource)
    parts += left_over(planner)
    newcomers, parts = registered_together(parts)
    return RunPlan(newcomers, tuple(part for part in parts if is_worth_telling(part)), rules.default_account)


def removes(order: OrderItem) -> bool:
    """Whether the order ends an allocation."""
    return order.type is OrderItemType.TERMINATE


def plan_order(planner: Planner, order: OrderItem) -> Part:
    """What one executing order needs."""
    snapshot = planner.snapshot
    resource = snapshot.resources.get(order.resource_uuid or "")
    part = Part(kind=kind_of(order), order=order, resource=resource)
    if order.resource_uuid is None:
        return replace(part, waiting="the marketplace has not made the resource yet")
    if resource is None:
        why = "; ".join(snapshot.unreadable_resources) or "it is not among the offering's resources"
        return replace(part, waiting=f"the resource {order.resource_uuid} cannot be used: {why}")
    if part.kind is Kind.TERMINATE:
        return plan_termination(planner, part, resource)
    team = snapshot.team(resource)
    if not team.answered and part.kind is Kind.CREATE:
        return replace(part, waiting="the marketplace did not say who is in the project's team")
    part = replace(part, remarks=team.remarks)
    limits = order.limits if part.kind is Kind.CREATE else order.limits or resource.limits
    if part.kind in (Kind.UPDATE, Kind.SWITCH):
        refusal = unlimited_by_the_offering(order, snapshot)
        if refusal:
            return replace(part, refusal=refusal)
    return planner.members_kept(part, resource, team.users, limits=limits)


def unlimited_by_the_offering(order: OrderItem, snapshot: Snapshot) -> InvalidOrder | None:
    """Why the marketplace could never finish an Update: done fails for such limits (contract 3.2)."""
    billed_by_limit = limit_components(snapshot)
    odd = sorted(set(order.limits) - billed_by_limit)
    if not odd:
        return None
    known = ", ".join(sorted(billed_by_limit)) or "none"
    return InvalidOrder(
        f"the order limits {', '.join(map(repr, odd))}, which the offering does not bill by limit: "
        f"expected only {known}"
    )


def limit_components(snapshot: Snapshot) -> frozenset[str]:
    """The offering's components of billing type `limit`."""
    return frozenset(c.type for c in snapshot.offering.components if c.billing_type is BillingType.LIMIT)


def keep_up(planner: Planner, resource: Resource, mended: frozenset[str]) -> Part | None:
    """What an OK resource lacks: members, limits where they are ours, an opening; nothing is None."""
    part = Part(kind=Kind.MEMBERS, resource=resource)
    try:
        names = lineage_of(resource, planner.owners, planner.rules)
    except InvalidOrder as refusal:
        return replace(part, refusal=refusal)
    present = planner.state.accounts.get(names.allocation)
    if present is None and names.allocation not in mended:
        remark = (
            f"the account {names.allocation} is missing on the cluster: "
            f"`cloudrock-slurm repair {names.allocation}` makes it again"
        )
        return replace(part, account=names.allocation, remarks=(remark,))
    team = planner.snapshot.team(resource)
    part = replace(part, notes=team.remarks, kind=Kind.MEMBERS if present else Kind.REPAIR)
    limits = resource.limits if present is None or planner.rules.own_limits else None
    part = planner.members_kept(part, resource, team.users, limits=limits)
    if present is not None and present.draining and not part.refusal:
        reopened = ReopenAccount(names.allocation)
        part = planner.taken(part, Plan((Step(reopened, "its Terminate order was not carried out"),)))
    return part


def plan_termination(planner: Planner, part: Part, resource: Resource) -> Part:
    """What ends an allocation; with the accounts above it, where nothing else is or may still be below."""
    try:
        names = lineage_of(resource, planner.owners, planner.rules)
        place_of(names.allocation, names.project, planner.state, planner.rules, recorded=True)
        has_account = resource.account is not None or is_ours(names.allocation, planner.state)
        plan = terminate(names.allocation, planner.state, planner.rules) if has_account else Plan()
    except InvalidOrder as refusal:
        return replace(part, refusal=refusal)
    plan += prune(
        resource, needing(planner.snapshot, resource), plan.applied_to(planner.standing), planner.rules
    )
    return planner.taken(replace(part, account=names.allocation if has_account else None), plan)


def is_ours(account: AccountName, observed: ClusterState) -> bool:
    """Whether we made an account: its resource's backend id may have been cleared in the portal since."""
    present = observed.accounts.get(account)
    return present is not None and present.ours


def members_who_left(planner: Planner, resource: Resource) -> Iterator[Part]:
    """The part that takes an allocation from those who left its project."""
    account = resource.account
    team = planner.snapshot.team(resource)
    if account is None or account not in planner.state.accounts:
        return
    try:
        name = lineage_of(resource, planner.owners, planner.rules).allocation
    except InvalidOrder:
        return  # told already, where members are added
    gone = team.leavers(planner.state.users_of(name))
    if gone:
        part = Part(kind=Kind.MEMBERS, resource=resource, account=name)
        yield planner.taken(part, leave(name, gone, planner.state, planner.rules))


def left_over(planner: Planner) -> Iterator[Part]:
    """What Terminated resources have left: accounts of their own, and above them what is empty by then."""
    snapshot, rules = planner.snapshot, planner.rules
    needed = needing(snapshot)
    left = abandoned(snapshot, planner.state, rules)
    for resource in snapshot.resources.values():
        if resource.state is not ResourceState.TERMINATED:
            continue
        account = left.get(resource.uuid)
        part = Part(kind=Kind.ABANDONED if account else Kind.LEFTOVERS, resource=resource, account=account)
        try:
            plan = terminate(account, planner.state, rules, why=ABANDONED) if account else Plan()
        except InvalidOrder as refusal:
            yield replace(part, refusal=refusal)
            continue
        plan += prune(resource, needed, plan.applied_to(planner.standing), rules)
        if account:
            part = replace(part, notes=(UNREPORTABLE,))
        elif plan:
            planner.standing = plan.applied_to(planner.standing)
        if plan:
            yield planner.taken(part, plan)


def registered_together(parts: list[Part]) -> tuple[tuple[UserName, ...], list[Part]]:
    """The newcomers of all parts, and the parts without their registration: one call for all."""
    newcomers: set[UserName] = set()
    rest = []
    for part in parts:
        for change in part.plan.changes:
            if isinstance(change, RegisterUsers):
                newcomers |= set(change.users)
        kept = tuple(step for step in part.plan.steps if not isinstance(step.act, RegisterUsers))
        rest.append(replace(part, plan=Plan(kept)))
    return tuple(sorted(newcomers)), rest


def is_worth_telling(part: Part) -> bool:
    """An order always; an allocation at rest only when there is something about it."""
    return bool(part.order or part.plan or part.refusal or part.remarks or part.must_be_recorded)


def added_users(plan: Plan) -> tuple[UserName, ...]:
    """Everybody to whom a plan gives an association with an allocation."""
    return tuple(user for change in plan.changes if isinstance(change, AddUsers) for user in change.users)
