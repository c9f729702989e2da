"""A step that is soon done says nothing; a long one says how far it is, a few times."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allocations.billing import BillingPeriod
from flows.progress import Progress

MONTH = BillingPeriod(2026, 11)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def progress(clock: Clock, said: list[tuple[str, float]]) -> Progress:
    return Progress("telling 2026-11", lambda words, percent: said.append((words, percent)), clock=clock)


def test_a_short_step_says_nothing_not_even_at_its_end(progress, clock, said) -> None:
    for done in range(101):
        clock.now += 0.05
        progress.of_items(done, 100, "allocations")
    assert said == []


def test_a_long_step_speaks_every_ten_seconds_and_at_its_end(progress, clock, said) -> None:
    for done in range(101):
        clock.now += 0.3
        progress.of_items(done, 100, "allocations")
    assert said == [
        ("telling 2026-11: 33 of 100 allocations", 33.0),
        ("telling 2026-11: 67 of 100 allocations", 67.0),
        ("telling 2026-11: 100 of 100 allocations", 100.0),
    ]


def test_a_month_is_as_far_as_the_day_that_was_read(progress, clock, said) -> None:
    cutoff = MONTH.start + timedelta(days=20)
    read = progress.beside(lambda *bounds: len(bounds), MONTH, cutoff)
    clock.now += 11
    assert read(MONTH.start, MONTH.start + timedelta(days=5)) == 2
    assert said == [("telling 2026-11: up to 2026-11-06 of 2026-11-21", 25.0)]


def test_nothing_at_all_to_do_is_no_error(progress, said) -> None:
    progress.of_items(0, 0, "allocations")
    assert said == []
