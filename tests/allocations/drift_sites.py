"""Sites for laws: a marketplace's snapshot and the cluster that pull makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName, NamingRules, UserName
from allocations.components import parse_components
from allocations.desired import Rules, lineage_of
from allocations.findings import BothSides
from allocations.marketplace import (
    AllocationState,
    Offering,
    Party,
    RecordedAllocation,
    Resource,
    ResourceState,
)
from allocations.model import Account, Association, ClusterState
from allocations.planning import plan_run
from allocations.snapshot import Snapshot

if TYPE_CHECKING:
    from allocations.membership import Team

DEFAULT = AccountName("cloudrock")
COMPONENTS = parse_components(
    "cpu: {limit: 600, measured_unit: min, accounting_type: usage, label: CPU}\n"
    "mem: {limit: 1024, measured_unit: min, accounting_type: limit, label: RAM}\n",
    "test",
)
RULES = Rules(naming=NamingRules(), components=COMPONENTS, default_account=DEFAULT)
OFFERING = Offering(
    uuid="f" * 32, name="o", type="Marketplace.Slurm", state="Active", customer_uuid="e" * 32, components=()
)
ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")


def uuid_of(number: int, digit: str = "0") -> str:
    """A uuid whose first digits tell it apart."""
    return f"{number:05x}{digit * 27}"


def resource(number: int, project: int = 1, state: ResourceState = ResourceState.OK) -> Resource:
    """A resource of a project; each project is one customer's."""
    return Resource(
        uuid=uuid_of(number, "a"),
        name=f"Res {number}",
        state=state,
        allocation_uuid=uuid_of(number, "b"),
        allocation_state=AllocationState.OK if state is ResourceState.OK else None,
        account=None,
        customer=Party(uuid_of(project, "c"), f"Customer {project}"),
        project=Party(uuid_of(project, "d"), f"Project {project}"),
    )


def bare_cluster() -> ClusterState:
    """Root and the default account."""
    return ClusterState({ROOT: Account(ROOT, None), DEFAULT: Account(DEFAULT, ROOT)})


def snapshot_of(resources: list[Resource], teams: dict[int, Team]) -> Snapshot:
    """The marketplace with each resource's account recorded, as after its Create order."""
    by_uuid = {one.uuid: replace(one, account=lineage_of(one, {}, RULES).allocation) for one in resources}
    named = {uuid_of(project, "d"): team for project, team in teams.items()}
    return Snapshot(offering=OFFERING, orders=(), resources=by_uuid, teams=named)


def mended(snapshot: Snapshot, observed: ClusterState, rules: Rules = RULES) -> ClusterState:
    """The cluster after a pull that also repairs whatever is missing, and a second one."""
    everything = [one.account for one in snapshot.resources.values() if one.account]
    for _ in range(2):
        plan = plan_run(snapshot, observed, rules, repair=everything)
        observed = plan.registration.applied_to(observed)
        for part in plan.parts:
            observed = part.plan.applied_to(observed)
    return observed


def told(snapshot: Snapshot) -> dict[str, RecordedAllocation]:
    """Every allocation OK, and with the resource's own account."""
    return {
        uuid: RecordedAllocation(
            uuid=one.allocation_uuid or "", state=AllocationState.OK, account=one.account
        )
        for uuid, one in snapshot.resources.items()
        if one.state is ResourceState.OK
    }


def both_sides(snapshot: Snapshot, observed: ClusterState) -> BothSides:
    """What drift is given."""
    return BothSides(snapshot=snapshot, observed=observed, allocations=told(snapshot))


def settled(resources: list[Resource], teams: dict[int, Team]) -> BothSides:
    """A marketplace, and a cluster that pull has just brought in line with it."""
    snapshot = snapshot_of(resources, teams)
    return both_sides(snapshot, mended(snapshot, bare_cluster()))


def with_account(sides: BothSides, account: Account) -> BothSides:
    """The same with one account as given."""
    accounts = {**sides.observed.accounts, account.name: account}
    return replace(sides, observed=replace(sides.observed, accounts=accounts))


def without_account(sides: BothSides, name: str) -> BothSides:
    """The same without one account and its members."""
    observed = sides.observed
    accounts = {key: account for key, account in observed.accounts.items() if key != name}
    kept = frozenset(one for one in observed.associations if one.account != name)
    return replace(sides, observed=replace(observed, accounts=accounts, associations=kept))


def with_members(sides: BothSides, account: str, users: set[UserName]) -> BothSides:
    """The same with exactly these users of an account."""
    others = {one for one in sides.observed.associations if one.account != account}
    own = {Association(AccountName(account), user) for user in users}
    defaults = {**dict.fromkeys(users, DEFAULT), **sides.observed.default_accounts}
    observed = replace(sides.observed, associations=frozenset(others | own), default_accounts=defaults)
    return replace(sides, observed=observed)


def with_resource(sides: BothSides, changed: Resource) -> BothSides:
    """The same with one resource as given."""
    resources = {**sides.snapshot.resources, changed.uuid: changed}
    return replace(sides, snapshot=replace(sides.snapshot, resources=resources))
