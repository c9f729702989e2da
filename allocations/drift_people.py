"""Drift of people: members closed out, strangers whom no plan touches, lost default accounts. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.accounts import AccountName, is_user_name
from allocations.desired import lineage_of
from allocations.drift_cluster import belongings_of, managed_accounts
from allocations.errors import InvalidOrder
from allocations.findings import Finding, FindingKind, Mender
from allocations.history import ADD_ASSOCIATIONS, MODIFY_ASSOCIATIONS, REMOVE_ACCOUNTS, Trace, closing
from allocations.model import Association

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from allocations.accounts import UserName
    from allocations.desired import Rules
    from allocations.findings import BothSides
    from allocations.marketplace import Resource


def people(sides: BothSides, rules: Rules) -> Iterator[Finding]:
    """What pull leaves alone about the users of allocations at rest."""
    for resource in sides.snapshot.resting:
        try:
            name = lineage_of(resource, sides.snapshot.owners, rules).allocation
        except InvalidOrder:
            continue
        yield from barred_members(name, resource, sides)
        yield from strangers(name, resource, sides)


def barred_members(name: AccountName, resource: Resource, sides: BothSides) -> Iterator[Finding]:
    """Members of the team whom somebody else than us lets submit nothing."""
    observed = sides.observed
    barred = tuple(
        user
        for user in sides.snapshot.team(resource).users
        if Association(name, user) in observed.barred - observed.closed
    )
    if barred:
        yield Finding(
            kind=FindingKind.CLOSED,
            account=name,
            users=barred,
            resource=resource,
            found="members of the team who may submit no jobs",
            expected="open",
            remedy=f"find out who closed them and why; `sacctmgr modify user where name={','.join(barred)} "
            f"account={name}{observed.condition} set MaxSubmitJobs=-1 GrpSubmitJobs=-1` opens them",
            traces=tuple(closing(name, user) for user in barred),
        )


def strangers(name: AccountName, resource: Resource, sides: BothSides) -> Iterator[Finding]:
    """Users who are not in the team and whose names pull could not have added, so that it leaves them."""
    team = sides.snapshot.team(resource)
    if not team.answered or not team.users:
        return
    present = sides.observed.users_of(name)
    odd = tuple(sorted(u for u in present - set(team.users) - team.may_stay if not is_user_name(u)))
    if odd:
        yield Finding(
            kind=FindingKind.MEMBER_LEFT,
            account=name,
            users=odd,
            resource=resource,
            found="an association, and a name that pull neither adds nor removes",
            expected="no association",
            remedy="find out who added them and why; `sacctmgr delete user where name=... "
            f"account={name}{sides.observed.condition}` takes the association away",
            traces=tuple((Trace(action=ADD_ASSOCIATIONS, pair=(name, user)),) for user in odd),
        )


def default_accounts(sides: BothSides, rules: Rules, due: Container[Association]) -> Iterator[Finding]:
    """Users of ours whose default account is none, or will soon be; those due the next pull moves."""
    observed = sides.observed
    ours = {one.user for one in observed.associations if rules.naming.is_managed(one.account)}
    needed = belongings_of(sides.snapshot, rules).needed
    going = {one.name for one in managed_accounts(observed, rules)} - needed
    by_default: dict[AccountName, list[UserName]] = {}
    for user in sorted(ours - observed.default_accounts.keys()):
        by_default.setdefault(AccountName(""), []).append(user)
    for user, default in observed.default_accounts.items():
        concerns_us = user in ours or rules.naming.is_managed(default)
        if concerns_us and (default not in observed.accounts or default in going):
            by_default.setdefault(default, []).append(user)
    for default, users in sorted(by_default.items()):
        moved = tuple(user for user in sorted(users) if Association(default, user) in due)
        rest = tuple(sorted(set(users) - set(moved)))
        if moved:
            finding = lost_default(default, moved, rules, is_there=True, condition=observed.condition)
            remedy = f"the next pull gives them {rules.default_account}"
            yield replace(finding, mender=Mender.PULL, remedy=remedy)
        if rest:
            is_there = default in observed.accounts
            yield lost_default(default, rest, rules, is_there=is_there, condition=observed.condition)


def lost_default(
    default: AccountName, users: tuple[UserName, ...], rules: Rules, *, is_there: bool, condition: str
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
        remedy=f"`sacctmgr modify user where name={','.join(users)}{condition} set "
        f"defaultaccount={rules.default_account}` (they need an association with it first)",
        traces=chosen if is_there else ((Trace(action=REMOVE_ACCOUNTS, name=default),),),
    )
