"""Drift of accounts that only the cluster shows: those that belong to nothing, and closed ones. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName
from allocations.desired import lineage_of
from allocations.errors import InvalidName, InvalidOrder
from allocations.findings import Finding, FindingKind, Mender
from allocations.history import ADD_ACCOUNTS, Trace, closing
from allocations.marketplace import OrderItemType
from allocations.outcomes import plural
from allocations.snapshot import LIVE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from allocations.desired import Rules
    from allocations.findings import BothSides
    from allocations.marketplace import OrderItem, Resource
    from allocations.model import Account, ClusterState
    from allocations.snapshot import Snapshot


@dataclass(slots=True)
class Belongings:
    """Which account belongs to whom in the marketplace."""

    needed: set[AccountName] = field(default_factory=set)
    """Of resources that live, and of the projects and customers of those and of Create orders."""
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
    for order in snapshot.orders:
        if order.type is OrderItemType.CREATE:
            found.needed.update(parents_of(order, rules))
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


def parents_of(owned: Resource | OrderItem, rules: Rules) -> tuple[AccountName, ...]:
    """The accounts of the project and the customer of a resource, or of one that an order will make."""
    try:
        return (
            rules.naming.project_account(owned.project.uuid),
            rules.naming.customer_account(owned.customer.uuid),
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


def strays(sides: BothSides, rules: Rules, due: Container[AccountName]) -> Iterator[Finding]:
    """Managed accounts that nothing in the marketplace needs; those that are due the next pull deletes."""
    known = belongings_of(sides.snapshot, rules)
    for account in managed_accounts(sides.observed, rules):
        if account.name in known.needed:
            continue
        finding = stray(account, known, sides)
        if account.name in due:
            finding = replace(finding, mender=Mender.PULL, remedy="the next pull deletes it")
        yield finding


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
        remedy=remedy_for(account, contents, sides),
        traces=((Trace(action=ADD_ACCOUNTS, name=name),),),
    )


def contents_of(account: Account, observed: ClusterState) -> str:
    """`2 users, 1 account below it, draining`, or `empty`."""
    users, below = len(observed.users_of(account.name)), len(observed.children_of(account.name))
    parts = [plural(users, "user")] if users else []
    parts += [f"{plural(below, 'account')} below it"] if below else []
    parts = parts or ["empty"]
    return ", ".join([*parts, "draining"] if account.draining else parts)


def remedy_for(account: Account, contents: str, sides: BothSides) -> str:
    """What to do about an account that nothing needs."""
    if sides.snapshot.unreadable_resources:
        return "wait: it may belong to a resource that could not be read; mend that one first"
    command = (
        f"`sacctmgr delete account where {shlex.quote(f'name={account.name}')}{sides.observed.condition}`"
    )
    if not account.ours:
        return f"whose it is must be found out; if nobody's: {command}"
    return (
        command
        if contents == "empty"
        else f"when its jobs have ended and nothing below it is used: {command}"
    )


def closed_accounts(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """Accounts of living resources, and those above them, that take no jobs although they should."""
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
                whose = resource if name == names.allocation else None
                yield closed_account(account, whose, observed.condition)


def closed_account(account: Account, resource: Resource | None, condition: str) -> Finding:
    """An account that takes no jobs; below a project's or a customer's nothing runs either."""
    name = account.name
    return Finding(
        kind=FindingKind.CLOSED,
        account=name,
        resource=resource,
        found="takes no new jobs" + (", and is marked as about to go" if account.draining else ""),
        expected="open",
        remedy=f"find out who closed it and why; `sacctmgr modify account where name={name}{condition} set "
        "GrpSubmitJobs=-1` opens it",
        traces=(closing(name),),
    )
