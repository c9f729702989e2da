"""Ours beside slurmdbd's books: what agrees, what has a name, and what stops an upload."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from allocations.accounts import UNKNOWN, AccountName
from allocations.days import Correction
from allocations.model import Account, ClusterState
from allocations.reconcile import (
    Books,
    Reconcile,
    Reservation,
    Verdict,
    add_books,
    children_of,
    reconcile,
    unexplained_falls,
)

START = datetime(2026, 2, 1, tzinfo=UTC)
UNTIL = START + timedelta(hours=10)


def books(**accounts: int) -> Books:
    rows = {name: {"cpu": seconds} for name, seconds in accounts.items()}
    return Books(START, UNTIL, rows, {})


def reservation(**how: object) -> Reservation:
    facts = {
        "name": "course",
        "start": START,
        "end": UNTIL,
        "accounts": frozenset({"a"}),
        "tres": {"cpu": 10},
        "unused_seconds": 60.0,
    }
    return Reservation(**{**facts, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "held", "reservations", "verdict", "words"),
    [
        (5, 5, [], Verdict.AGREES, ""),
        (0, None, [], Verdict.AGREES, ""),
        (5, None, [], Verdict.MISMATCH, "hold less"),
        (5, 4, [], Verdict.MISMATCH, "hold less"),
        (5, 6, [], Verdict.MISMATCH, "hold more"),
        (0, 6, [], Verdict.MISMATCH, "PrivateData"),
        (5, 605, [reservation()], Verdict.EXPLAINED, "idle time of the reservation course"),
        (5, 606, [reservation()], Verdict.MISMATCH, "hold more"),
        (5, 4, [reservation()], Verdict.MISMATCH, "hold less"),
        (5, 6, [reservation(accounts=frozenset({"b"}))], Verdict.MISMATCH, "hold more"),
        (5, 6, [reservation(tres={"mem": 1})], Verdict.MISMATCH, "hold more"),
        (5, 6, [reservation(end=START - timedelta(1))], Verdict.MISMATCH, "hold more"),
        (5, 7, [reservation(start=UNTIL - timedelta(seconds=1), tres={"cpu": 1}, unused_seconds=9.0)]
         , Verdict.MISMATCH, "hold more"),
        (5, 6, [reservation(tres={"cpu": 1}, unused_seconds=0.2)], Verdict.EXPLAINED, "course"),
        (5, 606, [reservation(), reservation(name="exam")], Verdict.EXPLAINED, "course, exam"),
    ],
)  # fmt: skip
def test_a_difference_is_nothing_a_name_or_a_mismatch(
    ours: int, held: int | None, reservations: list[Reservation], verdict: Verdict, words: str
) -> None:
    found = reconcile(
        {"a": {"cpu": ours}},
        books(root=9, **({} if held is None else {"a": held})),
        ["cpu"],
        below={"root": ["a"]},
        reservations=reservations,
        until=UNTIL,
    )
    line = next(line for line in found.lines if line.account == "a")
    assert line.verdict is verdict
    assert words in line.words


def test_an_account_s_own_usage_is_without_the_accounts_below_it() -> None:
    chain = [("root", None), ("customer", "root"), ("project", "customer"), ("a", "project")]
    accounts = [Account(AccountName(name), AccountName(parent) if parent else None) for name, parent in chain]
    found = reconcile(
        {"customer": {"cpu": 1}, "project": {}, "a": {"cpu": 4}},
        books(root=5, customer=5, project=4, a=4),
        ["cpu"],
        below=children_of(ClusterState({account.name: account for account in accounts})),
        until=UNTIL,
    )
    assert {line.verdict for line in found.lines} == {Verdict.AGREES}
    assert [line.account for line in found.lines] == ["a", "customer", "project", "root"]
    assert found.accounts_verified == {"a", "customer", "project", "root"}


def test_usage_that_only_the_books_know_is_found() -> None:
    found = reconcile({}, books(a=4), ["cpu"], below={}, until=UNTIL)
    assert found.held_back(Reconcile.BLOCK) == {"a"}
    assert str(found.lines[0]).startswith("a cpu: 0 TRES-seconds, slurmdbd's books 4: mismatch (the books")


def test_the_books_of_days_and_of_today_s_hours_add_up() -> None:
    noon = START + timedelta(hours=5)
    one = Books(START, noon, {"a": {"cpu": 1}}, {"a": {"cpu": 1}})
    two = Books(noon, UNTIL, {"a": {"cpu": 2, "mem": 3}, "b": {"cpu": 4}}, {})
    whole = Books(START, UNTIL, {"a": {"cpu": 3, "mem": 3}, "b": {"cpu": 4}}, {"a": {"cpu": 1}})
    assert add_books(START, UNTIL, [one, two]) == whole
    assert add_books(START, UNTIL, []) == Books(START, UNTIL, {}, {})


def test_without_any_books_nothing_is_verified_and_nothing_is_held_back() -> None:
    found = reconcile({"a": {"cpu": 1}}, None, ["cpu", "mem"], below={}, until=UNTIL)
    assert [line.verdict for line in found.lines] == [Verdict.UNVERIFIED] * 2
    assert found.accounts_verified == found.held_back(Reconcile.BLOCK) == frozenset()
    assert "cannot verify (slurmdbd has not summed up the hours" in str(found.lines[0])


@pytest.mark.parametrize(("ours", "verdict"), [(3, Verdict.EXPLAINED), (0, Verdict.AGREES)])
def test_records_without_an_association_are_in_nobody_s_books(ours: int, verdict: Verdict) -> None:
    found = reconcile({UNKNOWN: {"cpu": ours}}, books(a=0), ["cpu"], below={}, until=UNTIL)
    assert found.with_verdict(verdict)[0].account in (UNKNOWN, "a")
    assert found.accounts_verified == {UNKNOWN, "a"}


@pytest.mark.parametrize(
    ("mode", "held"), [(Reconcile.BLOCK, {"a"}), (Reconcile.WARN, set()), (Reconcile.OFF, set())]
)
def test_only_a_mismatch_holds_back_and_only_when_told_to(mode: Reconcile, held: set[str]) -> None:
    ours = {"a": {"cpu": 1, "mem": 1}, "b": {"cpu": 1}}
    found = reconcile(ours, books(a=1, b=1), ["cpu", "mem"], below={}, until=UNTIL)
    assert found.held_back(mode) == held
    assert found.accounts_verified == {"b"}


def correction(before: int, after: int, tres: str = "cpu") -> Correction:
    return Correction(date(2026, 2, 3), "a", tres, before, after)


@pytest.mark.parametrize(
    ("before", "after", "records", "corrections", "fell"),
    [
        (100, 100, 1, [], False),
        (100, 50, 1, [], False),
        (100, 49, 1, [], True),
        (100, 0, 1, [], True),
        (1, 0, 0, [], True),
        (0, 0, 0, [], False),
        (0, 5, 1, [], False),
        (100, 10, 1, [correction(95, 5)], False),
        (100, 10, 1, [correction(50, 5), correction(50, 5)], False),
        (100, 10, 1, [correction(0, 60), correction(95, 5)], False),  # what was late before is in the 100
        (100, 10, 1, [correction(50, 5)], True),
        (100, 10, 1, [correction(95, 5, "mem")], True),
        (100, 0, 0, [correction(100, 0)], True),
    ],
)
def test_a_fall_to_nothing_or_by_more_than_half_needs_an_explanation(
    before: int, after: int, records: int, corrections: list[Correction], *, fell: bool
) -> None:
    falls = unexplained_falls({"a": {"cpu": before}}, {"a": {"cpu": after}}, {"a": records}, corrections)
    assert bool(falls) is fell
    assert all("a cpu: fell from" in str(fall) for fall in falls)


def test_an_account_that_is_not_counted_any_more_has_fallen() -> None:
    (fall,) = unexplained_falls({"a": {"cpu": 7}}, {}, {})
    assert (fall.after, fall.words) == (0, "no job record of it is left to be seen")
