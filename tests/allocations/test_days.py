"""A month from its days: nothing lost, nothing twice, and what has changed is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import UNKNOWN
from allocations.billing import BillingPeriod
from allocations.days import (
    Correction,
    WindowUsage,
    corrections_of,
    is_good,
    month_of,
    remarks_on,
    together,
    window_usage,
)
from allocations.hours import days_of, whole_hour
from allocations.usage import Jobs, seconds_by_account

START = datetime(2026, 2, 1, tzinfo=UTC)
MONTH = BillingPeriod(2026, 2)
DAY = timedelta(days=1)


def usage(
    start: datetime, rows: dict[tuple[str, str], dict[str, int]], end: datetime | None = None, **how: int
) -> WindowUsage:
    columns = list(dict.fromkeys(tres for row in rows.values() for tres in row))
    index = pd.MultiIndex.from_tuples(list(rows), names=["account", "user"]) if rows else None
    if index is None:
        index = pd.MultiIndex.from_arrays([[], []], names=["account", "user"])
    table = pd.DataFrame(
        {t: [row.get(t, 0) for row in rows.values()] for t in columns}, index=index, dtype="int64"
    )
    return WindowUsage(
        start,
        end or start + DAY,
        table,
        how or dict.fromkeys([account for account, _ in rows], 1),
        {"COMPLETED": 1},
    )


def test_consecutive_windows_together_are_one_window() -> None:
    noon = START + timedelta(hours=12)
    morning = usage(START, {("a", "u"): {"cpu": 1}, ("b", "u"): {"cpu": 5}}, noon)
    evening = usage(noon, {("a", "u"): {"cpu": 2, "mem": 3}}, START + DAY)
    day = together([morning, evening])
    assert (day.start, day.end) == (START, START + DAY)
    assert seconds_by_account(day.seconds) == {"a": {"cpu": 3, "mem": 3}, "b": {"cpu": 5, "mem": 0}}
    assert (day.records, day.states) == ({"a": 2, "b": 1}, {"COMPLETED": 2})
    assert together([morning]) is morning


def test_a_window_counts_its_records_and_their_states() -> None:
    records = pd.DataFrame(
        {
            "account": ["a", "a", "a"],
            "user": ["u", "u", "v"],
            "state": ["CANCELLED by 0", "CANCELLED by 7", "RUNNING"],
            "elapsed_seconds": [1, 2, 3],
            "span_seconds": [1, 2, 3],
        }
    )
    found = window_usage(START, START + DAY, Jobs(records, pd.DataFrame({"cpu": [2, 2, 2]})))
    assert found.records == {"a": 3}
    assert found.states == {"CANCELLED": 2, "RUNNING": 1}
    assert seconds_by_account(found.seconds) == {"a": {"cpu": 12}}


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (START, START, []),
        (START, START + timedelta(hours=5), [5]),
        (START, START + 2 * DAY, [24, 24]),
        (START + timedelta(hours=23), START + DAY + timedelta(hours=1), [1, 1]),
        (datetime(2028, 2, 28, tzinfo=UTC), datetime(2028, 3, 2, tzinfo=UTC), [24, 24, 24]),
    ],
)
def test_a_period_is_cut_at_utc_midnights_and_nowhere_else(
    start: datetime, end: datetime, hours: list[int]
) -> None:
    pieces = list(days_of(start, end))
    assert [(until - since) / timedelta(hours=1) for since, until in pieces] == hours
    assert [until for _, until in pieces[:-1]] == [since for since, _ in pieces[1:]]


def test_the_last_whole_hour_is_not_after_the_moment() -> None:
    assert whole_hour(datetime(2026, 2, 1, 5, 59, 59, tzinfo=UTC)) == datetime(2026, 2, 1, 5, tzinfo=UTC)
    assert whole_hour(START) == START


@pytest.mark.parametrize(
    ("read_after", "now_after", "good"),
    [
        (24, 24, False),
        (47, 47, False),
        (47, 49, False),
        (48, 48, True),
        (50, 55, True),
        (50, 56, False),
        (71, 300, False),
        (50, 49, False),
        (72, 72, True),
        (72, 9999, True),
        (80, 79, False),
        (9999, 30, False),
    ],
)
def test_a_stored_day_stands_when_it_had_settled_or_was_read_lately(
    read_after: int, now_after: int, *, good: bool
) -> None:
    read_at, now = (START + timedelta(hours=hours) for hours in (read_after, now_after))
    assert is_good(START, read_at, now, 3) is good


def test_a_month_is_the_sum_of_its_windows_and_keeps_each_day() -> None:
    noon = START + DAY + timedelta(hours=12)
    parts = [
        usage(START, {("a", "u"): {"cpu": 5}}),
        usage(START + DAY, {("a", "u"): {"cpu": 1}, ("b", "v"): {"mem": 7}}, noon),
        usage(noon, {("b", "v"): {"mem": 2}}, noon + timedelta(minutes=5)),
    ]
    month = month_of(MONTH, parts[-1].end, parts, whole_until=noon, stored=[START.date()], remarks=["x"])
    assert seconds_by_account(month.seconds) == {"a": {"cpu": 6, "mem": 0}, "b": {"cpu": 0, "mem": 9}}
    assert seconds_by_account(month.whole_hours) == {"a": {"cpu": 6, "mem": 0}, "b": {"cpu": 0, "mem": 7}}
    assert list(month.days) == [date(2026, 2, 1), date(2026, 2, 2)]
    assert seconds_by_account(month.days[date(2026, 2, 2)])["b"] == {"cpu": 0, "mem": 9}
    assert month.by_day.loc[(date(2026, 2, 1), "a", "u")].to_dict() == {"cpu": 5, "mem": 0}
    assert all(dtype == "int64" for dtype in month.by_day.dtypes)
    assert (month.stored, month.remarks) == ((date(2026, 2, 1),), ("x",))


def test_a_month_that_has_just_begun_is_empty_and_not_missing() -> None:
    month = month_of(MONTH, START, [], whole_until=START)
    assert len(month.seconds) == len(month.by_day) == 0
    assert list(month.by_day.index.names) == ["day", "account", "user"]


def test_a_tres_of_which_nothing_was_used_is_no_other_usage() -> None:
    without = usage(START, {("a", "u"): {"cpu": 5}})
    with_zeros = usage(START, {("a", "u"): {"cpu": 5, "gres/gpu": 0}})
    assert without.fingerprint == with_zeros.fingerprint


def test_the_fingerprint_is_of_the_usage_and_not_of_its_order() -> None:
    one = usage(START, {("a", "u"): {"cpu": 5, "mem": 0}, ("b", "v"): {"cpu": 0, "mem": 7}})
    other = usage(START, {("b", "v"): {"mem": 7}, ("a", "u"): {"cpu": 5}})
    assert one.fingerprint == other.fingerprint
    different = [
        usage(START, {("a", "u"): {"cpu": 6}, ("b", "v"): {"mem": 7}}),
        usage(START, {("a", "u"): {"cpu": 5}, ("b", "w"): {"mem": 7}}),
        usage(START + DAY, {("a", "u"): {"cpu": 5}, ("b", "v"): {"mem": 7}}),
        usage(START, {("a", "u"): {"cpu": 5}, ("b", "v"): {"mem": 7}}, a=3, b=1),
    ]
    assert len({one.fingerprint, *(day.fingerprint for day in different)}) == 5


def test_a_day_that_has_changed_says_by_how_much_and_where() -> None:
    before = usage(START, {("a", "u"): {"cpu": 5}, ("b", "v"): {"cpu": 2}, ("c", "w"): {"cpu": 1}})
    after = usage(START, {("a", "u"): {"cpu": 3, "mem": 4}, ("a", "x"): {"cpu": 1}, ("c", "w"): {"cpu": 1}})
    day = START.date()
    assert sorted(corrections_of(before, after)) == [
        Correction(day, "a", "cpu", 5, 4),
        Correction(day, "a", "mem", 0, 4),
        Correction(day, "b", "cpu", 2, 0),
    ]
    assert corrections_of(after, after) == []
    assert str(Correction(day, "a", "cpu", 5, 4)) == "2026-02-01 a cpu: 5 becomes 4 TRES-seconds"


def test_states_without_a_known_name_and_unknown_accounts_are_remarked_on() -> None:
    known = usage(START, {("a", "u"): {"cpu": 1}})
    odd = usage(START, {(UNKNOWN, "u"): {"cpu": 1}})
    strange = WindowUsage(START, START + DAY, known.seconds, {}, {"EXPEDITED": 2, "RUNNING": 1})
    assert remarks_on([known]) == []
    said = " / ".join(remarks_on([odd, strange, strange]))
    assert "4 job records are in the state 'EXPEDITED'" in said
    assert "belongs to no account" in said


AMOUNT = st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu"]), st.integers(0, 2**50), max_size=3)
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", UNKNOWN]), st.sampled_from(["u", "v"])), AMOUNT, max_size=4
)


@given(st.lists(ROWS, max_size=5), st.integers(0, 5))
def test_days_add_up_to_the_month_and_the_whole_hours_to_their_part(
    days: list[dict[tuple[str, str], dict[str, int]]], whole: int
) -> None:
    parts = [usage(START + n * DAY, rows) for n, rows in enumerate(days)]
    month = month_of(MONTH, START + len(days) * DAY, parts, whole_until=START + whole * DAY)

    def total(tables: list[pd.DataFrame], tres: str) -> int:
        return sum(int(value) for table in tables if tres in table.columns for value in table[tres])

    for tres in month.seconds.columns:
        assert total([month.seconds], tres) == total([month.by_day], tres)
        assert total([month.seconds], tres) == sum(r.get(tres, 0) for rows in days for r in rows.values())
        assert total([month.whole_hours], tres) == total([p.seconds for p in parts[:whole]], tres)
