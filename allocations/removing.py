"""How an allocation ends and how a member leaves: closed first, then emptied, then removed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.accounts import ROOT, is_user_name
from allocations.changes import (
    CancelJobs,
    CloseUsers,
    DeleteAccount,
    DrainAccount,
    MoveDefaults,
    RemoveUsers,
    apply_to,
)
from allocations.desired import lineage_of
from allocations.errors import InvalidName, InvalidOrder
from allocations.marketplace import OrderItemType, ResourceState
from allocations.model import Association
from allocations.plan import AwaitJobs, Plan, ReportUsage, Step
from allocations.snapshot import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from allocations.accounts import AccountName, UserName
    from allocations.desired import Rules
    from allocations.marketplace import OrderItem, Resource
    from allocations.model import ClusterState
    from allocations.snapshot import Snapshot


def terminate(account: AccountName, observed: ClusterState, rules: Rules, *, why: str = "") -> Plan:
    """Close the account, let its jobs end, report what they used, move defaults, delete it.

    An account that is gone already leaves its usage to be reported: slurmdbd keeps it.

    Args:
        account: the allocation's.
        observed: the cluster.
        rules: the site's.
        why: the account goes without an order, for this reason; the marketplace takes no usage of it then.

    Raises:
        InvalidOrder: other accounts hang below it, which nobody here made, or it is the default account of
            a user whom nobody here added.
    """
    final = () if why else (Step(ReportUsage(account), "no usage is taken after the order is done"),)
    present = observed.accounts.get(account)
    if present is None:
        return Plan(final)
    then = "the next pull goes on" if why else "retry the order"
    below = observed.children_of(account)
    if below:
        raise InvalidOrder(
            f"the account {account!r} has accounts below it ({', '.join(below)}), which were not made here: "
            f"move them away, then {then}"
        )
    is_closed = present.draining and present.closed
    steps = [] if is_closed else [Step(DrainAccount(account), why or "it is about to go")]
    if rules.cancel_jobs:
        steps.append(Step(CancelJobs(account), "SLURM_TERMINATE_JOBS=cancel"))
    steps += [Step(AwaitJobs(account)), *final]
    moved = tuple(defaults_moved(account, sorted(observed.users_of(account)), observed, rules))
    refuse_strangers(account, moved, then)
    steps += moved
    steps.append(Step(DeleteAccount(account), why or "terminated"))
    return Plan(tuple(steps))


def leave(account: AccountName, users: Sequence[UserName], observed: ClusterState, rules: Rules) -> Plan:
    """Take an account from people: their jobs end, those whose default it was get the site's."""
    gone = tuple(users)
    why = "not in the project's team any more"
    still_open = tuple(user for user in gone if Association(account, user) not in observed.closed)
    steps = [Step(CloseUsers(account, still_open), why)] if still_open else []
    if rules.cancel_jobs:
        steps.append(Step(CancelJobs(account, gone), "SLURM_TERMINATE_JOBS=cancel"))
    steps.append(Step(AwaitJobs(account, gone)))
    steps += defaults_moved(account, gone, observed, rules)
    steps.append(Step(RemoveUsers(account, gone), why))
    return Plan(tuple(steps))


def defaults_moved(
    account: AccountName, users: Iterable[UserName], observed: ClusterState, rules: Rules
) -> Iterator[Step]:
    """SLURM refuses to take a default account away, and forgets a user with his last association."""
    stranded = tuple(user for user in users if is_stranded(account, user, observed))
    if stranded:
        yield Step(MoveDefaults(stranded, account, rules.default_account), "so that they stay users")


def refuse_strangers(account: AccountName, moved: Iterable[Step], then: str) -> None:
    """Users whose names we could never have added cannot be named in a command either."""
    users = [user for step in moved if isinstance(step.act, MoveDefaults) for user in step.act.users]
    odd = [user for user in users if not is_user_name(user)]
    if odd:
        raise InvalidOrder(
            f"the account {account!r} is the default or the only account of {', '.join(map(repr, odd))}, "
            f"not added here: give them another one, then {then}"
        )


