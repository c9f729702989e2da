"""One small site for the tests of the rules, and generated ones for their laws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName, NamingRules, UserName
from allocations.changes import apply_to
from allocations.components import parse_components
from allocations.desired import Rules
from allocations.marketplace import (
    BillingType,
    Offering,
    OfferingComponent,
    OrderItem,
    OrderItemState,
    OrderItemType,
    Party,
    Resource,
    ResourceState,
)
from allocations.membership import Team
from allocations.model import Account, Association, ClusterState
from allocations.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.changes import Change

DEFAULT = AccountName("cloudrock")
COMPONENTS = parse_components(
    """
cpu: {limit: 600, measured_unit: k-Hours, accounting_type: limit, label: CPU, unit_factor: 60}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU}
mem: {limit: 7, measured_unit: MB-minutes, accounting_type: limit, label: RAM}
""",
    "test",
)
RULES = Rules(naming=NamingRules(), components=COMPONENTS, default_account=DEFAULT)
OFFERING = Offering(
    uuid="0" * 32,
    name="Cluster",
    type="Marketplace.Slurm",
    state="Active",
    customer_uuid="1" * 32,
    components=tuple(
        OfferingComponent(type=kind, name=kind, measured_unit="x", billing_type=billing)
        for kind, billing in (
            ("cpu", BillingType.LIMIT),
            ("gres/gpu", BillingType.USAGE),
            ("mem", BillingType.LIMIT),
        )
    ),
)
CUSTOMERS = (Party("c" * 32, "ACME \n GmbH"), Party("e" * 32, "Uni"))
PROJECTS = ((Party("d" * 32, "Genomes"), CUSTOMERS[0]), (Party("f" * 32, "Proteins"), CUSTOMERS[0]))
PROJECTS += ((Party("9" * 32, "Stars"), CUSTOMERS[1]),)
STEM = "1a2b3"
"""All resources' uuids begin so: their accounts' preferred names are the same where their names are."""


def resource(number: int = 0, **fields: object) -> Resource:
    """A resource of the first project, unless the fields say otherwise."""
    project, customer = PROJECTS[0]
    plain = Resource(
        uuid=f"{STEM}{number:027x}",
        name="Genomics",
        state=ResourceState.OK,
        allocation_uuid=f"a{number:031x}",
        allocation_state=None,
        account=None,
        customer=customer,
        project=project,
    )
    return replace(plain, **fields)  # type: ignore[arg-type] # the fields are those of a Resource


def order(
    kind: OrderItemType = OrderItemType.CREATE, of: Resource | None = None, **fields: object
) -> OrderItem:
    """An executing order item of a resource."""
    one = of or resource()
    plain = OrderItem(
        uuid=f"b{one.uuid[1:]}",
        type=kind,
        state=OrderItemState.EXECUTING,
        name=one.name,
        resource_uuid=one.uuid,
        customer=one.customer,
        project=one.project,
    )
    return replace(plain, **fields)  # type: ignore[arg-type] # the fields are those of an OrderItem


def snapshot(
    resources: Iterable[Resource],
    orders: Iterable[OrderItem] = (),
    teams: Mapping[str, Team] | None = None,
    **fields: object,
) -> Snapshot:
    """What the marketplace says; without teams, ada and bob are everywhere."""
    known = {project.uuid: team("ada", "bob") for project, _ in PROJECTS}
    plain = Snapshot(
        offering=OFFERING,
        orders=tuple(orders),
        resources={one.uuid: one for one in resources},
        teams=known if teams is None else teams,
    )
    return replace(plain, **fields)  # type: ignore[arg-type] # the fields are those of a Snapshot


def team(*users: str) -> Team:
    return Team(tuple(UserName(user) for user in sorted(users)))


def cluster(
    *accounts: Account, users: Iterable[tuple[str, str]] = (), defaults: Mapping[str, str] | None = None
) -> ClusterState:
    """Root, the default account, and these; users as (account, user), each with the site's default."""
    everything = (Account(ROOT, None), Account(DEFAULT, ROOT), *accounts)
    named = {user for _, user in users}
    homes = dict.fromkeys(named, DEFAULT) if defaults is None else defaults
    pairs = {(AccountName(account), UserName(user)) for account, user in users}
    pairs |= {(AccountName(account), UserName(user)) for user, account in homes.items()}
    return ClusterState(
        {account.name: account for account in everything},
        frozenset(Association(*pair) for pair in pairs),
        {UserName(user): AccountName(account) for user, account in homes.items()},
    )


def ours(name: str, parent: str, **limits: int) -> Account:
    """An account that we made."""
    return Account(AccountName(name), AccountName(parent), limits, ours=True)


def states(observed: ClusterState, changes: Iterable[Change]) -> list[ClusterState]:
    """The cluster before the first change and after each."""
    found = [observed]
    for change in changes:
        found.append(apply_to(found[-1], change))
    return found


def problems_of(state: ClusterState) -> list[str]:
    """What makes a cluster invalid."""
    found = [
        f"{one.name} has no parent"
        for one in state.accounts.values()
        if one.name != ROOT and one.parent not in state.accounts
    ]
    found += [f"{one} has no account" for one in state.associations if one.account not in state.accounts]
    found += [
        f"the default account of {user} dangles"
        for user, name in state.default_accounts.items()
        if Association(name, user) not in state.associations
    ]
    return found
