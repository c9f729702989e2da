"""Each change as an operator reads it, and the model of what it does to a cluster."""

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
    apply_to,
)
from allocations.model import Account, Association, ClusterState
from tests.allocations.samples import DEFAULT, cluster, problems_of
from tests.allocations.sites import Case, cases

A, B, C = AccountName("a"), AccountName("b"), AccountName("c")
ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")

WORDS: list[tuple[Change, str, set[AccountName]]] = [
    (RegisterUsers((ADA,), DEFAULT), "+ user ada to the cluster, default account cloudrock", set()),
    (CreateAccount(Account(A, B)), "+ account a under b", {A}),
    (
        CreateAccount(Account(A, B, {"mem": 4096, "cpu": 16000})),
        "+ account a under b (cpu 16000 min, mem 4096 MB-min)",
        {A},
    ),
    (MoveAccount(A, ROOT, B), "~ account a: from under root to under b", {A}),
    (
        SetLimits(A, {"cpu": 1}, {"cpu": 2, "gres/gpu": 0}),
        "~ limits of a: cpu 1 min -> cpu 2 min, gres/gpu 0 min",
        {A},
    ),
    (SetLimits(A, {}, {"cpu": 2}), "~ limits of a: none -> cpu 2 min", {A}),
    (SetLimits(A, {"cpu": 2}, {}), "~ limits of a: cpu 2 min -> none", {A}),
    (AddUsers(A, (ADA,)), "+ user ada to a", {A}),
    (AddUsers(A, (ADA, BOB)), "+ users ada, bob to a", {A}),
    (DrainAccount(A), "~ account a: takes no new jobs", {A}),
    (ReopenAccount(A), "~ account a: takes jobs again", {A}),
    (CloseUsers(A, (ADA,)), "~ user ada of a: may submit no new jobs", {A}),
    (ReopenUsers(A, (ADA,)), "~ user ada of a: may submit jobs again", {A}),
    (CancelJobs(A), "- jobs of a", {A}),
    (CancelJobs(A, (ADA, BOB)), "- jobs of a by users ada, bob", {A}),
    (MoveDefaults((ADA,), A, DEFAULT), "~ default account of user ada: a -> cloudrock", set()),
    (RemoveUsers(A, (ADA,)), "- user ada from a", {A}),
    (DeleteAccount(A), "- account a", {A}),
]


@pytest.mark.parametrize(("change", "text", "accounts"), WORDS)
def test_an_operator_reads_a_change_as_one_line_and_knows_its_account(
    change: Change, text: str, accounts: set[AccountName]
) -> None:
    assert str(change) == text
    assert accounts_of(change) == accounts


def test_the_table_has_every_kind_of_change() -> None:
    assert {type(change) for change, _, _ in WORDS} == set(Change.__args__)


STATE = cluster(
    Account(A, ROOT, {"cpu": 1}),
    Account(B, A),
    Account(C, B),
    users=[("a", "ada"), ("a", "bob"), ("b", "bob"), ("c", "eve")],
    defaults={"ada": "a", "bob": DEFAULT, "eve": "c"},
)


def test_a_users_default_account_goes_with_its_association() -> None:
    after = apply_to(STATE, RemoveUsers(A, (ADA, BOB)))
    assert after.users_of(A) == set()
    assert after.default_accounts == {BOB: DEFAULT, EVE: C}
    assert ADA not in after.users, "with his last association SLURM forgets him"


def test_an_account_goes_with_all_below_it() -> None:
    after = apply_to(STATE, DeleteAccount(A))
    assert set(after.accounts) == {ROOT, DEFAULT}
    assert after.associations == {Association(DEFAULT, BOB)}
    assert after.users == {BOB}


def test_who_is_new_or_has_no_default_account_has_that_of_his_first_association() -> None:
    bare = replace(STATE, default_accounts={})
    assert apply_to(bare, AddUsers(B, (ADA, UserName("new")))).default_accounts == {ADA: B, "new": B}
    assert apply_to(STATE, AddUsers(B, (ADA,))).default_accounts == STATE.default_accounts
    assert apply_to(bare, AddUsers(A, (ADA,))) == bare, "nothing is added, so nothing changes"


def test_registering_changes_the_default_account_of_who_was_not_in_the_sites() -> None:
    after = apply_to(STATE, RegisterUsers((ADA, UserName("new")), DEFAULT))
    assert after.default_accounts == {**STATE.default_accounts, ADA: DEFAULT, "new": DEFAULT}
    elsewhere = replace(STATE, default_accounts={BOB: A})
    assert apply_to(elsewhere, RegisterUsers((BOB,), DEFAULT)).default_accounts == {BOB: A}


