"""Drift that only the cluster shows: accounts that belong to nothing, closed ones, lost defaults. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName
from allocations.desired import lineage_of
from allocations.errors import InvalidName, InvalidOrder
from allocations.findings import Finding, FindingKind
from allocations.history import (
    ADD_ACCOUNTS,
    ADD_ASSOCIATIONS,
    MODIFY_ASSOCIATIONS,
    REMOVE_ACCOUNTS,
    Trace,
    closing,
)
from allocations.marketplace import OrderItemType
from allocations.model import Association
from allocations.outcomes import plural
from allocations.snapshot import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.accounts import UserName
    from allocations.desired import Rules
    from allocations.findings import BothSides
    from allocations.marketplace import Resource
    from allocations.model import Account, ClusterState
    from allocations.snapshot import Snapshot


@dataclass(slots=True)
class Belongings:
    """Which account belongs to whom in the marketplace."""

    needed: set[AccountName] = field(default_factory=set)
    """Of resources that live, and of their projects and customers."""
    beside: dict[AccountName, tuple[Resource, AccountName]] = field(default_factory=dict)
    """Names that a living resource may have had, and the one that it has."""
    retired: dict[AccountName, Resource] = field(default_factory=dict)
    """Of Terminated resources."""
    emptied: set[AccountName] = field(default_factory=set)
    """Of the projects and customers of Terminated resources."""


def belongings_of(snapshot: Snapshot, rules: Rules) -> Belongings:
    """Every account that the marketplace knows a use for, or had one for."""
    found = Belongings()
    owners = snapshot.owners
    for resource in snapshot.resources.values():
        names = {*own_candidates(resource, rules), *recorded(resource)}
        if resource.state not in LIVE:
            found.retired.update(dict.fromkeys(names, resource))
            found.emptied.update(parents_of(resource, rules))
            continue
        found.needed.update(parents_of(resource, rules))
        try:
            name = lineage_of(resource, owners, rules).allocation
            found.needed.add(name)
            found.beside.update(dict.fromkeys(names, (resource, name)))
        except InvalidOrder:
            found.needed.update(names)  # a finding of its own; which of them is right is not known
    return found


def recorded(resource: Resource) -> tuple[AccountName, ...]:
    """The account that a resource records, if any."""
    return (AccountName(resource.account),) if resource.account else ()


def own_candidates(resource: Resource, rules: Rules) -> tuple[AccountName, ...]:
    """Every name that pull could have given to a resource's account."""
    try:
        return rules.naming.candidates(resource.uuid, resource.name)
    except InvalidName:
        return ()


def parents_of(resource: Resource, rules: Rules) -> tuple[AccountName, ...]:
    """The accounts of a resource's project and customer."""
    try:
        return (
            rules.naming.project_account(resource.project.uuid),
            rules.naming.customer_account(resource.customer.uuid),
        )
    except InvalidName:
        return ()


def managed_accounts(observed: ClusterState, rules: Rules) -> tuple[Account, ...]:
    """The accounts with our prefixes, but for the protected ones."""
    return tuple(
        account
        for name, account in sorted(observed.accounts.items())
        if rules.naming.is_managed(name) and name not in (ROOT, rules.default_account)
    )


