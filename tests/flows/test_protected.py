"""slurmdbd is spared: real small programs stand for SLURM's, and the files are those of a site."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from filelock import FileLock

from flows.counting import LONGEST, longest_question
from flows.protected import Happening, why_not_asked
from slurm_io.breaker import PROBE, Answer, Breaker
from slurm_io.errors import BreakerOpen, SlurmCommandFailed, SlurmUnavailable
from slurm_io.runner import NativeRunner
from tests.flows.sparing import ASK, SITE, START, Place, open_it, place

__all__ = ["place"]


def test_a_query_at_rest_is_one_command_and_leaves_the_breaker_as_it_is(place: Place) -> None:
    runner = place.runner()
    for _ in range(3):
        assert runner.run(ASK) == "done\n"
    assert place.asked == [" ".join(ASK)] * 3
    assert not runner.file.path.exists()
    assert place.time.slept == []
    assert place.heard == []


def test_after_the_breaker_has_opened_nobody_asks_anything_and_is_told_since_when_and_until_when(
    place: Place,
) -> None:
    open_it(place)
    asked = place.asked
    for runner in (place.runner(), place.runner()):
        with pytest.raises(
            BreakerOpen, match=r"has been slow since .* the next try is at \d\d:\d\d:\d\d UTC\. `"
        ) as found:
            runner.run(ASK)
        assert why_not_asked(runner) == f"; {found.value}"
        assert runner.run(("squeue", "-h")) == "done\n"
    assert place.asked == [*asked, "squeue -h", "squeue -h"]
    assert why_not_asked(NativeRunner({})) == ""


def test_one_cheap_probe_closes_it_when_slurmdbd_answers_in_time_again(place: Place) -> None:
    open_it(place)
    place.slurm.seconds = 0
    place.time.passed += SITE.pause_seconds
    before = len(place.asked)
    runner = place.runner()
    assert runner.run(ASK) == "done\n"
    assert place.asked[before:] == [" ".join(PROBE), " ".join(ASK)]
    assert place.happened[-1] is Happening.CLOSED
    runner.run(ASK)
    assert runner.file.read() == Breaker()


def test_a_slow_probe_opens_it_for_twice_as_long_and_what_was_wanted_is_not_asked(place: Place) -> None:
    open_it(place)
    place.time.passed += SITE.pause_seconds
    before = len(place.asked)
    runner = place.runner()
    began = place.time.now()
    with pytest.raises(BreakerOpen) as found:
        runner.run(ASK)
    assert found.value.opened > began
    assert place.asked[before:] == [" ".join(PROBE)]
    breaker = runner.file.read()
    assert breaker.openings == 2
    assert breaker.until
    assert breaker.until - found.value.opened > timedelta(seconds=2 * SITE.pause_seconds * 0.74)


def test_while_one_probes_all_others_stay_away(place: Place) -> None:
    first = open_it(place)
    place.time.passed += SITE.pause_seconds
    asked = place.asked
    with FileLock(first.folder / "probe.lock"), pytest.raises(BreakerOpen, match="tried at this moment"):
        place.runner().run(ASK)
    assert place.asked == asked


def test_a_probe_that_is_turned_away_closes_it_and_says_what_is_wrong(place: Place) -> None:
    open_it(place)
    place.slurm.seconds = 0
    place.seen.with_suffix(".refused").write_text("Connection refused")
    place.time.passed += SITE.pause_seconds
    with pytest.raises(SlurmUnavailable, match="Connection refused") as found:
        place.runner().run(ASK)
    assert not isinstance(found.value, BreakerOpen)
    assert place.runner().file.read().until is None


def test_a_refusal_that_comes_too_late_is_no_refusal(place: Place) -> None:
    refused = place.seen.with_suffix(".refused")
    for words, late, expected in (
        ("no such parent", 0, SlurmCommandFailed),
        ("no such parent", 12, SlurmUnavailable),
        ("Nothing modified", 12, SlurmCommandFailed),
    ):
        place.runner().close()
        refused.write_text(words)
        place.slurm.late = late
        with pytest.raises(expected, match=words):
            place.runner().run(ASK)


def test_a_slow_answer_is_followed_by_a_rest_and_sacct_is_asked_for_a_day_at_a_time(place: Place) -> None:
    runner = place.runner()
    assert longest_question(runner)() == LONGEST
    place.slurm.seconds = 12
    runner.run(ASK)
    assert longest_question(place.runner())() == timedelta(days=1)
    assert longest_question(NativeRunner({}))() == LONGEST
    place.slurm.seconds = 0
    other = place.runner()
    for _ in range(2):
        other.run(ASK)
    assert place.happened == [Happening.SLOW, Happening.WAITS]
    assert place.time.slept == [12]


def test_who_waits_for_a_place_leaves_when_the_breaker_opens(place: Place) -> None:
    first, second = place.runner(replace(SITE, queries=1)), place.runner(replace(SITE, queries=1))
    assert second.usable()
    with first.budget.place(ASK, lambda: range(1), 0):
        opening = threading.Timer(0.3, first.learn, [Answer(asked=START, seconds=30, command=ASK)])
        opening.start()
        with pytest.raises(BreakerOpen):
            second.run(ASK)
        opening.join()
    assert place.asked == []


def test_by_hand_it_is_closed_at_once(place: Place) -> None:
    runner = open_it(place)
    place.slurm.seconds = 0
    assert runner.close().openings == 1
    assert place.runner().run(ASK) == "done\n"
