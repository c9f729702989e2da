"""Plans, as tables and as laws over generated clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.errors import InvalidOrder
from allocations.limits import as_shown, as_stored, look_alike
from allocations.model import (
    Account,
    AddUsers,
    Association,
    Change,
    ClusterState,
    CreateAccount,
    SetLimits,
    account_of,
    apply_to,
)
from allocations.plan import Plan, diff, parents_first

A, B, C = AccountName("a"), AccountName("b"), AccountName("c")
ADA, BOB = UserName("ada"), UserName("bob")
NAMES = [AccountName(letter) for letter in "abcdef"]
LIMITS = st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu"]), st.integers(0, 2**53), max_size=3)


def state(*accounts: Account, associations: tuple[Association, ...] = ()) -> ClusterState:
    everything = (Account(ROOT, None), *accounts)
    return ClusterState({account.name: account for account in everything}, frozenset(associations))


@st.composite
def clusters(draw: st.DrawFn) -> ClusterState:
    """A tree of accounts below root, in any order, with users in some of them."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    accounts = [
        Account(name, draw(st.sampled_from([ROOT, *names[:place]])), draw(LIMITS))
        for place, name in enumerate(names)
    ]
    users = st.builds(Association, st.sampled_from([ROOT, *names]), st.sampled_from([ADA, BOB]))
    associations = draw(st.lists(users, max_size=6))
    return state(*draw(st.permutations(accounts)), associations=tuple(associations))


def desired_of(cluster: ClusterState) -> ClusterState:
    """The same without root, as an order asks for it: root is nobody's to ask for."""
    accounts = {name: account for name, account in cluster.accounts.items() if name != ROOT}
    return ClusterState(accounts, frozenset(a for a in cluster.associations if a.account != ROOT))


def steps(plan: Plan, observed: ClusterState) -> list[ClusterState]:
    """The cluster before the plan and after each change."""
    states = [observed]
    for change in plan.changes:
        states.append(apply_to(states[-1], change))
    return states


def planned(desired: ClusterState, observed: ClusterState) -> Plan | None:
    try:
        return diff(desired, observed)
    except InvalidOrder:
        return None


@given(clusters().map(desired_of), clusters())
def test_applying_a_plan_leaves_nothing_to_plan(desired: ClusterState, observed: ClusterState) -> None:
    plan = planned(desired, observed)
    if plan is not None:
        assert diff(desired, steps(plan, observed)[-1]) == Plan()


@given(clusters().map(desired_of), clusters())
def test_a_plan_reaches_everything_desired(desired: ClusterState, observed: ClusterState) -> None:
    plan = planned(desired, observed)
    if plan is None:
        misplaced = [n for n, a in desired.accounts.items() if observed.accounts.get(n, a).parent != a.parent]
        assert misplaced
        return
    reached = steps(plan, observed)[-1]
    assert desired.associations <= reached.associations
    for name, account in desired.accounts.items():
        assert reached.accounts[name].parent == account.parent
        assert not account.grp_tres_mins or look_alike(
            reached.accounts[name].grp_tres_mins, account.grp_tres_mins
        )


@given(clusters().map(desired_of), clusters())
def test_names_that_are_not_desired_are_untouched(desired: ClusterState, observed: ClusterState) -> None:
    plan = planned(desired, observed) or Plan()
    assert {account_of(change) for change in plan.changes} <= set(desired.accounts)
    reached = steps(plan, observed)[-1]
    for name in set(observed.accounts) - set(desired.accounts):
        assert reached.accounts[name] == observed.accounts[name]
        assert reached.users_of(name) == observed.users_of(name)


@given(clusters().map(desired_of), clusters())
def test_every_prefix_of_a_plan_is_a_valid_cluster(desired: ClusterState, observed: ClusterState) -> None:
    for now in steps(planned(desired, observed) or Plan(), observed):
        for account in now.accounts.values():
            assert account.name == ROOT or account.parent in now.accounts
        assert {association.account for association in now.associations} <= set(now.accounts)


@given(clusters().map(desired_of), clusters())
def test_a_plan_removes_nobody_and_no_account(desired: ClusterState, observed: ClusterState) -> None:
    reached = steps(planned(desired, observed) or Plan(), observed)[-1]
    assert set(reached.accounts) >= set(observed.accounts)
    assert reached.associations >= observed.associations
    for name, account in observed.accounts.items():
        assert reached.accounts[name].parent == account.parent


@given(clusters().map(desired_of), clusters())
def test_planning_is_the_same_every_time(desired: ClusterState, observed: ClusterState) -> None:
    assert planned(desired, observed) == planned(desired, observed)


@given(clusters())
def test_parents_come_first_and_nobody_is_lost(cluster: ClusterState) -> None:
    ordered = [account.name for account in parents_first(cluster)]
    assert sorted(ordered) == sorted(cluster.accounts)
    for account in cluster.accounts.values():
        if account.parent:
            assert ordered.index(account.parent) < ordered.index(account.name)


