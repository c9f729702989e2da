"""What is sent is decided from what is held at that moment: amounts rise, or fall for a reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import UsageReport
from allocations.booking import Booking, Wanted, booking_for
from allocations.marketplace import PlanPeriod

AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(0, 9), min_size=2)


def period(
    uuid: str, *, closed: bool = False, descriptions: dict[str, str] | None = None, **usages: int
) -> PlanPeriod:
    end = datetime(2026, 9, 20, tzinfo=UTC) if closed else None
    return PlanPeriod(uuid=uuid, start=None, end=end, usages=usages, descriptions=descriptions or {})


def wanted(held: dict[str, int], may_fall: str = "", **totals: int) -> Wanted:
    return Wanted(totals=totals, held=held, may_fall=may_fall)


def test_a_rising_amount_is_sent() -> None:
    booking = booking_for(wanted({"cpu": 3}, cpu=5), [period("p", cpu=3)])
    assert booking == Booking(report=UsageReport("p", {"cpu": 5}))


def test_the_first_amount_is_sent_be_it_zero() -> None:
    assert booking_for(wanted({}, cpu=0), [period("p")]) == Booking(report=UsageReport("p", {"cpu": 0}))


def test_what_is_held_already_is_not_sent_again() -> None:
    booking = booking_for(wanted({"cpu": 5}, cpu=5), [period("p", cpu=5, old=7)])
    assert booking.unchanged


def test_another_description_is_sent_again() -> None:
    words = Wanted(totals={"cpu": 5}, descriptions={"cpu": "new"}, held={"cpu": 5})
    assert not booking_for(words, [period("p", cpu=5)]).unchanged
    assert booking_for(words, [period("p", cpu=5, descriptions={"cpu": "new"})]).unchanged


def test_a_falling_amount_is_held_back_with_the_numbers_and_the_way_out() -> None:
    booking = booking_for(wanted({"cpu": 5, "mem": 1}, cpu=4, mem=2), [period("p", cpu=5, mem=1)])
    assert booking.report is None
    assert "cpu from 5 to 4" in booking.held_back
    assert "allow_decrease=true" in booking.held_back
    assert not booking.overtaken


def test_a_falling_amount_is_sent_for_a_reason() -> None:
    booking = booking_for(wanted({"cpu": 5}, "a runaway job was ended", cpu=4), [period("p", cpu=5)])
    assert booking == Booking(report=UsageReport("p", {"cpu": 4}))


@pytest.mark.parametrize("may_fall", ["", "allow_decrease"])
def test_what_another_run_reported_meanwhile_is_never_lowered(may_fall: str) -> None:
    booking = booking_for(wanted({"cpu": 3}, may_fall, cpu=5), [period("p", cpu=6)])
    assert booking.report is None
    assert booking.overtaken


def test_a_change_of_plan_meanwhile_is_no_fall() -> None:
    periods = [period("old", closed=True, cpu=3), period("new")]
    assert booking_for(wanted({"cpu": 3}, cpu=5), periods).report == UsageReport("new", {"cpu": 2})


def test_without_an_open_period_there_is_nowhere_to_report_to() -> None:
    booking = booking_for(wanted({}, cpu=5), [period("p", closed=True)])
    assert booking.report is None
    assert "no open plan period" in booking.held_back


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.sampled_from(["", "reason"]))
def test_a_sent_amount_is_lower_only_for_a_reason_and_only_than_what_was_known(
    totals, began, now, why
) -> None:
    booking = booking_for(Wanted(totals=totals, held=began, may_fall=why), [period("p", **now)])
    assert (booking.report is None) == bool(booking.held_back)
    if booking.report is not None:
        falling = {kind for kind in totals if totals[kind] < now.get(kind, 0)}
        assert not falling or why
        assert all(began.get(kind) == now[kind] for kind in falling)