def test_a_default_account_moves_with_an_association() -> None:
    after = apply_to(STATE, MoveDefaults((ADA, EVE), A, DEFAULT))
    assert after.default_accounts == dict.fromkeys((ADA, BOB, EVE), DEFAULT)
    assert after.users_of(DEFAULT) == {ADA, BOB, EVE}


def test_only_associations_that_are_there_are_closed_and_one_that_goes_is_not_closed_any_more() -> None:
    after = apply_to(STATE, CloseUsers(A, (ADA, BOB, EVE)))
    assert after.closed_users_of(A) == {ADA, BOB}
    assert apply_to(after, ReopenUsers(A, (ADA, EVE))).closed_users_of(A) == {BOB}
    assert apply_to(after, RemoveUsers(A, (ADA,))).closed_users_of(A) == {BOB}
    assert apply_to(after, DeleteAccount(A)).closed == set()


def test_an_account_that_drains_is_ours_and_closed_until_it_is_reopened() -> None:
    drained = apply_to(STATE, DrainAccount(B)).accounts[B]
    assert (drained.draining, drained.closed, drained.ours) == (True, True, True)
    again = apply_to(apply_to(STATE, DrainAccount(B)), ReopenAccount(B)).accounts[B]
    assert (again.draining, again.closed, again.ours) == (False, False, True)


def test_limits_and_parents_are_replaced_whole() -> None:
    after = apply_to(apply_to(STATE, SetLimits(A, {"cpu": 1}, {"mem": 2})), MoveAccount(C, B, A))
    assert after.accounts[A].grp_tres_mins == {"mem": 2}
    assert after.accounts[C].parent == A


def test_an_account_that_is_there_already_is_not_made_again() -> None:
    assert apply_to(STATE, CreateAccount(Account(A, B, {"mem": 5}))) == STATE
    made = apply_to(STATE, CreateAccount(Account(AccountName("d"), A))).accounts[AccountName("d")]
    assert made.ours


def test_jobs_are_no_part_of_the_state() -> None:
    assert apply_to(STATE, CancelJobs(A)) == STATE


@pytest.mark.parametrize(
    "change", [MoveAccount(C, A, B), SetLimits(C, {}, {"cpu": 1}), DrainAccount(C), ReopenAccount(C)]
)
def test_what_is_done_to_an_account_that_is_gone_does_nothing(change: Change) -> None:
    assert apply_to(cluster(), change) == cluster()


USERS = st.lists(st.sampled_from([ADA, BOB, EVE, UserName("new")]), unique=True, max_size=3).map(tuple)
NAMES = st.sampled_from([A, B, C])
CHANGES = st.one_of(
    st.builds(RegisterUsers, USERS, st.just(DEFAULT)),
    st.builds(lambda name, limits: CreateAccount(Account(name, DEFAULT, limits)), NAMES, st.just({"cpu": 1})),
    st.builds(SetLimits, NAMES, st.just({}), st.just({"cpu": 2})),
    st.builds(AddUsers, NAMES, USERS),
    st.builds(DrainAccount, NAMES),
    st.builds(ReopenAccount, NAMES),
    st.builds(CloseUsers, NAMES, USERS),
    st.builds(ReopenUsers, NAMES, USERS),
    st.builds(CancelJobs, NAMES, st.none() | USERS),
    st.builds(MoveDefaults, USERS, NAMES, st.just(DEFAULT)),
    st.builds(RemoveUsers, NAMES, USERS),
    st.builds(DeleteAccount, NAMES),
)


@given(CHANGES)
def test_a_change_done_twice_is_done_once(change: Change) -> None:
    once = apply_to(STATE, change)
    assert whole(apply_to(once, change)) == whole(once)


def whole(state: ClusterState) -> tuple[object, ...]:
    """Everything that a state says, also what `==` leaves out."""
    accounts = {name: (one, one.ours, one.closed) for name, one in state.accounts.items()}
    return accounts, state.associations, dict(state.default_accounts), state.closed


@given(st.lists(CHANGES, max_size=8))
def test_no_series_of_changes_leaves_a_dangling_name_but_users_of_accounts_that_are_not_there(
    changes: list[Change],
) -> None:
    state = STATE
    for change in changes:
        if not isinstance(change, AddUsers) or change.account in state.accounts:
            state = apply_to(state, change)
    assert problems_of(state) == []
    assert state.closed <= state.associations


@given(cases())
def test_who_may_run_where_is_known_after_each_change_without_sorting_it_out_again(case: Case) -> None:
    state = case.observed
    for change in case.plan().changes:
        state.users_of(DEFAULT)
        after = apply_to(state, change)
        fresh = replace(after)
        assert {name: after.users_of(name) for name in after.accounts} == {
            name: fresh.users_of(name) for name in after.accounts
        }
        assert "_members" in vars(after)
        state = after
