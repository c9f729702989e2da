"""The difference of two clusters, as tables and as laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import (
    AddUsers,
    CancelJobs,
    Change,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
    accounts_of,
)
from allocations.limits import as_shown, look_alike
from allocations.model import Account, Association, ClusterState
from allocations.plan import (
    AwaitJobs,
    MakeHomes,
    Pause,
    Plan,
    ReportUsage,
    Step,
    diff,
    parents_first,
    shows,
    unfulfilled,
)
from tests.allocations.samples import DEFAULT, cluster, problems_of, states

A, B, C = AccountName("a"), AccountName("b"), AccountName("c")
ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")
NAMES = [AccountName(letter) for letter in "abcdef"]
LIMITS = st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu"]), st.integers(0, 2**53), max_size=3)


@st.composite
def clusters(draw: st.DrawFn) -> ClusterState:
    """A tree of accounts below root, in any order, with users in some of them, some of them closed."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    accounts = [
        Account(name, draw(st.sampled_from([ROOT, *names[:place]])), draw(LIMITS))
        for place, name in enumerate(names)
    ]
    users = draw(
        st.sets(st.tuples(st.sampled_from([ROOT, *names]), st.sampled_from([ADA, BOB, EVE])), max_size=6)
    )
    found = cluster(*draw(st.permutations(accounts)), users=users)
    closed = frozenset(pair for pair in sorted(found.associations) if draw(st.booleans()))
    return replace(found, closed=closed)


def desired_of(one: ClusterState) -> ClusterState:
    """The same without root and the default account, as an order asks for it."""
    others = {name: account for name, account in one.accounts.items() if name not in (ROOT, DEFAULT)}
    return ClusterState(others, frozenset(pair for pair in one.associations if pair.account in others))


DESIRED = clusters().map(desired_of)


@st.composite
def moved_apart(draw: st.DrawFn, desired: ClusterState) -> ClusterState:
    """A cluster with some of the desired accounts in the desired tree: `desired_for` asks for no knots."""
    there = [one for one in parents_first(desired) if draw(st.booleans())]
    kept: list[Account] = []
    for one in there:
        parent = one.parent if one.parent in {account.name for account in kept} else ROOT
        kept.append(replace(one, parent=parent, grp_tres_mins=draw(LIMITS)))
    users = draw(st.sets(st.tuples(st.sampled_from([ROOT, *(a.name for a in kept)]), st.just(ADA))))
    found = cluster(*kept, users=users)
    return replace(found, closed=frozenset(one for one in found.associations if draw(st.booleans())))


PAIRS = DESIRED.flatmap(lambda desired: st.tuples(st.just(desired), moved_apart(desired)))


