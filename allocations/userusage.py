"""What each user used, for the marketplace's per-user table: shown to people, never billed.

The table has three fixed columns. One name in it is not a user's: TOTAL writes the allocation's own totals,
and the server copies those into this month's billed rows of the components cpu, gpu and ram (docs/usage.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.marketplace import UserUsage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from allocations.billing import BillingPeriod, UsageReport

COLUMNS: Mapping[str, str] = {"cpu": "cpu", "gpu": "gres/gpu", "ram": "mem"}
"""The table's column to the component that fills it; one that is not sold stays 0."""
TOTAL = "TOTAL_ACCOUNT_USAGE"
LONGEST_NAME = 32
"""The server refuses longer ones."""


def user_rows(users: Mapping[str, Mapping[str, int]], period: BillingPeriod) -> list[UserUsage]:
    """A row for each user, by name, from user to component type to amount."""
    return [_row(user, period, amounts) for user, amounts in sorted(users.items())]


def rows_to_send(
    counted: Iterable[UserUsage], held: Iterable[UserUsage]
) -> tuple[list[UserUsage], list[str]]:
    """The rows that differ from what the marketplace holds, and the names that it cannot be told.

    A user whose usage is gone (a corrected record) is set to zero: rows cannot be deleted.
    """
    held_rows = {row.username: row for row in held}
    rows = {row.username: row for row in counted}
    zeroed = [
        UserUsage(username=row.username, year=row.year, month=row.month, cpu=0, gpu=0, ram=0)
        for row in held_rows.values()
        if row.username not in rows
    ]
    wanted = [row for row in (*rows.values(), *zeroed) if row != held_rows.get(row.username)]
    impossible = [row.username for row in wanted if not is_sendable(row.username)]
    return [row for row in wanted if is_sendable(row.username)], impossible


def is_sendable(username: str) -> bool:
    """Whether it can stand in the table: short enough, and never taken for the allocation's total."""
    return username != TOTAL and len(username) <= LONGEST_NAME


def total_row(
    report: UsageReport,
    amounts: Mapping[str, int],
    offered: Collection[str],
    period: BillingPeriod,
) -> UserUsage | None:
    """The allocation's totals; None where they would write a billed row that nobody reports.

    The server copies each column into the open plan period's row of the component that is named like it. So
    for those the total is exactly what the report says of that period, and the copy changes nothing; for
    the others it is the month's amount.

    Args:
        report: what the open plan period was told.
        amounts: component type to the month's amount.
        offered: the types of all components that the offering has.
        period: the server's current month, always: it copies into that, whatever the row says.
    """
    copied = [column for column in COLUMNS if column in offered]
    if any(column not in report.amounts for column in copied):
        return None
    columns = {
        column: report.amounts[column] if column in copied else amounts.get(kind, 0)
        for column, kind in COLUMNS.items()
    }
    return UserUsage(username=TOTAL, year=period.year, month=period.month, **columns)


def _row(user: str, period: BillingPeriod, amounts: Mapping[str, int]) -> UserUsage:
    columns = {column: amounts.get(kind, 0) for column, kind in COLUMNS.items()}
    return UserUsage(username=user, year=period.year, month=period.month, **columns)
