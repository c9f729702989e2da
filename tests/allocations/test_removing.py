"""How an allocation ends and how a member leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import (
    CancelJobs,
    CloseUsers,
    DeleteAccount,
    DrainAccount,
    MoveDefaults,
    RemoveUsers,
)
from allocations.errors import InvalidOrder
from allocations.marketplace import Party, Resource
from allocations.model import Association, ClusterState
from allocations.plan import AwaitJobs, Plan, ReportUsage
from allocations.removing import leave, prune, terminate
from tests.allocations.samples import DEFAULT, PROJECTS, RULES, cluster, order, ours, resource

A, B = AccountName("hpc_a"), AccountName("hpc_b")
ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")
CUSTOMER, PROJECT, OTHER = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}", f"hpc_{'f' * 32}"
WAIT = replace(RULES, cancel_jobs=False)
SITE = cluster(
    ours(A, ROOT),
    ours(B, ROOT),
    users=[(A, "ada"), (A, "bob"), (A, "eve"), (B, "bob")],
    defaults={"ada": A, "bob": A, "eve": DEFAULT},
)


def acts(plan: Plan) -> list[object]:
    return [step.act for step in plan.steps]


def test_an_allocation_is_closed_emptied_reported_and_only_then_deleted() -> None:
    assert acts(terminate(A, SITE, RULES)) == [
        DrainAccount(A),
        CancelJobs(A),
        AwaitJobs(A),
        ReportUsage(A),
        MoveDefaults((ADA, BOB), A, DEFAULT),
        DeleteAccount(A),
    ]


def test_jobs_are_waited_for_where_the_site_wants_that() -> None:
    assert CancelJobs(A) not in acts(terminate(A, SITE, WAIT))
    assert AwaitJobs(A) in acts(terminate(A, SITE, WAIT))
    assert not [act for act in acts(leave(A, (ADA,), SITE, WAIT)) if isinstance(act, CancelJobs)]


@pytest.mark.parametrize(
    ("draining", "closed", "again"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_an_account_that_drains_already_is_closed_again_only_where_it_is_open(
    draining: bool,  # noqa: FBT001 - a table's column
    closed: bool,  # noqa: FBT001
    again: bool,  # noqa: FBT001
) -> None:
    account = replace(ours(A, ROOT), draining=draining, closed=closed)
    assert (DrainAccount(A) in acts(terminate(A, cluster(account), RULES))) is again


def test_an_account_that_is_gone_leaves_its_usage_to_be_reported() -> None:
    assert acts(terminate(A, cluster(), RULES)) == [ReportUsage(A)]


def test_an_account_with_others_below_is_not_ended() -> None:
    with pytest.raises(InvalidOrder, match=r"'hpc_a' has accounts below it \(hpc_x, hpc_y\)"):
        terminate(A, cluster(ours(A, ROOT), ours("hpc_y", A), ours("hpc_x", A)), RULES)


@pytest.mark.parametrize("user", ["root", "Odd+Name", "x" * 33])
def test_a_user_whom_no_command_can_name_is_not_left_without_his_default_account(user: str) -> None:
    theirs = cluster(ours(A, ROOT), users=[(A, user), (B, user)], defaults={user: A})
    with pytest.raises(InvalidOrder, match=r"the default or the only account of .*, not added here: give"):
        terminate(A, theirs, RULES)
    elsewhere = cluster(ours(A, ROOT), users=[(A, user)], defaults={user: DEFAULT})
    assert DeleteAccount(A) in acts(terminate(A, elsewhere, RULES)), "he loses nothing that he needs"


def test_who_leaves_is_closed_emptied_given_another_default_and_removed() -> None:
    assert acts(leave(A, (ADA, BOB, EVE), SITE, RULES)) == [
        CloseUsers(A, (ADA, BOB, EVE)),
        CancelJobs(A, (ADA, BOB, EVE)),
        AwaitJobs(A, (ADA, BOB, EVE)),
        MoveDefaults((ADA, BOB), A, DEFAULT),
        RemoveUsers(A, (ADA, BOB, EVE)),
    ]


def test_who_is_closed_already_is_not_closed_again() -> None:
    closed = replace(SITE, closed=frozenset({Association(A, ADA)}))
    assert acts(leave(A, (ADA, EVE), closed, RULES))[0] == CloseUsers(A, (EVE,))
    assert acts(leave(A, (ADA,), closed, RULES))[0] == CancelJobs(A, (ADA,))


def test_who_loses_his_last_association_stays_a_user() -> None:
    bare = cluster(ours(A, ROOT), users=[(A, "ada")], defaults={})
    assert MoveDefaults((ADA,), A, DEFAULT) in acts(leave(A, (ADA,), bare, RULES))
    after = leave(A, (ADA,), bare, RULES).applied_to(bare)
    assert after.associations == {Association(DEFAULT, ADA)}


ENDING = resource()
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
OTHER_PROJECT = replace(resource(2), project=PROJECTS[1][0])
STRANGER = replace(resource(3), project=PROJECTS[2][0], customer=PROJECTS[2][1])


@pytest.mark.parametrize(
    ("needed", "observed", "gone"),
    [
        ([], cluster(*TREE), [PROJECT, CUSTOMER]),
        ([STRANGER], cluster(*TREE), [PROJECT, CUSTOMER]),
        ([OTHER_PROJECT], cluster(*TREE), [PROJECT]),
        ([resource(2)], cluster(*TREE), []),
        ([order()], cluster(*TREE), []),
        ([], cluster(*TREE, ours(A, PROJECT)), []),
        ([], cluster(*TREE, ours(OTHER, CUSTOMER)), [PROJECT]),
        ([], cluster(*TREE, users=[(PROJECT, "ada")]), []),
        ([], cluster(*TREE, users=[(CUSTOMER, "ada")]), [PROJECT]),
        ([], cluster(TREE[0], replace(TREE[1], ours=False)), []),
        ([], cluster(replace(TREE[0], ours=False), TREE[1]), [PROJECT]),
        ([], cluster(TREE[0]), [CUSTOMER]),
        ([], cluster(), []),
    ],
)
def test_accounts_above_go_when_they_are_empty_ours_and_of_no_use(
    needed: list[Resource], observed: ClusterState, gone: list[str]
) -> None:
    changes = prune(ENDING, needed, observed, RULES).changes
    assert [change.account for change in changes if isinstance(change, DeleteAccount)] == gone
    assert len(changes) == len(gone)


def test_the_default_account_is_never_a_left_over() -> None:
    rules = replace(RULES, default_account=AccountName(PROJECT))
    assert not prune(ENDING, [], cluster(*TREE), rules)


def test_a_party_without_a_legal_uuid_has_no_account_to_remove() -> None:
    odd = replace(ENDING, customer=Party("x account=root", "evil"))
    assert prune(odd, [], cluster(*TREE), RULES) == Plan()
