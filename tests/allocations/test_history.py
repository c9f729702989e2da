"""Which transaction explains a finding: the newest of its kind, or none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allocations.accounts import AccountName
from allocations.findings import Finding, FindingKind
from allocations.history import (
    MODIFY_ASSOCIATIONS,
    REMOVE_ACCOUNTS,
    REMOVE_ASSOCIATIONS,
    Trace,
    Transaction,
    closing,
    traced,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
A = AccountName("hpc_a")
OWN = frozenset({("hpc_a", "")})


def done(minute: int, action: str = MODIFY_ASSOCIATIONS, **how: object) -> Transaction:
    when = NOON + timedelta(minutes=minute)
    return Transaction(when=when, action=action, actor=f"actor{minute}", **how)  # type: ignore[arg-type]


def finding(*traces: tuple[Trace, ...]) -> Finding:
    return Finding(
        kind=FindingKind.LIMITS, account=A, found="is", expected="should", remedy="do", traces=traces
    )


def actors(found: Finding, *transactions: Transaction) -> list[str]:
    (explained,) = traced([found], transactions)
    assert explained == found
    return [one.actor for one in explained.by]


LIMITS = Trace(action=MODIFY_ASSOCIATIONS, pair=(A, ""), setting="grp_tres_mins")


def test_the_newest_change_of_the_same_thing_is_the_cause() -> None:
    changes = [done(minute, pairs=OWN, settings={"grp_tres_mins": ""}) for minute in (1, 3, 2)]
    assert actors(finding((LIMITS,)), *changes) == ["actor3"]


@pytest.mark.parametrize(
    "other",
    [
        done(1, pairs=OWN, settings={"grp_submit_jobs": "0"}),
        done(1, pairs=frozenset({("hpc_b", "")}), settings={"grp_tres_mins": ""}),
        done(1, pairs=frozenset({("hpc_a", "ada")}), settings={"grp_tres_mins": ""}),
        done(1, "Add Associations", pairs=OWN, settings={"grp_tres_mins": ""}),
        done(1, names=frozenset({"hpc_a"}), settings={"grp_tres_mins": ""}),
    ],
)
def test_a_change_of_something_else_explains_nothing(other: Transaction) -> None:
    assert actors(finding((LIMITS,)), other) == []


def test_opening_an_account_does_not_explain_that_it_is_closed() -> None:
    opened = done(2, pairs=OWN, settings={"grp_submit_jobs": "NULL"})
    closed = done(1, pairs=OWN, settings={"grp_submit_jobs": "0"})
    assert actors(finding(closing(A)), opened) == []
    assert actors(finding(closing(A)), opened, closed) == ["actor1"]


def test_a_member_may_be_closed_by_either_limit_or_by_the_accounts_own() -> None:
    either = [
        done(1, pairs=frozenset({(A, "ada")}), settings={f"{which}_submit_jobs": "0"})
        for which in ("grp", "max")
    ]
    inherited = done(2, pairs=OWN, settings={"max_submit_jobs": "0"})
    for change in (*either, inherited):
        assert actors(finding(closing(A, "ada")), change) == [change.actor]
    assert actors(finding(closing(A, "bob")), *either) == []


def test_a_trace_is_left_by_its_own_action_only() -> None:
    change = done(1, pairs=OWN, settings={"grp_tres_mins": ""})
    assert LIMITS.is_left_by(change)
    assert not Trace(action=REMOVE_ASSOCIATIONS, pair=(A, "")).is_left_by(change)


def test_a_name_must_be_named() -> None:
    gone = Trace(action=REMOVE_ACCOUNTS, name="hpc_a")
    assert actors(finding((gone,)), done(1, REMOVE_ACCOUNTS, names=frozenset({"hpc_b"}))) == []
    assert actors(finding((gone,)), done(1, REMOVE_ACCOUNTS, names=frozenset({"hpc_a", "b"}))) == ["actor1"]


def test_of_several_possible_causes_the_last_one_counts_and_each_user_has_his_own() -> None:
    def causes(user: str) -> tuple[Trace, ...]:
        return (
            Trace(action=REMOVE_ASSOCIATIONS, pair=(A, user)),
            Trace(action=REMOVE_ACCOUNTS, name=A),
        )

    ada = done(1, REMOVE_ASSOCIATIONS, pairs=frozenset({(A, "ada")}))
    account = done(2, REMOVE_ACCOUNTS, names=frozenset({A}))
    bob = done(3, REMOVE_ASSOCIATIONS, pairs=frozenset({(A, "bob")}))
    assert actors(finding(causes("ada"), causes("bob")), ada, account, bob) == ["actor3", "actor2"]
    assert actors(finding(causes("ada"), causes("eve")), account) == ["actor2"]


def test_who_and_when_are_told_in_utc() -> None:
    assert str(done(5, REMOVE_ACCOUNTS)) == "actor5, 2026-11-24 12:05 UTC (Remove Accounts)"