def test_an_account_under_another_parent_is_a_refusal() -> None:
    desired = ClusterState({A: Account(A, B), B: Account(B, ROOT)})
    observed = state(Account(B, ROOT), Account(C, ROOT), Account(A, C))
    with pytest.raises(InvalidOrder, match="'a' exists on the cluster under 'c', not under 'b'"):
        diff(desired, observed)


def test_users_are_added_once_all_accounts_are_there() -> None:
    desired = ClusterState(
        {B: Account(B, A), A: Account(A, ROOT, {"cpu": 1})},
        frozenset({Association(A, BOB), Association(B, BOB), Association(B, ADA)}),
    )
    assert diff(desired, state()).changes == (
        CreateAccount(Account(A, ROOT, {"cpu": 1})),
        CreateAccount(Account(B, A)),
        AddUsers(A, (BOB,)),
        AddUsers(B, (ADA, BOB)),
    )


def test_only_missing_users_are_added() -> None:
    desired = ClusterState({A: Account(A, ROOT)}, frozenset({Association(A, ADA), Association(A, BOB)}))
    observed = state(Account(A, ROOT), associations=(Association(A, ADA),))
    assert diff(desired, observed).changes == (AddUsers(A, (BOB,)),)


def test_limits_are_set_where_they_differ() -> None:
    desired = ClusterState({A: Account(A, ROOT, {"cpu": 2})})
    observed = state(Account(A, ROOT, {"cpu": 1, "mem": 3}))
    assert diff(desired, observed).changes == (SetLimits(A, {"cpu": 1, "mem": 3}, {"cpu": 2}),)


def test_an_account_without_limits_of_its_own_keeps_an_operators() -> None:
    observed = state(Account(A, ROOT, {"cpu": 1}))
    assert diff(ClusterState({A: Account(A, ROOT)}), observed) == Plan()


def test_a_limit_that_sacctmgr_cannot_show_exactly_is_not_set_again_for_ever() -> None:
    desired = ClusterState({A: Account(A, ROOT, {"mem": 1572864 + 512})})
    shown = as_shown("mem", 1572864 + 512)
    assert shown == as_shown("mem", 1572864) == "1.50T"
    assert diff(desired, state(Account(A, ROOT, {"mem": 1572864}))) == Plan()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (CreateAccount(Account(A, B)), "+ account a under b"),
        (
            CreateAccount(Account(A, B, {"mem": 4096, "cpu": 16000})),
            "+ account a under b (cpu 16000 min, mem 4096 MB-min)",
        ),
        (
            SetLimits(A, {"cpu": 1}, {"cpu": 2, "gres/gpu": 0}),
            "~ limits of a: cpu 1 min -> cpu 2 min, gres/gpu 0 min",
        ),
        (SetLimits(A, {}, {"cpu": 2}), "~ limits of a: none -> cpu 2 min"),
        (SetLimits(A, {"cpu": 2}, {}), "~ limits of a: cpu 2 min -> none"),
        (AddUsers(A, (ADA,)), "+ user ada to a"),
        (AddUsers(A, (ADA, BOB)), "+ users ada, bob to a"),
    ],
)
def test_an_operator_reads_a_change_as_one_line(change: Change, text: str) -> None:
    assert str(change) == text
    assert str(Plan((change, change))) == f"{text}\n{text}"
    assert account_of(change) == A


def test_an_empty_plan_says_so() -> None:
    assert str(Plan()) == "nothing to change"
    assert not Plan()
    assert Plan((AddUsers(A, (ADA,)),))


@pytest.mark.parametrize(
    ("tres", "minutes", "text"),
    [
        ("cpu", 1048576, "1048576"),
        ("gres/gpu", 0, "0"),
        ("mem", 0, "0"),
        ("mem", 1023, "1023M"),
        ("mem", 1024, "1G"),
        ("mem", 1152, "1152M"),
        ("mem", 1536, "1.50G"),
        ("mem", 614400000, "600000G"),
        ("mem", 1054208, "1029.50G"),
        ("mem", 1049088, "1.00T"),
        ("mem", 2**30, "1P"),
        ("mem", 2**40, "1?"),
        ("mem", 2**40 * 1536, "1.50?"),
    ],
)
def test_limits_are_shown_as_slurm_22_05_was_seen_to_show_them(tres: str, minutes: int, text: str) -> None:
    assert as_shown(tres, minutes) == text


MEMORY_LIMITS = st.integers(0, 2**53) | st.integers(0, 2**44).map(lambda blocks: blocks * 512)


@given(st.sampled_from(["cpu", "mem"]), MEMORY_LIMITS)
def test_the_nearest_limit_that_looks_like_the_text_looks_like_it(tres: str, minutes: int) -> None:
    text = as_shown(tres, minutes)
    power = "MGTP?".find(text[-1]) if tres == "mem" and minutes else 0
    nearest = round(float(text.rstrip("MGTP?")) * 1024**power) if power else minutes
    if "??" not in text and nearest < 2**50:
        assert as_shown(tres, as_stored(tres, text, nearest)) == text


def test_a_text_that_no_limit_looks_like_stands_for_the_nearest() -> None:
    assert as_stored("mem", "4.25G", 4352) == 4352