@given(PAIRS)
def test_applying_a_plan_leaves_nothing_to_plan(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    reached = diff(desired, observed, DEFAULT).applied_to(observed)
    assert diff(desired, reached, DEFAULT, homes=True) == Plan()


@given(PAIRS)
def test_a_plan_reaches_everything_desired(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    reached = diff(desired, observed, DEFAULT).applied_to(observed)
    assert desired.associations <= reached.associations - reached.closed
    for name, account in desired.accounts.items():
        assert reached.accounts[name].parent == account.parent
        assert not account.grp_tres_mins or look_alike(
            reached.accounts[name].grp_tres_mins, account.grp_tres_mins
        )


@given(PAIRS)
def test_names_that_are_not_desired_are_untouched(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    plan = diff(desired, observed, DEFAULT)
    assert {name for change in plan.changes for name in accounts_of(change)} <= set(desired.accounts)
    reached = plan.applied_to(observed)
    for name in set(observed.accounts) - set(desired.accounts) - {DEFAULT}:
        assert reached.accounts[name] == observed.accounts[name]
        assert reached.users_of(name) == observed.users_of(name)


@given(PAIRS)
def test_every_prefix_of_a_plan_is_a_valid_cluster(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    for now in states(observed, diff(desired, observed, DEFAULT).changes):
        assert problems_of(now) == []


@given(PAIRS)
def test_a_plan_removes_nobody_and_no_account(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    reached = diff(desired, observed, DEFAULT).applied_to(observed)
    assert set(reached.accounts) >= set(observed.accounts)
    assert reached.associations >= observed.associations
    assert reached.default_accounts.items() >= observed.default_accounts.items()


@given(PAIRS)
def test_what_was_applied_is_seen_and_only_then(pair: tuple[ClusterState, ClusterState]) -> None:
    desired, observed = pair
    plan = diff(desired, observed, DEFAULT)
    assert unfulfilled(plan.changes, plan.applied_to(observed)) == ()
    assert unfulfilled(plan.changes, observed) == plan.changes


@given(clusters())
def test_parents_come_first_and_nobody_is_lost(one: ClusterState) -> None:
    ordered = [account.name for account in parents_first(one)]
    assert sorted(ordered) == sorted(one.accounts)
    for account in one.accounts.values():
        if account.parent:
            assert ordered.index(account.parent) < ordered.index(account.name)


def test_users_are_added_once_all_accounts_are_there() -> None:
    desired = ClusterState(
        {B: Account(B, A), A: Account(A, ROOT, {"cpu": 1})},
        frozenset({Association(A, BOB), Association(B, BOB), Association(B, ADA)}),
    )
    assert diff(desired, cluster(defaults={"bob": DEFAULT}), DEFAULT).changes == (
        RegisterUsers((ADA,), DEFAULT),
        CreateAccount(Account(A, ROOT, {"cpu": 1})),
        CreateAccount(Account(B, A)),
        AddUsers(A, (BOB,)),
        AddUsers(B, (ADA, BOB)),
    )


JUST_A = ClusterState({A: Account(A, ROOT)}, frozenset({Association(A, ADA), Association(A, BOB)}))


def test_only_missing_users_are_added_and_homes_are_made_before_they_may_run_jobs() -> None:
    observed = cluster(Account(A, ROOT), users=[("a", "ada")], defaults={"ada": DEFAULT, "bob": DEFAULT})
    assert diff(JUST_A, observed, DEFAULT).changes == (AddUsers(A, (BOB,)),)
    steps = diff(JUST_A, observed, DEFAULT, homes=True).steps
    assert [step.act for step in steps] == [MakeHomes((BOB,)), AddUsers(A, (BOB,))]


def test_a_user_with_an_association_and_no_default_account_is_no_newcomer() -> None:
    observed = cluster(Account(A, ROOT), users=[("root", "ada"), ("a", "bob")], defaults={})
    plan = diff(JUST_A, observed, DEFAULT)
    assert plan.changes == (AddUsers(A, (ADA,)),)
    assert plan.applied_to(observed).default_accounts == {ADA: A}, "SLURM gives him the new account"


def test_an_account_under_another_parent_is_moved() -> None:
    desired = ClusterState({A: Account(A, B), B: Account(B, ROOT)})
    observed = cluster(Account(B, ROOT), Account(C, ROOT), Account(A, C))
    assert diff(desired, observed, DEFAULT).changes == (MoveAccount(A, C, B),)
    orphan = ClusterState({A: Account(A, None)})
    assert diff(orphan, observed, DEFAULT).changes == (MoveAccount(A, C, ROOT),)


def test_limits_are_set_where_they_differ() -> None:
    desired = ClusterState({A: Account(A, ROOT, {"cpu": 2})})
    observed = cluster(Account(A, ROOT, {"cpu": 1, "mem": 3}))
    assert diff(desired, observed, DEFAULT).changes == (SetLimits(A, {"cpu": 1, "mem": 3}, {"cpu": 2}),)


def test_an_account_without_limits_of_its_own_keeps_an_operators() -> None:
    observed = cluster(Account(A, ROOT, {"cpu": 1}))
    assert diff(ClusterState({A: Account(A, ROOT)}), observed, DEFAULT) == Plan()


def test_a_limit_that_sacctmgr_cannot_show_exactly_is_not_set_again_for_ever() -> None:
    desired = ClusterState({A: Account(A, ROOT, {"mem": 1572864 + 512})})
    assert as_shown("mem", 1572864 + 512) == as_shown("mem", 1572864) == "1.50T"
    assert diff(desired, cluster(Account(A, ROOT, {"mem": 1572864})), DEFAULT) == Plan()


def test_pauses_are_steps_and_no_changes() -> None:
    pauses = (AwaitJobs(A), ReportUsage(A), MakeHomes((ADA,)))
    plan = Plan(tuple(Step(pause) for pause in pauses)) + Plan((Step(DeleteAccount(A), "over"),))
    assert plan.changes == (DeleteAccount(A),)
    assert str(plan) == (
        "= wait for the end of the jobs of a\n= report the final usage of a\n+ home of user ada\n"
        "- account a  (over)"
    )
    assert str(AwaitJobs(A, (ADA, BOB))) == "= wait for the end of the jobs of a by users ada, bob"
    assert all(isinstance(pause, Pause) for pause in pauses)


def test_an_empty_plan_says_so() -> None:
    assert str(Plan()) == "nothing to change"
    assert not Plan()
    assert Plan((Step(AddUsers(A, (ADA,))),))


SEEN = replace(
    cluster(Account(A, ROOT, {"cpu": 1}), users=[("a", "ada"), ("a", "bob")]),
    closed=frozenset({Association(A, BOB)}),
)
CLOSED = cluster(Account(A, ROOT, closed=True))


@pytest.mark.parametrize(
    ("change", "observed", "shown"),
    [
        (CreateAccount(Account(A, ROOT)), SEEN, True),
        (CreateAccount(Account(A, B)), SEEN, False),
        (CreateAccount(Account(B, ROOT)), SEEN, False),
        (MoveAccount(A, B, ROOT), SEEN, True),
        (MoveAccount(A, ROOT, B), SEEN, False),
        (SetLimits(A, {}, {"cpu": 1}), SEEN, True),
        (SetLimits(A, {}, {"cpu": 2}), SEEN, False),
        (SetLimits(B, {}, {}), SEEN, False),
        (DrainAccount(A), CLOSED, True),
        (DrainAccount(A), SEEN, False),
        (DrainAccount(B), SEEN, True),
        (ReopenAccount(A), SEEN, True),
        (ReopenAccount(A), CLOSED, False),
        (ReopenAccount(B), SEEN, False),
        (DeleteAccount(A), SEEN, False),
        (DeleteAccount(B), SEEN, True),
        (RegisterUsers((ADA, BOB), DEFAULT), SEEN, True),
        (RegisterUsers((ADA, EVE), DEFAULT), SEEN, False),
        (AddUsers(A, (ADA, BOB)), SEEN, True),
        (AddUsers(A, (ADA, EVE)), SEEN, False),
        (CloseUsers(A, (BOB,)), SEEN, True),
        (CloseUsers(A, (ADA, BOB)), SEEN, False),
        (CloseUsers(A, (EVE,)), SEEN, True),
        (ReopenUsers(A, (ADA,)), SEEN, True),
        (ReopenUsers(A, (ADA, BOB)), SEEN, False),
        (CancelJobs(A), SEEN, True),
        (MoveDefaults((ADA,), A, DEFAULT), SEEN, True),
        (MoveDefaults((ADA,), DEFAULT, A), SEEN, False),
        (RemoveUsers(A, (EVE,)), SEEN, True),
        (RemoveUsers(A, (EVE, ADA)), SEEN, False),
    ],
)
def test_the_cluster_shows_a_change_or_not(change: Change, observed: ClusterState, shown: bool) -> None:  # noqa: FBT001 - a table's column
    assert shows(observed, change) is shown
    assert unfulfilled([change], observed) == (() if shown else (change,))


def test_a_plan_builds_on_what_it_writes_to_and_on_the_parents_of_what_it_makes() -> None:
    steps = (
        CreateAccount(Account(B, A)),
        CreateAccount(Account(AccountName("top"), None)),
        AddUsers(C, (ADA,)),
        RegisterUsers((BOB,), DEFAULT),
    )
    assert Plan(tuple(map(Step, steps))).builds_on == {A, B, C, ROOT, AccountName("top")}
    assert Plan((Step(AwaitJobs(A)),)).builds_on == set()
