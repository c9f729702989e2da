"""What a finding says, and the faults that come in company."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allocations.drift import drift
from allocations.findings import DriftReport, FindingKind, Mender
from allocations.marketplace import (
    AllocationState,
    OrderItemType,
    ResourceState,
)
from allocations.membership import Team
from allocations.model import ClusterState
from tests.allocations.drift_faults import (
    ACCOUNT,
    CUSTOMER,
    HERE,
    ONE,
    OTHER,
    PENDING,
    PROJECT,
    SIDES,
    TWO,
    UPDATING,
    account,
    default_of,
    marketplace,
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
    bare_cluster,
    settled,
    with_members,
    with_resource,
    without_account,
)

if TYPE_CHECKING:
    from allocations.accounts import UserName

K, M = FindingKind, Mender


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


def test_a_default_account_that_the_next_pull_ends_is_moved_by_it_for_who_is_its_user() -> None:
    alone = default_of(BOB, ACCOUNT, terminated())
    assert [one.mender for one in drift(alone, RULES)] == [M.PULL, M.PULL]
    left, *defaults = drift(default_of(EVE, ACCOUNT, alone), RULES)
    assert (left.kind, left.mender) == (K.LEFTOVER, M.PULL)
    assert [(one.users, one.mender) for one in defaults] == [((BOB,), M.PULL), ((EVE,), M.PERSON)]
    assert defaults[0].remedy == f"the next pull gives them {DEFAULT}"


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


def test_who_records_another_resource_s_account_is_found_and_the_other_one_is_not_disturbed() -> None:
    (finding,) = drift(replace(marketplace(account=OTHER), allocations={}), RULES)
    assert finding.kind is K.BACKEND_ID
    assert finding.resource is not None
    assert finding.resource.uuid == ONE.uuid
    assert finding.found.endswith(f"; 'Res 2' ({TWO.uuid}) records it too")


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


def test_what_people_shall_run_is_confined_to_the_cluster() -> None:
    named = replace(ClusterState(), cluster="beta")
    assert named.condition == " cluster=beta"
    assert ClusterState().condition == ""
