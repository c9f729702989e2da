"""What a closed month lacks is added once, whatever is lost meanwhile: the row itself says what it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import BillingPeriod
from allocations.carry import carried_amounts, carried_in, carry_text, lacking, own_amounts
from allocations.marketplace import ComponentUsage

MONTH = BillingPeriod(2026, 12)
MOST = 2**60


def row(kind: str, amount: int, description: str = "", uuid: str = "r") -> ComponentUsage:
    return ComponentUsage(
        resource_uuid=uuid, type=kind, amount=amount, billing_period="2026-12-01", description=description
    )


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_a_row_says_which_part_of_it_belongs_to_the_month_before(own: int, carried: int) -> None:
    text = carry_text(own, carried, MONTH)
    assert carried_in(text) == carried
    assert own_amounts([row("cpu", own + carried, text)]) == {"r": {"cpu": own}}
    assert carried_amounts([row("cpu", own + carried, text)]) == {"r": {"cpu": carried}}


def test_the_text_is_for_people() -> None:
    assert carry_text(12, 3, MONTH) == "12 of 2026-12, 3 carried over from 2026-11"


@pytest.mark.parametrize("text", ["", "by hand", "3 carried over", "carried over from 2026-11"])
def test_a_row_that_says_nothing_of_it_is_the_months_own(text: str) -> None:
    assert carried_in(text) is None
    assert own_amounts([row("cpu", 5, text)]) == {"r": {"cpu": 5}}
    assert carried_amounts([row("cpu", 5, text)]) == {}


def test_rows_of_several_plan_periods_add_up() -> None:
    rows = [row("cpu", 5, carry_text(3, 2, MONTH)), row("cpu", 4), row("mem", 1, uuid="s")]
    assert own_amounts(rows) == {"r": {"cpu": 7}, "s": {"mem": 1}}
    assert carried_amounts(rows) == {"r": {"cpu": 2}}


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_a_months_last_amount_keeps_what_it_adds_of_the_month_before(own: int, carried: int) -> None:
    rows = [row("cpu", own + carried, carry_text(own, carried, MONTH)), row("mem", 4)]
    assert own_amounts(rows) == {"r": {"cpu": own, "mem": 4}}
    assert carried_amounts(rows) == {"r": {"cpu": carried}}


def test_only_what_is_missing_is_carried() -> None:
    assert lacking({"cpu": 10, "mem": 3, "gres/gpu": 1}, {"cpu": 7, "mem": 5}) == {
        "cpu": 3,
        "mem": 0,
        "gres/gpu": 1,
    }


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=8))
def test_month_after_month_nothing_is_billed_twice_and_nothing_but_the_last_lack_is_missing(months) -> None:
    """Each month: what was used, and how much of it a last push that came too early missed."""
    billed, owed = 0, 0
    for used, missed in months:
        own = max(0, used - missed)
        text = carry_text(own, owed, MONTH)
        held = row("cpu", own + owed, text)
        billed += held.amount
        owed = lacking({"cpu": used}, own_amounts([held])["r"])["cpu"]
        assert owed == lacking({"cpu": used}, own_amounts([held])["r"])["cpu"]
    assert billed + owed == sum(used for used, _ in months)
