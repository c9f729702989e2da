"""The per-user table shows what was counted, and never changes what is billed."""

from __future__ import annotations

import pytest

from allocations.billing import BillingPeriod, UsageReport
from allocations.marketplace import UserUsage
from allocations.userusage import TOTAL, rows_to_send, total_row, user_rows

MONTH = BillingPeriod(2026, 11)


def row(name: str, cpu: int = 0, gpu: int = 0, ram: int = 0) -> UserUsage:
    return UserUsage(username=name, year=2026, month=11, cpu=cpu, gpu=gpu, ram=ram)


def test_each_user_has_one_row_and_what_is_not_sold_stays_zero() -> None:
    users = {"max": {"cpu": 3, "mem": 7}, "ada": {"gres/gpu": 2, "gres/fpga": 9}}
    assert user_rows(users, MONTH) == [row("ada", gpu=2), row("max", cpu=3, ram=7)]


def test_only_differences_are_sent() -> None:
    counted = [row("ada", cpu=3), row("max", cpu=4), row("mary")]
    rows, impossible = rows_to_send(counted, [row("ada", cpu=3), row("max", cpu=1)])
    assert rows == [row("max", cpu=4), row("mary")]
    assert impossible == []


def test_a_user_whose_usage_is_gone_is_set_to_zero_once() -> None:
    assert rows_to_send([], [row("ada", cpu=3)]) == ([row("ada")], [])
    assert rows_to_send([], [row("ada")]) == ([], [])


def test_a_user_who_is_named_like_the_total_is_never_sent() -> None:
    rows, impossible = rows_to_send([row(TOTAL, cpu=3), row("x" * 33), row("x" * 32)], [])
    assert rows == [row("x" * 32)]
    assert impossible == [TOTAL, "x" * 33]


REPORT = UsageReport("p", {"cpu": 40, "gres/gpu": 5, "mem": 6})
AMOUNTS = {"cpu": 100, "gres/gpu": 5, "mem": 6}


def test_the_total_of_a_column_that_the_server_copies_is_what_the_open_period_was_told() -> None:
    offered = {"cpu", "gres/gpu", "mem"}
    assert total_row(REPORT, AMOUNTS, offered, MONTH) == row(TOTAL, cpu=40, gpu=5, ram=6)


def test_the_total_of_other_columns_is_the_months_amount() -> None:
    assert total_row(REPORT, AMOUNTS, {"gres/gpu", "mem"}, MONTH) == row(TOTAL, cpu=100, gpu=5, ram=6)


@pytest.mark.parametrize("copied", ["gpu", "ram"])
def test_no_total_where_it_would_write_a_billed_row_that_nobody_reports(copied: str) -> None:
    assert total_row(REPORT, AMOUNTS, {"cpu", copied}, MONTH) is None
