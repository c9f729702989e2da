"""slurmdbd's own sums as sreport prints them: captured, broken, missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.hours import whole_hour
from slurm_io.books import (
    has_rollup,
    parse_books,
    parse_clusters,
    parse_reservations,
)
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing_transactions import parse_association_ids

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = datetime(2026, 11, 24, 8, tzinfo=UTC)
NEXT = HOUR + timedelta(hours=1)
ACCOUNT = "shown_614400000"


def test_the_captured_books_hold_accounts_users_and_idle_reserved_time(
    captured: Callable[[str], str],
) -> None:
    (reservation,) = parse_reservations(
        captured("door-show-reservation.out"),
        parse_association_ids(captured("door-show-association-ids.out")),
    )
    hour = whole_hour(reservation.start)
    books = parse_books(captured("door-sreport-accounts.out"), hour, hour + timedelta(hours=1))
    assert books.with_below["root"]["cpu"] == books.own("root", "cpu", ()) > 0
    assert books.own("root", "cpu", ["hpc_customer", ACCOUNT]) == books.of_users["root"]["cpu"] > 0
    used = books.of_users[ACCOUNT]
    assert used["mem"] > used["cpu"] > used["gres/gpu"] > 0
    assert reservation.accounts == {ACCOUNT}
    assert reservation.tres == {"cpu": 64}
    assert books.own(ACCOUNT, "cpu", ()) - used["cpu"] == reservation.idle("cpu", hour, books.until) > 0


def test_hours_that_are_not_summed_up_are_told_from_unused_ones_by_the_cluster_s_sum(
    captured: Callable[[str], str],
) -> None:
    assert parse_books("", HOUR, NEXT).with_below == {}
    assert has_rollup("") is False
    assert has_rollup(captured("door-sreport-cluster.out")) is True


def test_the_one_cluster_has_a_name(captured: Callable[[str], str]) -> None:
    assert parse_clusters(captured("door-show-cluster.out")) == ("sandbox",)
    assert parse_clusters("a\nb\n") == ("a", "b")


@pytest.mark.parametrize("text", ["", "\n", "a\n\n", "a|b\n", "a"])
def test_a_cluster_without_a_name_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput):
        parse_clusters(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c|a||cpu", "5 fields"),
        ("c|a||cpu|1.5", "whole seconds"),
        ("c|a||cpu|-1", "whole seconds"),
        ("c|a||cpu|12(0.1%)", "whole seconds"),
        ("c|||cpu|1", "an account"),
        ("c|a|||1", "a TRES"),
        ("c|root||cpu|1", "each account and TRES once"),
    ],
)
def test_books_that_cannot_be_read_are_an_error_and_no_zero(line: str, words: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match=words):
        parse_books(f"c|root||cpu|1\n{line}\n", HOUR, NEXT)


def test_a_user_with_several_associations_in_one_account_is_one() -> None:
    books = parse_books("c|a||cpu|5\nc|a|u|cpu|2\nc|a|u|cpu|3\n", HOUR, NEXT)
    assert books.of_users == {"a": {"cpu": 5}}


@pytest.mark.parametrize("text", ["c|cpu|x\n", "c|cpu\n", "c|cpu|1"])
def test_a_cluster_s_sum_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput):
        has_rollup(text)


@pytest.mark.parametrize(
    "text",
    [
        "c|r|1|x|2|cpu=1|0.0\n",
        "c|r|1|1|x|cpu=1|0.0\n",
        "c|r|1|1|2|cpu=1|\n",
        "c|r|1|1|2|cpu|0.0\n",
        "c|r|1|1|2|cpu=1\n",
    ],
)
def test_a_reservation_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput):
        parse_reservations(text, {})


def test_a_reservation_names_associations_that_may_be_gone_or_shut_out() -> None:
    text = "c|r|1,2,-3,99|100|200|cpu=4,energy=18446744073709551614|1.5\n"
    (reservation,) = parse_reservations(text, {1: ("a", ""), 2: ("a", "u"), 3: ("b", "")})
    assert reservation.accounts == {"a"}
    assert reservation.tres == {"cpu": 4}
