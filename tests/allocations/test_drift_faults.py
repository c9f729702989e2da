"""A table of faults: each is found, alone, and by its name; and what is no fault is no finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.accounts import ROOT, UserName
from allocations.drift import drift
from allocations.findings import BothSides, FindingKind, Mender
from allocations.marketplace import (
    AllocationState,
    ResourceState,
)
from allocations.model import Association
from tests.allocations.drift_faults import (
    ACCOUNT,
    CUSTOMER,
    EXECUTING,
    ONE,
    OTHER,
    PENDING,
    PROJECT,
    SIDES,
    TERMINATE,
    UPDATE,
    UPDATING,
    account,
    allocation,
    default_of,
    marketplace,
    observed,
    ordered,
    stray,
    terminated,
)
from tests.allocations.drift_sites import (
    ADA,
    BOB,
    DEFAULT,
    EVE,
    RULES,
    with_account,
    with_members,
    without_account,
)

K, M = FindingKind, Mender

FAULTS: dict[str, tuple[BothSides, FindingKind, str, tuple[UserName, ...], Mender]] = {
    "an account is gone": (without_account(SIDES, ACCOUNT), K.MISSING, ACCOUNT, (), M.REPAIR),
    "the account of a resource whose update is at work is gone": (
        ordered(without_account(UPDATING, ACCOUNT), UPDATE, EXECUTING),
        K.MISSING,
        ACCOUNT,
        (),
        M.PULL,
    ),
    "the account of a resource whose update waits is gone": (
        ordered(without_account(UPDATING, ACCOUNT), UPDATE, PENDING),
        K.MISSING,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "nothing knows an account of ours": (stray("hpc_x", ours=True), K.UNKNOWN, "hpc_x", (), M.PERSON),
    "nothing knows somebody's account": (stray("hpc_x", DEFAULT), K.UNKNOWN, "hpc_x", (), M.PERSON),
    "an account has another name of a resource": (
        stray("hpc_00001aaa_res1", PROJECT),
        K.UNKNOWN,
        "hpc_00001aaa_res1",
        (),
        M.PERSON,
    ),
    "a Terminated resource's account is there": (terminated(), K.LEFTOVER, ACCOUNT, (), M.PULL),
    "an old agent's account of a Terminated resource is there": (
        with_account(terminated(), replace(SIDES.observed.accounts[ACCOUNT], ours=False)),
        K.LEFTOVER,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "the old agent's account is below root": (account(parent=ROOT), K.PARENT, ACCOUNT, (), M.ADOPTION),
    "a project's account is elsewhere": (account(PROJECT, parent=ROOT), K.PARENT, PROJECT, (), M.ADOPTION),
    "the limits were changed": (account(grp_tres_mins={"cpu": 1}), K.LIMITS, ACCOUNT, (), M.PERSON),
    "the limits were lifted": (account(grp_tres_mins={}), K.LIMITS, ACCOUNT, (), M.PERSON),
    "the marketplace limits what is not sold": (
        marketplace(limits={"disk": 1}),
        K.LIMITS,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "a member has no association": (
        with_members(SIDES, ACCOUNT, {ADA}),
        K.MEMBER_MISSING,
        ACCOUNT,
        (BOB,),
        M.PULL,
    ),
    "a stranger has one": (
        with_members(SIDES, ACCOUNT, {ADA, BOB, EVE}),
        K.MEMBER_LEFT,
        ACCOUNT,
        (EVE,),
        M.PULL,
    ),
    "a Terminate order has closed an account and gone": (
        account(draining=True, closed=True),
        K.CLOSED,
        ACCOUNT,
        (),
        M.PULL,
    ),
    "somebody has closed an account": (account(closed=True), K.CLOSED, ACCOUNT, (), M.PERSON),
    "somebody has closed a project": (account(PROJECT, closed=True), K.CLOSED, PROJECT, (), M.PERSON),
    "somebody has closed a customer": (account(CUSTOMER, closed=True), K.CLOSED, CUSTOMER, (), M.PERSON),
    "somebody has closed a member": (
        observed(barred=frozenset({Association(ACCOUNT, BOB)})),
        K.CLOSED,
        ACCOUNT,
        (BOB,),
        M.PERSON,
    ),
    "a member who came back is closed still": (
        observed(closed=frozenset({Association(ACCOUNT, BOB)})),
        K.CLOSED,
        ACCOUNT,
        (BOB,),
        M.PULL,
    ),
    "root has an association": (
        with_members(SIDES, ACCOUNT, {ADA, BOB, UserName("root")}),
        K.MEMBER_LEFT,
        ACCOUNT,
        (UserName("root"),),
        M.PERSON,
    ),
    "a default account is gone": (default_of(BOB, "gone"), K.DEFAULT_ACCOUNT, BOB, (BOB,), M.PERSON),
    "a default account is none": (
        observed(default_accounts={ADA: DEFAULT}),
        K.DEFAULT_ACCOUNT,
        BOB,
        (BOB,),
        M.PERSON,
    ),
    "a managed default account of a stranger is gone": (
        default_of(EVE, "hpc_gone"),
        K.DEFAULT_ACCOUNT,
        EVE,
        (EVE,),
        M.PERSON,
    ),
    "a resource is Erred": (
        replace(marketplace(state=ResourceState.ERRED), allocations={}),
        K.STATE,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "an update has no order": (UPDATING, K.STATE, ACCOUNT, (), M.PERSON),
    "an allocation waits for an update that is over": (
        allocation(AllocationState.UPDATE_SCHEDULED),
        K.STATE,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "the resource alone tells of a wrong state": (
        replace(marketplace(allocation_state=AllocationState.ERRED), allocations={}),
        K.STATE,
        ACCOUNT,
        (),
        M.PERSON,
    ),
    "the allocation has another account": (allocation(name=OTHER), K.BACKEND_ID, ACCOUNT, (), M.PERSON),
    "the allocation has none": (allocation(name=None), K.BACKEND_ID, ACCOUNT, (), M.PERSON),
    "the resource records nothing": (
        replace(marketplace(account=None), allocations={}),
        K.BACKEND_ID,
        f"resource {ONE.uuid}",
        (),
        M.PERSON,
    ),
    "the resource records nonsense": (
        replace(marketplace(account="root"), allocations={}),
        K.BACKEND_ID,
        "root",
        (),
        M.PERSON,
    ),
    "an order cannot be read": (
        replace(SIDES, snapshot=replace(SIDES.snapshot, unreadable_orders=("order 1: odd",))),
        K.UNREADABLE,
        "the marketplace",
        (),
        M.PERSON,
    ),
}


def test_a_limit_on_what_is_not_sold_is_an_administrator_s_and_no_drift() -> None:
    assert drift(account(grp_tres_mins={"cpu": 600, "mem": 1024, "node": 1}), RULES) == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_nothing_else_is(fault: str) -> None:
    sides, kind, subject, users, mender = FAULTS[fault]
    (finding,) = drift(sides, RULES)
    assert (finding.kind, finding.subject, finding.users, finding.mender) == (kind, subject, users, mender)
    assert finding.found
    assert finding.expected
    assert finding.remedy


IN_ORDER: dict[str, BothSides] = {
    "an account without our prefix is nobody's business": stray("physics"),
    "the default account may be closed": account(DEFAULT, closed=True),
    "a limit that sacctmgr shows the same is the same": account(grp_tres_mins={"cpu": 600, "mem": 1024}),
    "a pull is ending the allocation": ordered(
        with_account(
            marketplace(state=ResourceState.TERMINATING, allocation_state=AllocationState.DELETION_SCHEDULED),
            replace(SIDES.observed.accounts[ACCOUNT], draining=True, closed=True),
        ),
        TERMINATE,
        EXECUTING,
    ),
    "an update is at work": ordered(UPDATING, UPDATE, EXECUTING),
    "a default account of a stranger is his": default_of(EVE, "gone"),
    "an allocation that was never moved tells no state": replace(
        marketplace(allocation_state=None), allocations={}
    ),
}


@pytest.mark.parametrize("case", IN_ORDER)
def test_what_is_no_fault_is_no_finding(case: str) -> None:
    assert drift(IN_ORDER[case], RULES) == ()
