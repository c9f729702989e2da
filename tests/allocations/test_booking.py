"""What is sent is decided from what is held at that moment: amounts rise, or fall for a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import UsageReport, amounts_of
from allocations.booking import Booking, Wanted, booking_for, floors_for
from allocations.components import parse_components
from allocations.days import Correction
from allocations.marketplace import PlanPeriod

AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "mem"]), st.integers(0, 9), min_size=2)


def period(
    uuid: str, *, closed: bool = False, descriptions: dict[str, str] | None = None, **usages: int
) -> PlanPeriod:
    end = datetime(2026, 9, 20, tzinfo=UTC) if closed else None
    return PlanPeriod(uuid=uuid, start=None, end=end, usages=usages, descriptions=descriptions or {})


def wanted(held: dict[str, int], floors: dict[str, int] | None = None, **totals: int) -> Wanted:
    return Wanted(totals=totals, held=held, floors=floors or {})


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


@pytest.mark.parametrize(("floor", "sent"), [(4, True), (0, True), (5, False)])
def test_a_falling_amount_is_sent_as_far_as_the_reason_goes(floor: int, sent: bool) -> None:  # noqa: FBT001
    booking = booking_for(
        wanted({"cpu": 5, "mem": 1}, {"cpu": floor}, cpu=4, mem=2), [period("p", cpu=5, mem=1)]
    )
    if sent:
        report = UsageReport("p", {"cpu": 4, "mem": 2})
        assert booking == Booking(report=report, falling={"cpu": (5, 4)})
    else:
        assert booking.report is None


def test_a_reason_for_one_component_is_none_for_another() -> None:
    booking = booking_for(wanted({"cpu": 5, "mem": 9}, {"cpu": 0}, cpu=4, mem=8), [period("p", cpu=5, mem=9)])
    assert "cpu from 5 to 4, mem from 9 to 8" in booking.held_back


@pytest.mark.parametrize("floors", [{}, {"cpu": 0}])
def test_what_another_run_reported_meanwhile_is_never_lowered(floors: dict[str, int]) -> None:
    booking = booking_for(wanted({"cpu": 3}, floors, cpu=5), [period("p", cpu=6)])
    assert booking.report is None
    assert booking.overtaken


def test_a_change_of_plan_meanwhile_is_no_fall() -> None:
    periods = [period("old", closed=True, cpu=3), period("new")]
    assert booking_for(wanted({"cpu": 3}, cpu=5), periods).report == UsageReport("new", {"cpu": 2})


def test_without_an_open_period_there_is_nowhere_to_report_to() -> None:
    booking = booking_for(wanted({}, cpu=5), [period("p", closed=True)])
    assert booking.report is None
    assert "no open plan period" in booking.held_back


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_sent_amount_is_lower_only_for_a_reason_and_only_than_what_was_known(
    totals, began, now, floors
) -> None:
    booking = booking_for(Wanted(totals=totals, held=began, floors=floors), [period("p", **now)])
    assert (booking.report is None) == bool(booking.held_back)
    if booking.report is not None:
        falling = {kind for kind in totals if totals[kind] < now.get(kind, 0)}
        assert falling == set(booking.falling)
        assert all(began.get(kind) == now[kind] and totals[kind] >= floors[kind] for kind in falling)


COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: usage, label: CPU, unit_factor: 60}\n"
    "mem: {limit: 1, measured_unit: MB-min, accounting_type: usage, label: RAM}\n",
    "f",
)


def correction(tres: str, before: int, after: int) -> Correction:
    return Correction(date(2026, 9, 3), "hpc_a", tres, before, after)


def test_amounts_may_fall_by_what_corrections_took_away_and_one_unit_for_rounding() -> None:
    corrections = [correction("cpu", 9000, 1800), correction("cpu", 3600, 0), correction("node", 60, 0)]
    assert floors_for({"cpu": 10, "mem": 7}, corrections, COMPONENTS) == {"cpu": 6}


def test_what_a_correction_added_lets_nothing_fall() -> None:
    assert floors_for({"cpu": 10, "mem": 7}, [correction("mem", 0, 60)], COMPONENTS) == {}


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_correction_always_explains_the_fall_that_it_makes(rest: int, before: int, after: int) -> None:
    held = amounts_of({"cpu": rest + before}, COMPONENTS)
    now = amounts_of({"cpu": rest + after}, COMPONENTS)
    floors = floors_for(held, [correction("cpu", before, after)], COMPONENTS)
    assert now["cpu"] >= floors.get("cpu", held["cpu"])