def strays(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Managed accounts that nothing in the marketplace needs."""
    known = belongings_of(sides.snapshot, rules)
    for account in managed_accounts(sides.observed, rules):
        if account.name not in known.needed:
            yield stray(account, known, sides)


def stray(account: Account, known: Belongings, sides: BothSides) -> Finding:
    """One of them: left over, or unknown."""
    name = account.name
    contents = contents_of(account, sides.observed)
    resource: Resource | None = None
    kind = FindingKind.LEFTOVER
    if name in known.beside:
        resource, its_account = known.beside[name]
        kind, expected = FindingKind.UNKNOWN, f"gone: the account of {resource.name!r} is {its_account}"
    elif name in known.retired:
        resource = known.retired[name]
        expected = f"gone: the resource {resource.name!r} is Terminated"
    elif name in known.emptied:
        expected = "gone: no resource of its project or customer lives"
    else:
        kind, expected = FindingKind.UNKNOWN, "a resource, project or customer of the offering"
    return Finding(
        kind=kind,
        account=name,
        resource=resource,
        found=f"{contents}; {'made by us' if account.ours else 'not made by us'}",
        expected=expected,
        remedy=remedy_for(account, contents, sides.snapshot),
        traces=((Trace(action=ADD_ACCOUNTS, name=name),),),
    )


def contents_of(account: Account, observed: ClusterState) -> str:
    """`2 users, 1 account below it, draining`, or `empty`."""
    users, below = len(observed.users_of(account.name)), len(observed.children_of(account.name))
    parts = [plural(users, "user")] if users else []
    parts += [f"{plural(below, 'account')} below it"] if below else []
    parts = parts or ["empty"]
    return ", ".join([*parts, "draining"] if account.draining else parts)


def remedy_for(account: Account, contents: str, snapshot: Snapshot) -> str:
    """What to do about an account that nothing needs."""
    if snapshot.unreadable_resources:
        return "wait: it may belong to a resource that could not be read; mend that one first"
    command = f"`sacctmgr delete account where {shlex.quote(f'name={account.name}')}`"
    if not account.ours:
        return f"whose it is must be found out; if nobody's: {command}"
    return (
        command
        if contents == "empty"
        else f"when its jobs have ended and nothing below it is used: {command}"
    )


def closed_for_jobs(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Accounts and members of living resources that can submit nothing, although they should."""
    snapshot, observed = sides.snapshot, sides.observed
    ending = {o.resource_uuid for o in snapshot.executing if o.type is OrderItemType.TERMINATE}
    at_rest = {resource.uuid for resource in snapshot.resting}
    for resource in snapshot.resources.values():
        if resource.state not in LIVE or resource.uuid in ending:
            continue
        try:
            names = lineage_of(resource, snapshot.owners, rules)
        except InvalidOrder:
            continue
        for name in (names.allocation, names.project, names.customer):
            account = observed.accounts.get(name)
            reopened = name == names.allocation and resource.uuid in at_rest
            if account and (account.closed or account.draining) and not (account.draining and reopened):
                yield closed_account(account, resource if name == names.allocation else None)
        if resource.uuid in at_rest:
            yield from closed_members(names.allocation, resource, sides)


def closed_account(account: Account, resource: Resource | None) -> Finding:
    """An account that takes no jobs; below a project's or a customer's nothing runs either."""
    name = account.name
    return Finding(
        kind=FindingKind.CLOSED,
        account=name,
        resource=resource,
        found="takes no new jobs" + (", and is marked as about to go" if account.draining else ""),
        expected="open",
        remedy=f"find out who closed it and why; `sacctmgr modify account where name={name} set "
        "GrpSubmitJobs=-1` opens it",
        traces=((closing(name),),),
    )


def closed_members(name: AccountName, resource: Resource, sides: BothSides) -> Iterator[Finding]:
    """Members of the team who have an association and can submit nothing with it."""
    team = sides.snapshot.team(resource)
    closed = tuple(
        user for user in team.users if team.answered and Association(name, user) in sides.observed.closed
    )
    if closed:
        yield Finding(
            kind=FindingKind.CLOSED,
            account=name,
            users=closed,
            resource=resource,
            found="members of the team who may submit no jobs",
            expected="open",
            remedy=f"find out who closed them and why; `sacctmgr modify user where name={','.join(closed)} "
            f"account={name} set MaxSubmitJobs=-1` opens them",
            traces=tuple((closing(name, user),) for user in closed),
        )


def default_accounts(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Users of ours whose default account is none, or will soon be."""
    observed = sides.observed
    ours = {one.user for one in observed.associations if rules.naming.is_managed(one.account)}
    needed = belongings_of(sides.snapshot, rules).needed
    going = {one.name for one in managed_accounts(observed, rules)} - needed
    by_default: dict[AccountName, list[UserName]] = {}
    for user, default in observed.default_accounts.items():
        concerns_us = user in ours or rules.naming.is_managed(default)
        if concerns_us and (default not in observed.accounts or default in going):
            by_default.setdefault(default, []).append(user)
    for default, users in sorted(by_default.items()):
        yield lost_default(default, tuple(sorted(users)), rules, is_there=default in observed.accounts)


def lost_default(
    default: AccountName, users: tuple[UserName, ...], rules: Rules, *, is_there: bool
) -> Finding:
    """Some users with one such default account."""
    if not default:
        found = "no default account"
    else:
        found = f"{default}, which " + (
            "belongs to nothing any more" if is_there else "is not on the cluster"
        )
    chosen = tuple(
        (
            Trace(action=MODIFY_ASSOCIATIONS, pair=(default, user), setting="is_def", value="1"),
            Trace(action=ADD_ASSOCIATIONS, pair=(default, user), setting="is_def", value="1"),
        )
        for user in users
    )
    return Finding(
        kind=FindingKind.DEFAULT_ACCOUNT,
        users=users,
        found=found,
        expected=f"an account that stays, such as {rules.default_account}",
        remedy=f"`sacctmgr modify user where name={','.join(users)} set "
        f"defaultaccount={rules.default_account}` (they need an association with it first)",
        traces=chosen if is_there else ((Trace(action=REMOVE_ACCOUNTS, name=default),),),
    )
