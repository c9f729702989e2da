"""When slurmdbd is asked and when it is left alone: cases, and laws over any course of answers."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import AccountName, ClusterName
from slurm_io.breaker import (
    LONGEST_REST,
    PROBE,
    RECOVERY,
    Answer,
    Breaker,
    Position,
    Protection,
    after,
    is_long,
    is_query,
    places_for,
)
from slurm_io.commands import show_active_jobs, show_associations, show_jobs
from slurm_io.errors import BreakerOpen

NOW = datetime(2026, 11, 24, 2, 13, 20, tzinfo=UTC)
SITE = Protection()
COUNT = show_jobs(NOW - timedelta(days=1), NOW)
SHORT = show_associations()


def answer(seconds: float, at: datetime = NOW, **how: object) -> Answer:
    return Answer(**{"asked": at, "seconds": seconds, "command": SHORT, **how})  # type: ignore[arg-type]


def opened(times: int = 1, protection: Protection = SITE) -> Breaker:
    """The breaker after so many openings, each as soon as the one before is half-open."""
    breaker = after(Breaker(), answer(30), protection)
    for _ in range(times - 1):
        assert breaker.until
        breaker = after(breaker, answer(10, breaker.until, command=PROBE, failed=True), protection)
    return breaker


def test_answers_in_time_leave_nothing_behind() -> None:
    assert after(Breaker(), answer(9.9), SITE) == Breaker()
    assert str(Breaker()) == "slurmdbd answers in time"


def test_what_is_slow_depends_on_what_was_asked_and_how_much_came() -> None:
    assert after(Breaker(), answer(29, command=COUNT), SITE).is_well
    assert not after(Breaker(), answer(30, command=COUNT), SITE).is_well
    assert after(Breaker(), answer(149, command=COUNT, size=12_000_000), SITE).is_well
    assert after(Breaker(), answer(29, size=2_000_000), SITE).is_well


def test_a_slow_answer_gives_slurmdbd_as_much_rest_as_it_worked() -> None:
    slow = after(Breaker(), answer(12), SITE)
    assert slow.position(NOW, SITE) is Position.CLOSED
    assert slow.rest(NOW + timedelta(seconds=12)) == timedelta(seconds=12)
    assert slow.rest(NOW + timedelta(seconds=20)) == timedelta(seconds=4)
    assert slow.rest(NOW + timedelta(seconds=99)) == timedelta()
    assert str(slow).startswith(
        "slurmdbd has been slow since 2026-11-24 02:13:20 UTC (the last slow answer: `sacct"
    )
    assert str(slow).endswith("took 12.0 s)")


@pytest.mark.parametrize("answers", [(30,), (15, 15), (10, 10, 10)])
def test_the_breaker_opens_when_slurmdbd_has_kept_us_waiting_for_three_times_what_is_slow(answers) -> None:
    breaker = Breaker()
    for number, seconds in enumerate(answers, 1):
        breaker = after(breaker, answer(seconds, failed=True), SITE)
        assert (breaker.until is not None) == (number == len(answers))
    assert breaker.until == NOW + timedelta(seconds=answers[-1] + 120)
    assert "failed after" in str(breaker)
    assert str(breaker).endswith(f"it is left alone, and the next try is at {breaker.until:%H:%M:%S} UTC")


def test_a_good_answer_between_two_slow_ones_begins_anew() -> None:
    breaker = Breaker()
    for seconds in (25, 1, 25, 1, 25):
        breaker = after(breaker, answer(seconds), SITE)
    assert breaker.until is None
    assert breaker.since == NOW


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    pauses = [one.until - one.opened for one in map(opened, range(1, 8)) if one.until and one.opened]
    assert [pause / timedelta(minutes=1) for pause in pauses] == [2, 4, 8, 16, 30, 30, 30]


def test_an_open_breaker_is_half_open_when_its_time_is_over_or_cannot_be_right() -> None:
    breaker = opened()
    assert breaker.until
    assert breaker.position(breaker.until - timedelta(seconds=1), SITE) is Position.OPEN
    assert breaker.position(breaker.until, SITE) is Position.HALF_OPEN
    before = breaker.until - SITE.longest_pause - timedelta(seconds=1)
    assert breaker.position(before, SITE) is Position.HALF_OPEN


def test_a_probe_in_time_closes_it_and_what_comes_then_makes_the_trouble_forgotten() -> None:
    breaker = opened(3)
    assert breaker.until
    for number in range(1, RECOVERY):
        breaker = after(breaker, answer(0.1, breaker.until or NOW + timedelta(days=1), command=PROBE), SITE)
        assert (breaker.until, breaker.good, breaker.openings) == (None, number, 3)
    assert after(breaker, answer(0.1, NOW + timedelta(days=1)), SITE) == Breaker()


def test_slow_again_before_it_is_forgotten_the_pause_goes_on_growing() -> None:
    breaker = opened(2)
    assert breaker.until
    closed = after(breaker, answer(0.1, breaker.until, command=PROBE), SITE)
    again = after(closed, answer(30, breaker.until + timedelta(seconds=1)), SITE)
    assert again.openings == 3
    assert again.until
    assert again.opened
    assert again.until - again.opened == timedelta(minutes=8)


def test_who_is_turned_away_at_once_learns_nothing_of_slowness() -> None:
    assert after(Breaker(), answer(0.1, failed=True), SITE) == Breaker()
    slow = after(Breaker(), answer(12), SITE)
    assert after(slow, answer(0.1, failed=True), SITE) == slow
    breaker = opened()
    assert breaker.until
    assert after(breaker, answer(0.1, breaker.until, failed=True), SITE).until is None


def test_an_answer_to_what_was_asked_before_it_opened_is_no_news() -> None:
    breaker = opened()
    for seconds in (0.1, 100):
        assert after(breaker, answer(seconds, NOW - timedelta(seconds=1)), SITE) == breaker


def test_without_a_pause_it_never_opens() -> None:
    breaker = after(Breaker(), answer(1000), replace(SITE, pause_seconds=0))
    assert breaker.until is None
    assert breaker.rest(NOW + timedelta(seconds=1000)) == LONGEST_REST


def test_only_what_asks_slurmdbd_counts() -> None:
    asked = {name: is_query((name, "-x")) for name in ("sacct", "/usr/bin/sreport", "squeue", "scontrol")}
    assert asked == {"sacct": True, "/usr/bin/sreport": True, "squeue": False, "scontrol": False}


def test_long_queries_leave_a_place_to_short_ones_and_in_trouble_all_have_one() -> None:
    short = show_active_jobs(ClusterName("c"), [AccountName("a")])
    assert (is_long(COUNT), is_long(("sreport", "x")), is_long(short)) == (True, True, False)
    assert list(places_for(COUNT, Breaker(), SITE)) == [1]
    assert list(places_for(short, Breaker(), SITE)) == [0, 1]
    assert list(places_for(COUNT, Breaker(), replace(SITE, queries=1))) == [0]
    slow = after(Breaker(), answer(12), SITE)
    assert list(places_for(COUNT, slow, replace(SITE, queries=9))) == [0]


def test_the_refusal_survives_a_process_s_border() -> None:
    again = pickle.loads(pickle.dumps(BreakerOpen("words", NOW)))  # noqa: S301 - our own
    assert (str(again), again.opened) == ("words", NOW)


seconds_taken = st.floats(0, 5000) | st.sampled_from([0.0, 10.0, 30.0, 120.0, 600.0])
courses = st.lists(
    st.tuples(
        seconds_taken, st.booleans(), st.integers(0, 10**8), st.sampled_from([SHORT, COUNT]), st.floats(0, 1)
    ),
    max_size=25,
)
protections = st.builds(
    Protection, queries=st.integers(1, 5), slow_seconds=st.floats(0.1, 100), pause_seconds=st.floats(0, 1000)
)


def course(answers, protection: Protection) -> list[tuple[Breaker, datetime]]:
    """Each breaker on the way with its moment; whoever finds it open comes again at the next try."""
    breaker, now, way = Breaker(), NOW, []
    for seconds, failed, size, command, jitter in answers:
        if breaker.until and breaker.position(now, protection) is Position.OPEN:
            now = breaker.until
        now += breaker.rest(now)
        one = answer(seconds, now, failed=failed, size=0 if failed else size, command=command)
        breaker, now = after(breaker, one, protection, jitter), one.ended
        way.append((breaker, now))
    return way


@given(courses, protections)
def test_it_never_stays_open_without_a_next_try_and_no_rest_is_longer_than_the_longest(
    answers, protection
) -> None:
    for breaker, now in course(answers, protection):
        assert (breaker.opened is None) == (breaker.until is None)
        assert timedelta() <= breaker.rest(now) <= LONGEST_REST
        if breaker.until:
            assert now <= breaker.until <= now + protection.longest_pause
            assert breaker.position(breaker.until, protection) is Position.HALF_OPEN
            assert breaker.rest(breaker.until) == timedelta()


@given(courses, protections)
def test_whatever_happened_good_answers_make_all_well(answers, protection) -> None:
    for breaker, now in course(answers, protection):
        late = now + protection.longest_pause
        one = after(breaker, answer(0, late), protection)
        assert one.position(late, protection) is Position.CLOSED
        for _ in range(RECOVERY):
            one = after(one, answer(0, late), protection)
        assert one == Breaker()


@given(seconds_taken, protections)
def test_after_a_slow_answer_slurmdbd_works_for_us_at_most_half_of_the_time(seconds, protection) -> None:
    one = answer(seconds)
    breaker = after(Breaker(), one, protection)
    free = (breaker.until or one.ended) - one.ended + breaker.rest(one.ended)
    if seconds >= protection.slow_seconds and not breaker.until:
        assert free == min(timedelta(seconds=seconds), LONGEST_REST)
    elif breaker.until:
        assert free >= timedelta(seconds=protection.pause_seconds * 0.75)
    else:
        assert free == timedelta()


@given(courses, protections)
def test_there_is_always_a_place_to_ask_from_within_the_budget(answers, protection) -> None:
    for breaker, _ in course(answers, protection):
        for command in (SHORT, COUNT):
            places = places_for(command, breaker, protection)
            assert len(places) >= 1
            assert set(places) <= set(range(protection.queries))
