"""Months, the one conversion and the one rounding, and what a report must hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import (
    BillingPeriod,
    UsageReport,
    amount_of,
    amounts_of,
    booking_refusal,
    clock_refusal,
    open_period,
    report_for,
)
from allocations.components import parse_components
from allocations.errors import InvalidPeriod, UsageFell
from allocations.marketplace import PlanPeriod

MONTHS = st.builds(BillingPeriod, st.integers(1, 9998), st.integers(1, 12))
SECONDS = st.integers(0, 2**62)
FACTORS = st.integers(1, 10**9)


@given(MONTHS)
def test_months_follow_each_other_without_a_gap(month: BillingPeriod) -> None:
    assert month.next.previous == month
    assert month.end == month.next.start
    assert month < month.next


@pytest.mark.parametrize("text", ["2026-09", "2026-12", "0001-01", "9998-12"])
def test_a_month_reads_as_it_prints(text: str) -> None:
    assert str(BillingPeriod.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-9",
        "2026-13",
        "2026-00",
        "0000-01",
        "9999-12",
        "2026-09-01",
        " 2026-09",
        "2026-09\n",
        "\u0662\u0660\u0662\u0666-09",
    ],
)
def test_anything_else_is_no_month(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="expected a month as YYYY-MM"):
        BillingPeriod.parse(text)


def test_december_ends_with_the_year() -> None:
    december = BillingPeriod(2026, 12)
    assert december.start == datetime(2026, 12, 1, tzinfo=UTC)
    assert december.end == datetime(2027, 1, 1, tzinfo=UTC)


@given(MONTHS)
def test_a_month_is_half_open_and_the_next_begins_where_it_ends(month: BillingPeriod) -> None:
    assert BillingPeriod.containing(month.start) == month
    assert BillingPeriod.containing(month.end - timedelta(microseconds=1)) == month
    following = BillingPeriod.containing(month.end)
    assert following > month
    assert following.start == month.end
    assert BillingPeriod.parse(str(month)) == month


def test_a_moment_belongs_to_its_month_in_utc() -> None:
    just_after_midnight = datetime(2026, 10, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert BillingPeriod.containing(just_after_midnight) == BillingPeriod(2026, 9)


def test_a_moment_without_a_zone_belongs_to_no_month() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        BillingPeriod.containing(datetime(2026, 10, 1))  # noqa: DTZ001 - what it is about


@pytest.mark.parametrize(
    ("seconds", "factor", "amount"),
    [
        (0, 1, 0),
        (29, 1, 0),
        (30, 1, 1),
        (89, 1, 1),
        (90, 1, 2),
        (1799, 60, 0),
        (1800, 60, 1),
        (3_600_000, 60_000, 1),
        (1_799_999, 60_000, 0),
        (1_800_000, 60_000, 1),
        (119_064_915_536, 60, 33_073_588),
        (60 * (2**53 + 1), 1, 2**53 + 1),
    ],
)
def test_an_amount_is_minutes_over_the_factor_rounded_half_up(seconds: int, factor: int, amount: int) -> None:
    assert amount_of(seconds, factor) == amount


@given(SECONDS, FACTORS)
def test_rounding_is_off_by_half_a_unit_at_most_and_half_goes_up(seconds: int, factor: int) -> None:
    error = amount_of(seconds, factor) - Fraction(seconds, 60 * factor)
    assert -Fraction(1, 2) < error <= Fraction(1, 2)


@given(SECONDS, SECONDS, FACTORS)
def test_more_usage_is_never_a_smaller_amount(one: int, other: int, factor: int) -> None:
    assert amount_of(min(one, other), factor) <= amount_of(max(one, other), factor)


@given(st.integers(0, 2**40), FACTORS)
def test_whole_units_are_exact(units: int, factor: int) -> None:
    assert amount_of(units * factor * 60, factor) == units


def test_every_component_gets_an_amount_also_when_nothing_was_used() -> None:
    components = parse_components(
        "cpu: {limit: 1, measured_unit: h, accounting_type: usage, label: CPU, unit_factor: 60}\n"
        "mem: {limit: 1, measured_unit: m, accounting_type: usage, label: RAM}",
        "f",
    )
    assert amounts_of({"cpu": 7200, "node": 5}, components) == {"cpu": 2, "mem": 0}


def period(uuid: str, *, start: int | None = 1, closed: bool = False, **usages: int) -> PlanPeriod:
    return PlanPeriod(
        uuid=uuid,
        start=None if start is None else datetime(2026, 9, start, tzinfo=UTC),
        end=datetime(2026, 9, 20, tzinfo=UTC) if closed else None,
        usages=usages,
    )


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ((), None),
        ((period("a", closed=True),), None),
        ((period("a"),), "a"),
        ((period("a", closed=True), period("b", start=20)), "b"),
        ((period("b", start=20), period("a", closed=True)), "b"),
        ((period("a", start=2), period("b", start=3)), "b"),
        ((period("b", start=3), period("a", start=3)), "b"),
        ((period("a", start=None), period("b", start=1)), "b"),
        ((period("a", start=None),), "a"),
    ],
)
def test_usage_goes_to_the_open_period_that_began_last(
    periods: tuple[PlanPeriod, ...], expected: str | None
) -> None:
    found = open_period(periods)
    assert (found.uuid if found else None) == expected


def test_without_an_open_period_there_is_no_report() -> None:
    assert report_for({"cpu": 5}, [period("a", closed=True)]) is None


def test_the_open_period_holds_what_the_closed_ones_do_not() -> None:
    periods = [
        period("a", closed=True, cpu=30, mem=1),
        period("b", start=20, cpu=4),
        period("c", closed=True, cpu=5),
    ]
    words = {"cpu": "seen"}
    assert report_for({"cpu": 100, "mem": 7}, periods, words) == UsageReport(
        "b", {"cpu": 65, "mem": 6}, words
    )


def test_a_total_below_what_closed_periods_hold_is_refused_not_sent_as_a_negative() -> None:
    with pytest.raises(UsageFell, match=r"total is 10, but closed plan periods hold 30"):
        report_for({"cpu": 10}, [period("a", closed=True, cpu=30), period("b")])


NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)
GUARD = timedelta(seconds=185)


@pytest.mark.parametrize(
    ("server_time", "why"),
    [
        (NOON, None),
        (datetime(2026, 9, 1, tzinfo=UTC), "began less than 185 s ago"),
        (datetime(2026, 9, 1, 0, 3, 4, tzinfo=UTC), "too close to its turn"),
        (datetime(2026, 9, 1, 0, 3, 5, tzinfo=UTC), None),
        (datetime(2026, 9, 30, 23, 56, 54, tzinfo=UTC), None),
        (datetime(2026, 9, 30, 23, 56, 55, tzinfo=UTC), "too close to its turn"),
        (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), "too close to its turn"),
        (datetime(2026, 10, 1, tzinfo=UTC), "books under its current month 2026-10"),
        (datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC), "books under its current month 2026-08"),
        (datetime(2026, 10, 1, 1, tzinfo=timezone(timedelta(hours=2))), None),
        (datetime(2026, 10, 1, 1, tzinfo=timezone(timedelta(hours=1))), "current month 2026-10"),
        (None, "did not say what time it has"),
    ],
)
def test_usage_is_sent_only_while_the_server_books_the_same_month_and_will_for_a_while(
    server_time: datetime | None, why: str | None
) -> None:
    refusal = booking_refusal(BillingPeriod(2026, 9), server_time, GUARD)
    assert (refusal is None) == (why is None)
    assert why is None or why in str(refusal)


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (timedelta(seconds=185), None),
        (timedelta(seconds=-185), None),
        (timedelta(seconds=186), "186 s ahead of the marketplace's (2026-09-15 12:03:06 and 2026-09-15 12"),
        (timedelta(hours=-3), "10,800 s behind the marketplace's (2026-09-15 09:00:00 and"),
    ],
)
def test_nothing_is_counted_by_a_clock_that_is_far_from_the_marketplaces(
    ours: timedelta, words: str | None
) -> None:
    refusal = clock_refusal(NOON + ours, NOON)
    assert (refusal is None) == (words is None)
    assert words is None or f"this host's clock is {words}" in str(refusal)


def test_a_marketplace_that_does_not_tell_its_time_says_nothing_of_ours() -> None:
    assert clock_refusal(NOON, None) is None


HELD = st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(0, 100))
TOTALS = st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(500, 1000))


@given(TOTALS, st.lists(st.tuples(st.booleans(), HELD), max_size=5))
def test_after_a_report_all_periods_together_hold_the_months_totals(
    totals: dict[str, int], kept: list[tuple[bool, dict[str, int]]]
) -> None:
    periods = [period(str(n), closed=closed, **usages) for n, (closed, usages) in enumerate(kept)]
    report = report_for(totals, periods)
    assert (report is None) == all(closed for closed, _ in kept)
    if report:
        after = {
            p.uuid: {**p.usages, **report.amounts} if p.uuid == report.plan_period_uuid else p.usages
            for p in periods
        }
        for kind, total in totals.items():
            assert sum(usages.get(kind, 0) for usages in after.values()) == total
        assert report_for(totals, periods) == report
