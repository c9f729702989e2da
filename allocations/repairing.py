"""Missing accounts that a person wants made again: pull's own plan, of these accounts only. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.desired import lineage_of
from allocations.errors import InvalidOrder, InvalidRepair
from allocations.marketplace import ResourceState
from allocations.planning import Planner, RunPlan, keep_up, registered_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.accounts import AccountName
    from allocations.desired import Rules
    from allocations.marketplace import Resource
    from allocations.model import ClusterState
    from allocations.snapshot import Snapshot


def plan_repair(snapshot: Snapshot, observed: ClusterState, rules: Rules, accounts: Sequence[str]) -> RunPlan:
    """What makes some missing accounts of OK resources again, and nothing else.

    Raises:
        InvalidRepair: one sentence for each account that is not to be repaired, and why; then none is.
    """
    wanted = tuple(dict.fromkeys(accounts))
    by_account = accounts_of_resources(snapshot, rules)
    problems = [
        problem
        for account in wanted
        if (problem := why_not(account, by_account.get(account, ()), snapshot, observed))
    ]
    if problems:
        raise InvalidRepair("\n".join(problems))
    planner = Planner(snapshot, rules, observed, observed, dict(snapshot.owners))
    resources = [by_account[account][0] for account in wanted]
    parts = [part for one in resources if (part := keep_up(planner, one, frozenset(wanted)))]
    newcomers, parts = registered_together(parts)
    return RunPlan(newcomers, tuple(parts), rules.default_account)


def accounts_of_resources(snapshot: Snapshot, rules: Rules) -> dict[str, list[Resource]]:
    """Account to the resources whose account it is; where several, those that are OK come first."""
    found: dict[str, list[Resource]] = {}
    for resource in snapshot.resources.values():
        try:
            name: AccountName = lineage_of(resource, snapshot.owners, rules).allocation
        except InvalidOrder:
            continue
        found.setdefault(name, []).append(resource)
    for resources in found.values():
        resources.sort(key=lambda one: one.state is not ResourceState.OK)
    return found


def why_not(account: str, resources: Sequence[Resource], snapshot: Snapshot, observed: ClusterState) -> str:
    """Why an account is not to be repaired; empty when it is."""
    if not resources:
        return (
            f"{account!r}: no resource of the offering has this account: expected one that "
            "`cloudrock-slurm drift` reports as missing"
        )
    if account in observed.accounts:
        return f"{account!r}: it is on the cluster, nothing is to be repaired"
    resource = resources[0]
    if resource.state is not ResourceState.OK:
        return (
            f"{account!r}: its resource {resource.name!r} is {resource.state.value}: expected one that is OK"
        )
    if resource not in snapshot.resting:
        return (
            f"{account!r}: its resource {resource.name!r} has an open order, which the next pull carries out"
        )
    return ""
