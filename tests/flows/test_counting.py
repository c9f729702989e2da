"""A month, a day at a time: what is read, what is stored, and that neither changes a sum."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocations.hours import HOUR
from allocations.usage import seconds_by_account
from flows.counting import count_month
from slurm_io.errors import SlurmUnavailable
from tests.flows.busy import DAY, MONTH, NOW, START, Books, again, days_read, store_in, totals

if TYPE_CHECKING:
    from allocations.days import Correction, WindowUsage
    from flows.day_store import ParquetDays


@pytest.fixture
def store(tmp_path: Path) -> ParquetDays:
    return store_in(tmp_path)


def test_without_a_store_every_day_is_read_and_the_last_one_is_cut_at_the_hour() -> None:
    books = Books()
    cutoff = datetime(2026, 2, 3, 10, 20, 30, tzinfo=UTC)
    counted = count_month(books.read, None, MONTH, cutoff)
    assert [(end - start) / timedelta(hours=1) for start, end in books.asked][:3] == [24, 24, 10]
    assert len(books.asked) == 4
    assert seconds_by_account(counted.seconds) == {"a": {"cpu": (2 * 24 + 10) * 3600 + 20 * 60 + 30}}
    assert seconds_by_account(counted.whole_hours) == {"a": {"cpu": (2 * 24 + 10) * 3600}}
    assert counted.whole_until == datetime(2026, 2, 3, 10, tzinfo=UTC)


def test_a_run_reads_the_newest_days_only_and_counts_the_same(store: ParquetDays) -> None:
    cold = count_month(Books().read, store, MONTH, NOW)
    books = Books()
    warm = count_month(books.read, again(store), MONTH, NOW)
    assert days_read(books) == [20, 21]
    assert [day.day for day in warm.stored] == list(range(1, 20))
    assert totals(warm) == totals(cold) == totals(count_month(Books().read, None, MONTH, NOW))
    assert seconds_by_account(warm.whole_hours) == seconds_by_account(cold.whole_hours)
    assert warm.fingerprint == cold.fingerprint
    assert warm.by_day.equals(cold.by_day)
    assert warm.corrections == warm.remarks == ()


@pytest.mark.parametrize(("settling_days", "first"), [(2, 20), (3, 19), (7, 15), (40, 1)])
def test_the_settling_time_says_how_many_days_are_read_anew_every_six_hours(
    store: ParquetDays, settling_days: int, first: int
) -> None:
    count_month(Books().read, again(store), MONTH, NOW, settling_days=settling_days)
    for hours, start in ((0, 20), (5, 20), (6, first), (7, 20)):
        books = Books()
        later = NOW + timedelta(hours=hours)
        count_month(books.read, again(store), MONTH, later, settling_days=settling_days)
        assert days_read(books) == list(range(start, 22)), hours


def test_a_day_that_was_read_before_it_had_settled_is_read_once_more(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, START + 5 * DAY + timedelta(hours=1))
    books = Books()
    counted = count_month(books.read, again(store), MONTH, NOW)
    assert [day.day for day in counted.stored] == [1, 2, 3]
    assert days_read(books)[0] == 4


def test_a_past_month_that_is_counted_long_after_it_is_stored_whole(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, MONTH.end, now=MONTH.end + 40 * DAY)
    books = Books()
    counted = count_month(books.read, again(store), MONTH, MONTH.end, now=MONTH.end + 40 * DAY)
    assert books.asked == []
    assert totals(counted) == {"a": {"cpu": 28 * 86400}}


def test_a_refresh_reads_all_and_says_what_had_changed(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, NOW)
    books = Books(late={3: 7, 9: -5})
    counted = count_month(books.read, again(store), MONTH, NOW, refresh=True)
    assert len(days_read(books)) == 21
    assert [(c.day.day, c.after - c.before) for c in counted.corrections] == [(3, 7), (9, -5)]
    assert totals(counted)["a"]["cpu"] == totals(count_month(Books().read, None, MONTH, NOW))["a"]["cpu"] + 2
    next_run = count_month(Books().read, again(store), MONTH, NOW)
    assert totals(next_run) == totals(counted)


def test_single_days_can_be_read_anew(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, NOW)
    books = Books(late={3: 7, 9: 5})
    counted = count_month(books.read, again(store), MONTH, NOW, refresh={date(2026, 2, 3)})
    assert days_read(books) == [3, 20, 21]
    assert [c.day.day for c in counted.corrections] == [3]


def test_a_day_that_is_not_over_cannot_have_become_less(store: ParquetDays) -> None:
    """A mended run-away job takes back today's hours too: without this nothing would explain it."""
    count_month(Books().read, store, MONTH, NOW)
    more = count_month(Books(late={21: 50}).read, again(store), MONTH, NOW + HOUR)
    assert more.corrections == (), "what was used since"
    less = count_month(Books(late={21: -9000}).read, again(store), MONTH, NOW + 2 * HOUR)
    assert [(c.day.day, c.tres, c.after - c.before) for c in less.corrections] == [
        (21, "cpu", 3600 - 2 * 9050)
    ]
    over = count_month(Books(late={21: -86400}).read, again(store), MONTH, NOW + DAY)
    assert [(c.day.day, c.after) for c in over.corrections] == [(21, 0)]


