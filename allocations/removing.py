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
from allocations.errors import InvalidName, InvalidOrder
from allocations.model import Association
from allocations.plan import AwaitJobs, Plan, ReportUsage, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from allocations.accounts import AccountName, UserName
    from allocations.desired import Rules
    from allocations.marketplace import OrderItem, Resource
    from allocations.model import ClusterState


def terminate(account: AccountName, observed: ClusterState, rules: Rules) -> Plan:
    """Close the account, let its jobs end, report what they used, move defaults, delete it.

    An account that is gone already leaves its usage to be reported: slurmdbd keeps it.

    Raises:
        InvalidOrder: other accounts hang below it, which nobody here made, or it is the default account of
            a user whom nobody here added.
    """
    final = Step(ReportUsage(account), "no usage is taken after the order is done")
    present = observed.accounts.get(account)
    if present is None:
        return Plan((final,))
    below = observed.children_of(account)
    if below:
        raise InvalidOrder(
            f"the account {account!r} has accounts below it ({', '.join(below)}), which were not made here: "
            "move them away, then retry the order"
        )
    is_closed = present.draining and present.closed
    steps = [] if is_closed else [Step(DrainAccount(account), "it is about to go")]
    if rules.cancel_jobs:
        steps.append(Step(CancelJobs(account), "SLURM_TERMINATE_JOBS=cancel"))
    steps += [Step(AwaitJobs(account)), final]
    moved = tuple(defaults_moved(account, sorted(observed.users_of(account)), observed, rules))
    refuse_strangers(account, moved)
    steps += moved
    steps.append(Step(DeleteAccount(account), "terminated"))
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


def refuse_strangers(account: AccountName, moved: Iterable[Step]) -> None:
    """Users whose names we could never have added cannot be named in a command either."""
    users = [user for step in moved if isinstance(step.act, MoveDefaults) for user in step.act.users]
    odd = [user for user in users if not is_user_name(user)]
    if odd:
        raise InvalidOrder(
            f"the account {account!r} is the default or the only account of {', '.join(map(repr, odd))}, "
            "not added here: give them another one, then retry the order"
        )


def is_stranded(account: AccountName, user: UserName, observed: ClusterState) -> bool:
    """Whether a user would lose his default account, or his last association."""
    others = observed.accounts_of(user) - {account}
    return not others or observed.default_accounts.get(user) == account


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
