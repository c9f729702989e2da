"""The whole cluster against all resources, both ways. Pure.

What a pull would mend is taken from pull's own planning, so that the two agree by construction. What a pull
leaves alone is what a stricter plan would do besides, and what no plan knows of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from allocations.changes import (
    AddUsers,
    CancelJobs,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
)
from allocations.desired import desired_limits, lineage_of
from allocations.drift_cluster import closed_accounts, strays
from allocations.drift_marketplace import backend_ids, missing_while_busy, states, unreadable
from allocations.drift_people import default_accounts, people
from allocations.errors import InvalidOrder
from allocations.findings import Finding, FindingKind, Mender, in_order
from allocations.history import (
    ADD_ASSOCIATIONS,
    MODIFY_ASSOCIATIONS,
    REMOVE_ACCOUNTS,
    REMOVE_ASSOCIATIONS,
    REMOVE_USERS,
    Trace,
    closing,
)
from allocations.model import Association, describe_limits
from allocations.planning import Planner, keep_up, left_over, members_who_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.accounts import AccountName, UserName
    from allocations.changes import Change
    from allocations.desired import Rules
    from allocations.findings import BothSides
    from allocations.marketplace import Resource
    from allocations.planning import Part


def drift(sides: BothSides, rules: Rules) -> tuple[Finding, ...]:
    """Every difference between the cluster and the marketplace, by kind."""
    return in_order(
        [
            *kept_up(sides, rules),
            *missing_while_busy(sides, rules),
            *strays(sides, rules, frozenset(due_to_go(sides, rules))),
            *closed_accounts(sides, rules),
            *people(sides, rules),
            *default_accounts(sides, rules, frozenset(due_to_move(sides, rules))),
            *states(sides),
            *backend_ids(sides, rules),
            *unreadable(sides),
        ]
    )


def kept_up(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """What the next pull would change of the allocations at rest, and what it would if it were strict."""
    strict = replace(rules, own_limits=True, adopt_parents=True)
    due: dict[str, list[Change]] = {}
    for part, resource in parts_at_rest(sides, rules, frozenset()):
        changes = due.setdefault(resource.uuid, [])
        for change in part.plan.changes:
            yield from told(change, part, resource, Mender.PULL)
            changes.append(change)
        yield from refused(part, resource, sides, rules)
    everything = frozenset(missing_accounts(sides, rules))
    for part, resource in parts_at_rest(sides, strict, everything):
        for change in part.plan.changes:
            if change not in due.get(resource.uuid, ()):
                yield from told(change, part, resource, None)
        yield from refused(part, resource, sides, rules)


def parts_at_rest(
    sides: BothSides, rules: Rules, repair: frozenset[AccountName]
) -> Iterator[tuple[Part, Resource]]:
    """What pull plans for each allocation at rest, and for accounts that are left over, in its order."""
    snapshot = sides.snapshot
    planner = Planner(snapshot, rules, sides.observed, sides.observed, dict(snapshot.owners))
    parts = [part for resource in snapshot.resting if (part := keep_up(planner, resource, repair))]
    planner.standing = planner.state
    for resource in snapshot.resting:
        parts += members_who_left(planner, resource)
    parts += left_over(planner)
    yield from ((part, part.resource) for part in parts if part.resource)


def due_to_go(sides: BothSides, rules: Rules) -> Iterator[AccountName]:
    """The accounts that the next pull deletes because nothing needs them."""
    for part, _ in parts_at_rest(sides, rules, frozenset()):
        yield from (change.account for change in part.plan.changes if isinstance(change, DeleteAccount))


def due_to_move(sides: BothSides, rules: Rules) -> Iterator[Association]:
    """Whose default account the next pull moves, and away from which."""
    for part, _ in parts_at_rest(sides, rules, frozenset()):
        for change in part.plan.changes:
            if isinstance(change, MoveDefaults):
                yield from (Association(change.before, user) for user in change.users)


def missing_accounts(sides: BothSides, rules: Rules) -> Iterator[AccountName]:
    """The accounts of allocations at rest that are not on the cluster."""
    owners = sides.snapshot.owners
    for resource in sides.snapshot.resting:
        try:
            name = lineage_of(resource, owners, rules).allocation
        except InvalidOrder:
            continue
        if name not in sides.observed.accounts:
            yield name


def told(  # noqa: C901 - one case for each change
    change: Change, part: Part, resource: Resource, mender: Mender | None
) -> Iterator[Finding]:
    """The finding that a change puts right; by-products of another one are none of their own.

    Without a mender it is a change that only a stricter plan has.
    """
    match change:
        case CreateAccount(account=account):
            if mender or account.name == part.account:
                yield account_missing(account.name, resource, mender or Mender.REPAIR)
        case MoveAccount(account=name, before=before, after=after):
            made_there = Trace(
                action=ADD_ASSOCIATIONS, pair=(name, ""), setting="parent_acct", value=before or ""
            )
            yield Finding(
                kind=FindingKind.PARENT,
                account=name,
                resource=resource,
                found=f"under {before}",
                expected=f"under {after}",
                mender=mender or Mender.ADOPTION,
                remedy="`cloudrock-slurm plan --adopt-parents` shows the move, "
                "`cloudrock-slurm pull --once --adopt-parents` makes it",
                traces=((made_there,),),
            )
        case SetLimits():
            yield limits_differ(change, resource, mender)
        case AddUsers():
            yield from members_missing(change, part, resource)
        case RemoveUsers():
            yield members_left(change, resource)
        case ReopenAccount(account=name):
            yield Finding(
                kind=FindingKind.CLOSED,
                account=name,
                resource=resource,
                found="closed by an earlier Terminate order",
                expected="open: the order was not carried out",
                mender=Mender.PULL,
                remedy="the next pull opens it",
                traces=(closing(name),),
            )
        case ReopenUsers(account=name, users=users):
            yield members_back(name, users, resource)
        case (
            RegisterUsers() | CloseUsers() | CancelJobs() | MoveDefaults() | DrainAccount() | DeleteAccount()
        ):
            return  # by-products of the ones above, and of strays
        case _:
            assert_never(change)


def members_back(name: AccountName, users: tuple[UserName, ...], resource: Resource) -> Finding:
    """Members who had left, were closed out, and are back before they were removed."""
    return Finding(
        kind=FindingKind.CLOSED,
        account=name,
        users=users,
        resource=resource,
        found="closed when they left the project's team",
        expected="open: they are in it again",
        mender=Mender.PULL,
        remedy="the next pull opens them",
        traces=tuple(closing(name, user) for user in users),
    )


def account_missing(name: AccountName, resource: Resource, mender: Mender) -> Finding:
    """An allocation at rest without its account."""
    remedy = f"`cloudrock-slurm repair {name}`" if mender is Mender.REPAIR else "the next pull makes it"
    return Finding(
        kind=FindingKind.MISSING,
        account=name,
        resource=resource,
        found="not on the cluster",
        expected=f"there: the resource is {resource.state.value}",
        mender=mender,
        remedy=remedy,
        traces=((Trace(action=REMOVE_ACCOUNTS, name=name),),),
    )


def limits_differ(change: SetLimits, resource: Resource, mender: Mender | None) -> Finding:
    """Limits that somebody changed on the cluster, or an order that never reached it."""
    name = change.account
    return Finding(
        kind=FindingKind.LIMITS,
        account=name,
        resource=resource,
        found=describe_limits(change.before) or "unlimited",
        expected=describe_limits(change.after),
        mender=mender or Mender.PERSON,
        remedy="the next pull sets them"
        if mender
        else "right as they are: let the customer order them; wrong: SLURM_LIMITS_OWNER=cloudrock lets pull "
        "set them back",
        traces=((Trace(action=MODIFY_ASSOCIATIONS, pair=(name, ""), setting="grp_tres_mins"),),),
    )


def members_missing(change: AddUsers, part: Part, resource: Resource) -> Iterator[Finding]:
    """Members without an association; those of an account that is missing itself are no finding."""
    name = change.account
    if any(isinstance(made, CreateAccount) and made.account.name == name for made in part.plan.changes):
        return
    yield Finding(
        kind=FindingKind.MEMBER_MISSING,
        account=name,
        users=change.users,
        resource=resource,
        found="in the project's team, without an association",
        expected="an association",
        mender=Mender.PULL,
        remedy="the next pull adds them",
        traces=tuple(
            (
                Trace(action=REMOVE_ASSOCIATIONS, pair=(name, user)),
                Trace(action=REMOVE_USERS, name=user),
                Trace(action=REMOVE_ACCOUNTS, name=name),
            )
            for user in change.users
        ),
    )


def members_left(change: RemoveUsers, resource: Resource) -> Finding:
    """Users of an account who are not of the project's team."""
    return Finding(
        kind=FindingKind.MEMBER_LEFT,
        account=change.account,
        users=change.users,
        resource=resource,
        found="an association, and not in the project's team",
        expected="no association",
        mender=Mender.PULL,
        remedy="the next pull removes them when their jobs have ended; who shall stay must be in the project",
        traces=tuple((Trace(action=ADD_ASSOCIATIONS, pair=(change.account, u)),) for u in change.users),
    )


def refused(part: Part, resource: Resource, sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """What makes that an allocation with a proper name cannot be kept up; without one, backend_ids tells."""
    if not part.refusal:
        return
    try:
        account = lineage_of(resource, sides.snapshot.owners, rules).allocation
    except InvalidOrder:
        return
    try:
        desired_limits(resource.limits, rules.components)
        kind, expected = FindingKind.PARENT, "accounts that are ours, where they were made"
        remedy = "find out whose it is; move or rename it, then pull goes on"
    except InvalidOrder:
        kind, expected = FindingKind.LIMITS, "limits of components in config-components.yaml"
        remedy = "mend the components file, or the resource's limits in the marketplace"
    yield Finding(
        kind=kind,
        account=account,
        resource=resource,
        found=str(part.refusal),
        expected=expected,
        remedy=remedy,
    )