def is_stranded(account: AccountName, user: UserName, observed: ClusterState) -> bool:
    """Whether a user would lose his default account, or his last association."""
    others = observed.accounts_of(user) - {account}
    return not others or observed.default_accounts.get(user) == account


ABANDONED = "its resource is Terminated, and no order will end it"
"""Why an account goes that no Terminate order asks for."""
UNREPORTABLE = "the marketplace takes no usage of a Terminated resource: what was used is in slurmdbd only"


def abandoned(snapshot: Snapshot, observed: ClusterState, rules: Rules) -> dict[str, AccountName]:
    """The uuids of Terminated resources whose account is still there, with that account.

    So ends a Create order that is rejected while it is carried out, or a resource that another tool ends.
    Only accounts that we made, that the resource records as its own, and that no living resource has or could
    have. While some resource cannot be read, any account may be that one's; an open order decides itself.
    """
    if snapshot.unreadable_resources:
        return {}
    busy = {order.resource_uuid for order in snapshot.orders}
    left = {
        resource.uuid: account
        for resource in snapshot.resources.values()
        if resource.state is ResourceState.TERMINATED
        and resource.uuid not in busy
        and (account := own_account(resource, snapshot.owners, rules))
        and account in observed.accounts
        and observed.accounts[account].ours
    }
    claimed = frozenset(claims(snapshot, rules)) if left else frozenset()
    return {uuid: account for uuid, account in left.items() if account not in claimed}


def own_account(resource: Resource, owners: Mapping[str, str], rules: Rules) -> AccountName | None:
    """The account that a resource records, when it is one of its own."""
    if not resource.account:
        return None
    try:
        return lineage_of(resource, owners, rules).allocation
    except InvalidOrder:
        return None


def claims(snapshot: Snapshot, rules: Rules) -> Iterator[str]:
    """Every account that a living resource records, or that could be its own, its project's or customer's."""
    for one in needing(snapshot):
        try:
            yield rules.naming.project_account(one.project.uuid)
            yield rules.naming.customer_account(one.customer.uuid)
        except InvalidName:
            continue
    for resource in snapshot.resources.values():
        if resource.state in LIVE:
            yield resource.account or ""
            yield from rules.naming.candidates(resource.uuid, resource.name)


def needing(snapshot: Snapshot, ending: Resource | None = None) -> list[Resource | OrderItem]:
    """What needs the accounts of its project and its customer, besides one that ends."""
    live = [one for one in snapshot.resources.values() if one.state in LIVE and one is not ending]
    coming = [order for order in snapshot.orders if order.type is OrderItemType.CREATE]
    return [*live, *coming]


def prune(
    resource: Resource, needed: Iterable[Resource | OrderItem], observed: ClusterState, rules: Rules
) -> Plan:
    """The project's and then the customer's account go when they are empty, ours, and of no more use.

    Args:
        resource: one that has ended, or ends now.
        needed: whatever needs the accounts of its project and customer.
        observed: the cluster, with everything on it that may still be there at that moment: SLURM deletes
            what is below an account with it.
        rules: the site's.
    """
    alive = tuple(needed)
    project_needed = any(one.project.uuid == resource.project.uuid for one in alive)
    customer_needed = any(one.customer.uuid == resource.customer.uuid for one in alive)
    try:
        project = rules.naming.project_account(resource.project.uuid)
        customer = rules.naming.customer_account(resource.customer.uuid)
    except InvalidName:
        return Plan()
    steps = []
    for name, is_needed in ((project, project_needed), (customer, customer_needed)):
        if is_needed or not is_empty(name, observed, rules):
            continue
        step = Step(DeleteAccount(name), "empty, and made by us")
        steps.append(step)
        observed = apply_to(observed, DeleteAccount(name))
    return Plan(tuple(steps))


def is_empty(name: AccountName, observed: ClusterState, rules: Rules) -> bool:
    """Whether an account is ours and nothing and nobody is below it."""
    present = observed.accounts.get(name)
    if present is None or not present.ours or name in (ROOT, rules.default_account):
        return False
    return not observed.children_of(name) and not observed.users_of(name)
