"""Past months: what should stand there, what does, and what can still be told, never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.backfilling import (
    MonthLine,
    Result,
    chosen,
    claimed_once,
    dated_report,
    due_totals,
    held_in,
    moment_in,
    parse_range,
    period_of_month,
    settled,
    unproven,
    verdict_on,
)
from allocations.billing import BillingPeriod, UsageReport
from allocations.carry import carry_text
from allocations.errors import InvalidPeriod
from allocations.marketplace import ComponentUsage, Party, PlanPeriod, Resource, ResourceState

MONTH = BillingPeriod(2026, 10)


def test_a_range_has_both_its_ends() -> None:
    assert list(map(str, parse_range("2026-11..2027-02"))) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert parse_range("2026-11") == parse_range("2026-11..2026-11") == (BillingPeriod(2026, 11),)


@pytest.mark.parametrize(
    "text", ["", "2026-11..", "..2026-11", "2026-11..2026-10", "2020-01..2026-11", "2026-1"]
)
def test_anything_else_is_no_range(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="expected a month as YYYY-MM"):
        parse_range(text)


def resource(uuid: str, account: str | None) -> Resource:
    return Resource(
        uuid=uuid,
        name=f"name of {uuid}",
        state=ResourceState.TERMINATED,
        allocation_uuid=None,
        allocation_state=None,
        account=account,
        customer=Party("c", "C"),
        project=Party("p", "P"),
    )


RESOURCES = [resource("a", "hpc_a"), resource("b", None), resource("c", "hpc_c"), resource("d", "hpc_c")]


@pytest.mark.parametrize(
    ("allocation", "uuids"), [(None, "abcd"), ("hpc_a", "a"), ("b", "b"), ("hpc_c", "cd"), ("hpc", "")]
)
def test_an_allocation_is_chosen_by_its_account_or_its_uuid(allocation: str | None, uuids: str) -> None:
    assert [one.uuid for one in chosen(RESOURCES, allocation)] == list(uuids)


def test_ended_resources_have_a_past_and_doubled_accounts_have_none() -> None:
    claims, problems = claimed_once(RESOURCES)
    assert [(one.uuid, account) for one, account in claims] == [("a", "hpc_a")]
    assert [problem.split(" (")[0] for problem in problems] == ["resource c", "resource d"]


def row(kind: str, amount: int, description: str = "", created: datetime | None = None) -> ComponentUsage:
    return ComponentUsage(
        resource_uuid="r",
        type=kind,
        amount=amount,
        billing_period="2026-10-01",
        description=description,
        created=created,
    )


def test_what_other_months_do_for_a_month_is_not_done_again() -> None:
    rows = [row("cpu", 12, carry_text(10, 2, MONTH))]
    next_rows = [row("cpu", 8, carry_text(5, 3, MONTH.next)), row("mem", 1)]
    assert due_totals({"cpu": 13, "mem": 4}, rows, next_rows) == {"cpu": 12, "mem": 4}
    assert due_totals({"cpu": 1}, [], next_rows) == {"cpu": 0}
    assert held_in([*rows, row("cpu", 1), row("mem", 0)]) == {"cpu": 13, "mem": 0}


def period(uuid: str, start: datetime | None, end: datetime | None = None) -> PlanPeriod:
    return PlanPeriod(uuid=uuid, start=start, end=end, usages={})


EARLY = datetime(2026, 9, 3, tzinfo=UTC)
LATE = datetime(2026, 10, 20, tzinfo=UTC)
AFTER = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("periods", "found"),
    [
        ([], None),
        ([period("p", EARLY)], "p"),
        ([period("p", LATE)], "p"),
        ([period("p", MONTH.end)], None),
        ([period("p", None)], None),
        ([period("p", EARLY, AFTER), period("q", AFTER)], "p"),
        ([period("p", EARLY, MONTH.start), period("q", MONTH.start)], "q"),
        ([period("p", EARLY), period("q", LATE)], None),
    ],
)
def test_a_plan_period_is_the_month_s_only_if_that_is_certain(
    periods: list[PlanPeriod], found: str | None
) -> None:
    one = period_of_month(periods, MONTH)
    assert (one.uuid if one else None) == found


@pytest.mark.parametrize("start", [None, EARLY, LATE])
def test_the_moment_of_a_dated_report_is_in_the_month_in_every_zone_and_in_the_period(start) -> None:
    moment = moment_in(MONTH, period("p", start))
    assert datetime(2026, 10, 2, tzinfo=UTC) < moment < datetime(2026, 10, 30, tzinfo=UTC)
    assert start is None or moment >= start


def test_rows_of_an_ended_plan_period_keep_what_they_hold() -> None:
    rows = [row("cpu", 5, created=EARLY), row("cpu", 2, "2 of 2026-10", created=AFTER), row("mem", 1)]
    report = dated_report({"cpu": 9, "mem": 3}, rows, period("p", LATE))
    assert report == UsageReport("p", {"cpu": 4, "mem": 3}, {"cpu": "2 of 2026-10"})
    assert dated_report({"cpu": 4}, rows, period("p", LATE)) is None


LINE = MonthLine(
    period="2026-10",
    account="hpc_a",
    resource_uuid="a",
    resource_name="A",
    component="cpu",
    tres_seconds=60,
    counted=5,
    before=3,
    after=None,
    result=Result.SET,
)


@pytest.mark.parametrize(
    ("result", "counted", "after", "settles"),
    [
        (Result.SET, 5, 5, Result.SET),
        (Result.SET, 5, 3, Result.FAILED),
        (Result.SET, 0, None, Result.FAILED),
        (Result.RIGHT, 5, 5, Result.RIGHT),
        (Result.RIGHT, 0, None, Result.RIGHT),
        (Result.RIGHT, 5, 4, Result.FAILED),
        (Result.NOT_BOOKABLE, 5, 3, Result.NOT_BOOKABLE),
        (Result.CARRIED, 5, 3, Result.CARRIED),
    ],
)
def test_only_what_was_read_back_is_done(
    result: Result, counted: int, after: int | None, settles: Result
) -> None:
    line = replace(LINE, result=result, counted=counted)
    assert settled(line, after, dry_run=False) == replace(line, after=after, result=settles)
    assert settled(line, after, dry_run=True) == replace(line, after=after)


@pytest.mark.parametrize("result", Result)
def test_what_was_sent_and_could_not_be_read_back_is_not_well(result: Result) -> None:
    line = replace(LINE, result=result)
    expected = Result.UNPROVEN if result is Result.SET else result
    assert unproven(line) == replace(line, result=expected)
    assert not Result.UNPROVEN.is_well


def test_the_verdict_is_well_only_if_every_number_is() -> None:
    lines = [LINE, replace(LINE, user="ada"), replace(LINE, result=Result.CARRIED)]
    assert verdict_on(MONTH, lines, dry_run=False) == (
        True,
        "2026-10: billed amounts: 1 the next month holds the rest, 1 set; users' shares: 1 set",
    )
    well, words = verdict_on(MONTH, [replace(LINE, result=Result.NOT_BOOKABLE)], dry_run=True)
    assert not well
    assert words == "2026-10 (dry run): billed amounts: 1 cannot be booked; users' shares: none"


AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(0, 100), min_size=2)


@given(AMOUNTS, AMOUNTS, st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(0, 100)))
def test_after_a_dated_report_the_month_holds_what_is_due_and_a_second_one_says_the_same(
    due, own, ended
) -> None:
    old = [row(kind, amount, created=EARLY) for kind, amount in ended.items()]
    mine = [row(kind, amount, created=AFTER) for kind, amount in own.items()]
    target = period("p", LATE)
    report = dated_report(due, [*old, *mine], target)
    assert (report is None) == any(due[kind] < ended.get(kind, 0) for kind in due)
    if report is not None:
        after = [*old, *(row(kind, amount, created=AFTER) for kind, amount in report.amounts.items())]
        assert held_in(after) == due
        assert dated_report(due, after, target) == report
