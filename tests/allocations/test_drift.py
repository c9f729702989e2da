"""Drift, as laws over generated sites and as a table of faults: each is found, alone, and by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.drift import drift
from allocations.findings import BothSides, DriftReport, FindingKind, Mender
from allocations.marketplace import (
    AllocationState,
    OrderItem,
    OrderItemState,
    OrderItemType,
    RecordedAllocation,
    ResourceState,
)
from allocations.membership import UNKNOWN_TEAM, Team
from allocations.model import Account, Association
from allocations.planning import plan_run
from tests.allocations.drift_sites import (
    ADA,
    BOB,
    DEFAULT,
    EVE,
    RULES,
    bare_cluster,
    both_sides,
    mended,
    resource,
    settled,
    with_account,
    with_members,
    with_resource,
    without_account,
)

if TYPE_CHECKING:
    from allocations.findings import Finding

K, M = FindingKind, Mender
USERS = [ADA, BOB, EVE]
TEAMS = st.one_of(
    st.lists(st.sampled_from(USERS), unique=True).map(lambda users: Team(tuple(sorted(users)))),
    st.just(UNKNOWN_TEAM),
)
STATES = st.sampled_from([ResourceState.OK, ResourceState.OK, ResourceState.TERMINATED])


@st.composite
def sites(draw: st.DrawFn) -> BothSides:
    """Some resources of some projects, and the cluster as pull has left it."""
    numbers = draw(st.lists(st.integers(1, 0xFFFFF), unique=True, min_size=1, max_size=5))
    resources = [resource(number, draw(st.integers(1, 3)), draw(STATES)) for number in numbers]
    return settled(resources, {project: draw(TEAMS) for project in (1, 2, 3)})


def damage(draw: st.DrawFn, sides: BothSides, name: AccountName) -> BothSides:
    """What somebody does to an account on the cluster."""
    hit = sides.observed.accounts[name]
    ways: dict[str, BothSides] = {
        "limits": with_account(sides, replace(hit, grp_tres_mins={"cpu": draw(st.integers(0, 9))})),
        "moved": with_account(sides, replace(hit, parent=ROOT)),
        "members": with_members(sides, name, draw(st.sets(st.sampled_from(USERS)))),
        "draining": with_account(sides, replace(hit, draining=True, closed=True)),
        "closed": with_account(sides, replace(hit, closed=True)),
        "strange": with_account(sides, replace(hit, parent=DEFAULT, ours=draw(st.booleans()))),
    }
    if not sides.observed.children_of(name):
        ways["gone"] = without_account(sides, name)
    return ways[draw(st.sampled_from(sorted(ways)))]


@st.composite
def damaged(draw: st.DrawFn) -> BothSides:
    """A site in line, and then what people did to the cluster."""
    sides = draw(sites())
    names = [name for name in sorted(sides.observed.accounts) if name not in (ROOT, DEFAULT)]
    for name in draw(st.lists(st.sampled_from(names), unique=True)) if names else ():
        sides = damage(draw, sides, name)
    return sides


@given(sites())
def test_a_cluster_that_pull_has_just_brought_in_line_has_no_drift(sides: BothSides) -> None:
    assert drift(sides, RULES) == ()


def by(mender: Mender, findings: tuple[Finding, ...]) -> set[object]:
    return {finding.key for finding in findings if finding.mender is mender}


@given(damaged())
def test_what_pull_would_mend_is_found_and_is_all_that_pull_mends(sides: BothSides) -> None:
    before = drift(sides, RULES)
    plan = plan_run(sides.snapshot, sides.observed, RULES)
    observed = plan.registration.applied_to(sides.observed)
    for part in plan.parts:
        observed = part.plan.applied_to(observed)
    assert bool(plan.changes) == bool(by(M.PULL, before))
    after = drift(both_sides(sides.snapshot, observed), RULES)
    assert not by(M.PULL, after)
    for mender in (M.REPAIR, M.ADOPTION):
        assert by(mender, before) == by(mender, after)


@given(damaged())
def test_what_a_strict_pull_would_do_besides_is_found(sides: BothSides) -> None:
    strict = replace(RULES, own_limits=True, adopt_parents=True)
    after = drift(both_sides(sides.snapshot, mended(sides.snapshot, sides.observed, strict)), RULES)
    assert not [finding for finding in after if finding.mender is not M.PERSON]
    assert not [one for one in after if one.kind is K.LIMITS]


@given(damaged(), st.booleans())
def test_an_unknown_or_empty_team_removes_nobody(sides: BothSides, is_known: bool) -> None:  # noqa: FBT001
    teams = dict.fromkeys(sides.snapshot.teams, Team() if is_known else UNKNOWN_TEAM)
    silent = replace(sides, snapshot=replace(sides.snapshot, teams=teams))
    kinds = {finding.kind for finding in drift(silent, RULES)}
    assert not kinds & {K.MEMBER_LEFT, K.MEMBER_MISSING}


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
    "a Terminated resource's account is there": (terminated(), K.LEFTOVER, ACCOUNT, (), M.PERSON),
    "the old agent's account is below root": (account(parent=ROOT), K.PARENT, ACCOUNT, (), M.ADOPTION),
    "a project's account is elsewhere": (account(PROJECT, parent=ROOT), K.PARENT, PROJECT, (), M.ADOPTION),
    "the limits were changed": (account(grp_tres_mins={"cpu": 1}), K.LIMITS, ACCOUNT, (), M.PERSON),
    "the limits were lifted": (account(grp_tres_mins={}), K.LIMITS, ACCOUNT, (), M.PERSON),
    "a limit was added": (
        account(grp_tres_mins={"cpu": 600, "mem": 1024, "node": 1}),
        K.LIMITS,
        ACCOUNT,
        (),
        M.PERSON,
    ),
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


def test_limits_that_are_the_marketplaces_are_set_by_the_next_pull() -> None:
    (finding,) = drift(account(grp_tres_mins={"cpu": 1}), replace(RULES, own_limits=True))
    assert (finding.found, finding.expected) == ("cpu 1 min", "cpu 600 min, mem 1024 MB-min")
    assert (finding.mender, finding.remedy) == (M.PULL, "the next pull sets them")


def test_a_terminating_resource_without_account_and_order_is_missing_and_stuck() -> None:
    sides = marketplace(state=ResourceState.TERMINATING, allocation_state=AllocationState.DELETION_SCHEDULED)
    sides = replace(without_account(sides, ACCOUNT), allocations={})
    assert [finding.kind for finding in drift(sides, RULES)] == [K.MISSING, K.STATE]


def test_an_updating_resource_that_records_nonsense_is_not_called_missing() -> None:
    sides = with_resource(UPDATING, replace(HERE, state=ResourceState.UPDATING, account="root"))
    findings = drift(replace(sides, allocations={}), RULES)
    assert {finding.kind for finding in findings} == {K.BACKEND_ID, K.STATE}


def test_a_cluster_that_has_lost_everything_lacks_the_allocations_and_nothing_besides() -> None:
    sides = replace(SIDES, observed=bare_cluster())
    findings = drift(sides, RULES)
    assert [(one.kind, one.account) for one in findings] == [(K.MISSING, ACCOUNT), (K.MISSING, OTHER)]


def test_an_account_of_somebody_else_in_our_place_is_a_refusal() -> None:
    findings = drift(account(PROJECT, parent=DEFAULT, ours=False), RULES)
    assert {(one.kind, one.mender) for one in findings} == {(K.PARENT, M.PERSON)}
    (finding, _) = findings
    assert "exists on the cluster under 'cloudrock'" in finding.found


def test_when_the_last_resource_of_a_project_is_terminated_all_its_accounts_are_left_over() -> None:
    sides = settled([ONE], {1: Team((ADA, BOB))})
    gone = replace(sides.snapshot.resources[ONE.uuid], state=ResourceState.TERMINATED)
    findings = drift(replace(with_resource(sides, gone), allocations={}), RULES)
    left = {str(one.account): one.found for one in findings if one.kind is K.LEFTOVER}
    assert left == {
        ACCOUNT: "2 users; made by us",
        PROJECT: "1 account below it; made by us",
        CUSTOMER: "1 account below it; made by us",
    }


def test_an_empty_account_of_a_project_that_has_ended_goes_with_the_next_pull() -> None:
    sides = settled([ONE], {1: Team((ADA, BOB))})
    gone = replace(sides.snapshot.resources[ONE.uuid], state=ResourceState.TERMINATED)
    ended = replace(with_resource(without_account(sides, ACCOUNT), gone), allocations={})
    findings = drift(ended, RULES)
    assert [(one.kind, one.account, one.mender) for one in findings] == [
        (K.LEFTOVER, CUSTOMER, M.PULL),
        (K.LEFTOVER, PROJECT, M.PULL),
    ]
    create = ordered(ended, OrderItemType.CREATE, PENDING)
    assert drift(create, RULES) == ()


def test_a_default_account_that_belongs_to_nothing_is_about_to_go() -> None:
    findings = drift(default_of(BOB, "hpc_x", stray("hpc_x", ours=True)), RULES)
    assert [finding.kind for finding in findings] == [K.UNKNOWN, K.DEFAULT_ACCOUNT]
    assert findings[1].found == "hpc_x, which belongs to nothing any more"


def test_while_a_resource_cannot_be_read_no_account_is_called_nobodys() -> None:
    sides = stray("hpc_x", ours=True)
    sides = replace(sides, snapshot=replace(sides.snapshot, unreadable_resources=("resource 1: odd",)))
    remedies = {finding.kind: finding.remedy for finding in drift(sides, RULES)}
    assert "it may belong to a resource that could not be read" in remedies[K.UNKNOWN]
    assert set(remedies) == {K.UNKNOWN, K.UNREADABLE}


@pytest.mark.parametrize(
    ("changes", "users", "found", "remedy"),
    [
        ({"ours": True}, set(), "empty; made by us", "`sacctmgr delete account where name=hpc_x`"),
        ({"ours": True, "draining": True}, {EVE}, "1 user, draining; made by us", "when its jobs have ended"),
        ({}, set(), "empty; not made by us", "whose it is must be found out"),
    ],
)
def test_what_is_in_an_account_decides_what_to_do_with_it(
    changes: dict[str, bool], users: set[UserName], found: str, remedy: str
) -> None:
    (finding,) = drift(with_members(stray("hpc_x", **changes), "hpc_x", users), RULES)
    assert finding.found == found
    assert finding.remedy.startswith(remedy)


def test_a_resource_whose_accounts_cannot_be_named_is_a_finding_and_claims_nothing() -> None:
    odd = replace(HERE.project, uuid="?")
    sides = replace(with_resource(SIDES, replace(HERE, project=odd)), allocations={})
    findings = drift(sides, RULES)
    assert {finding.kind for finding in findings} == {K.BACKEND_ID}


def test_a_resource_with_which_no_account_can_be_made_claims_none() -> None:
    odd = replace(HERE, uuid="?" * 32, account=None, state=ResourceState.CREATING, allocation_state=None)
    (finding,) = drift(with_resource(SIDES, odd), RULES)
    assert (finding.kind, finding.found) == (K.STATE, "the resource is Creating without an open order")


def test_two_resources_that_record_one_account_are_both_found_and_name_each_other() -> None:
    first, second = drift(replace(marketplace(account=OTHER), allocations={}), RULES)
    assert {first.kind, second.kind} == {K.BACKEND_ID}
    assert first.found.endswith(f"; 'Res 2' ({TWO.uuid}) records it too")
    assert second.found.endswith(f"; 'Res 1' ({ONE.uuid}) records it too")


def test_a_report_counts_its_findings_by_kind() -> None:
    findings = drift(without_account(SIDES, ACCOUNT), RULES)
    assert DriftReport(findings=findings, resources=2, accounts=3).summary == (
        "1 finding: 1 account missing (2 resources, 3 managed accounts)"
    )
    assert (
        DriftReport(findings=(), resources=1, accounts=0).summary
        == "no drift (1 resource, 0 managed accounts)"
    )


def test_a_members_and_an_accounts_finding_stand_in_the_order_of_the_kinds() -> None:
    sides = with_members(account(grp_tres_mins={"cpu": 1}), ACCOUNT, {ADA})
    assert [finding.kind for finding in drift(sides, RULES)] == [K.LIMITS, K.MEMBER_MISSING]
