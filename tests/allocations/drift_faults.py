"""One site in line, and what can be wrong with it, a word for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName, UserName
from allocations.marketplace import (
    AllocationState,
    OrderItem,
    OrderItemState,
    OrderItemType,
    RecordedAllocation,
    ResourceState,
)
from allocations.membership import Team
from allocations.model import Account
from tests.allocations.drift_sites import (
    ADA,
    BOB,
    resource,
    settled,
    with_account,
    with_resource,
)

if TYPE_CHECKING:
    from allocations.findings import BothSides

ONE, TWO = resource(1), resource(2)
SIDES = settled([ONE, TWO], {1: Team((ADA, BOB))})
ACCOUNT = AccountName("hpc_00001_res1")
OTHER = AccountName("hpc_00002_res2")
PROJECT = AccountName(f"hpc_{ONE.project.uuid}")
CUSTOMER = AccountName(f"hpc_{ONE.customer.uuid}")
HERE = SIDES.snapshot.resources[ONE.uuid]


def account(name: AccountName = ACCOUNT, **changes: object) -> BothSides:
    return with_account(SIDES, replace(SIDES.observed.accounts[name], **changes))  # type: ignore[arg-type]


def stray(name: str, parent: AccountName = ROOT, **how: bool) -> BothSides:
    return with_account(SIDES, Account(AccountName(name), parent, **how))


def marketplace(**changes: object) -> BothSides:
    return with_resource(SIDES, replace(HERE, **changes))  # type: ignore[arg-type]


def ordered(sides: BothSides, kind: OrderItemType, state: OrderItemState) -> BothSides:
    order = OrderItem(
        uuid="0" * 32,
        type=kind,
        state=state,
        name="x",
        resource_uuid=ONE.uuid,
        customer=ONE.customer,
        project=ONE.project,
    )
    return replace(sides, snapshot=replace(sides.snapshot, orders=(order,)))


def observed(**changes: object) -> BothSides:
    return replace(SIDES, observed=replace(SIDES.observed, **changes))  # type: ignore[arg-type]


def allocation(state: AllocationState = AllocationState.OK, name: str | None = ACCOUNT) -> BothSides:
    known = {**SIDES.allocations, ONE.uuid: RecordedAllocation(uuid="0" * 32, state=state, account=name)}
    return replace(SIDES, allocations=known)


def terminated() -> BothSides:
    sides = marketplace(state=ResourceState.TERMINATED, allocation_state=AllocationState.DELETING)
    return replace(sides, allocations={})


def default_of(user: UserName, name: str, sides: BothSides = SIDES) -> BothSides:
    defaults = {**sides.observed.default_accounts, user: AccountName(name)}
    return replace(sides, observed=replace(sides.observed, default_accounts=defaults))


EXECUTING, PENDING = OrderItemState.EXECUTING, OrderItemState.PENDING
UPDATE, TERMINATE = OrderItemType.UPDATE, OrderItemType.TERMINATE
UPDATING = marketplace(state=ResourceState.UPDATING)