def test_a_day_that_slurmdbd_has_purged_stands_as_it_was_stored(store: ParquetDays) -> None:
    cold = count_month(Books().read, store, MONTH, NOW)
    kept_since = START + 5 * DAY
    purged = Books(late=dict.fromkeys(range(1, 6), -86400))
    counted = count_month(purged.read, again(store), MONTH, NOW, refresh=True, kept_since=kept_since)
    assert totals(counted) == totals(cold)
    assert days_read(purged)[0] == 6
    assert counted.remarks == counted.corrections == ()
    without = count_month(purged.read, None, MONTH, NOW, kept_since=kept_since)
    (remark,) = without.remarks
    assert "from before 2026-02-06 (PurgeJobAfter): 5 days from 2026-02-01 on are not stored here" in remark


def test_a_clock_that_was_set_back_corrects_nothing(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, NOW)
    assert count_month(Books().read, again(store), MONTH, NOW - HOUR).corrections == ()


LATE = st.dictionaries(st.integers(1, 5), st.integers(-40_000, 40_000), max_size=3)


@settings(derandomize=True, deadline=None, max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 30), LATE), min_size=2, max_size=4))
def test_corrections_explain_every_second_by_which_a_month_falls(
    runs: list[tuple[int, dict[int, int]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        moment, before = START + 2 * DAY + 5 * HOUR, 0
        for hours, late in runs:
            moment += hours * HOUR
            counted = count_month(Books(late=late).read, store_in(Path(folder)), MONTH, moment, refresh=True)
            now = totals(counted)["a"]["cpu"]
            explained = sum(max(0, change.before - change.after) for change in counted.corrections)
            assert before - now <= explained
            before = now


def test_what_has_changed_is_told_before_it_is_forgotten_though_slurm_fails_later(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, NOW)
    noticed: list[Correction] = []
    books = Books(late={3: -7}, fails_on=9)
    with pytest.raises(SlurmUnavailable):
        count_month(books.read, again(store), MONTH, NOW, refresh=True, noticed=noticed.extend)
    assert [(c.day.day, c.after - c.before) for c in noticed] == [(3, -7)]
    replayed = count_month(Books(late={3: -7}).read, again(store), MONTH, NOW, refresh=True)
    assert replayed.corrections == (), "it can be noticed only once"


def test_the_hour_that_slurmdbd_has_summed_up_to_may_be_in_an_older_day(store: ParquetDays) -> None:
    rolled = START + 20 * DAY - timedelta(hours=2)
    counted = count_month(Books().read, store, MONTH, NOW, whole_until=rolled)
    assert counted.whole_until == rolled
    assert seconds_by_account(counted.whole_hours) == {"a": {"cpu": 20 * 86400 - 7200}}
    assert totals(counted) == totals(count_month(Books().read, None, MONTH, NOW))


def test_days_are_read_together_as_far_as_their_records_allow(store: ParquetDays) -> None:
    asked: list[int] = []
    cutoff = MONTH.end - timedelta(hours=1)

    def several(*bounds: datetime) -> list[WindowUsage]:
        asked.append(len(bounds) - 1)
        return [
            replace(Books().read(*pair), records={"a": 60_000 if pair[0].day > 9 else 20_000})
            for pair in pairwise(bounds)
        ]

    cold = count_month(Books().read, store, MONTH, cutoff, read_several=several)
    assert asked == [1, 6, 6, 2, 2, 2, 2, 2, 2, 2, 1], "six days bring 120,000 records, then two"
    asked.clear()
    warm = count_month(Books().read, again(store), MONTH, cutoff, read_several=several)
    assert asked == [2], "what is stored says how many records a day has"
    assert totals(warm) == totals(cold) == totals(count_month(Books().read, None, MONTH, cutoff))


def test_while_slurmdbd_is_slow_each_question_is_for_a_day_and_the_sum_is_the_same() -> None:
    books, asked = Books(), []

    def several(*bounds: datetime) -> list[WindowUsage]:
        asked.append((bounds[-1] - bounds[0]) / DAY)
        return [books.read(start, end) for start, end in pairwise(bounds)]

    longest = iter([7 * DAY, 7 * DAY, DAY, DAY, *[7 * DAY] * 20])
    counted = count_month(books.read, None, MONTH, NOW, read_several=several, longest=lambda: next(longest))
    assert asked[:5] == [1, 7, 1, 1, 7]
    assert totals(counted) == totals(count_month(Books().read, None, MONTH, NOW))
