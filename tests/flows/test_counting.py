"""A month, a day at a time: what is read, what is stored, and that neither changes a sum."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocations.days import WindowUsage
from allocations.usage import seconds_by_account
from flows.counting import count_month
from flows.day_store import ParquetDays
from slurm_io.errors import SlurmUnavailable
from tests.flows.month import DAY, MONTH, NOW, START, Books, again, days_read, totals
from tests.flows.month import store as store  # noqa: PLC0414 - a fixture


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
    assert days_read(books) == [19, 20, 21]
    assert [day.day for day in warm.stored] == list(range(1, 19))
    assert totals(warm) == totals(cold) == totals(count_month(Books().read, None, MONTH, NOW))
    assert seconds_by_account(warm.whole_hours) == seconds_by_account(cold.whole_hours)
    assert warm.fingerprint == cold.fingerprint
    assert warm.by_day.equals(cold.by_day)
    assert warm.corrections == warm.remarks == ()


@pytest.mark.parametrize(("settling_days", "first"), [(2, 20), (3, 19), (7, 15), (40, 1)])
def test_the_settling_time_says_how_many_days_are_read_anew(
    store: ParquetDays, settling_days: int, first: int
) -> None:
    books = Books()
    for _ in range(2):
        books = Books()
        count_month(books.read, again(store), MONTH, NOW, settling_days=settling_days)
    assert days_read(books) == list(range(first, 22))


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
    assert days_read(books) == [3, 19, 20, 21]
    assert [c.day.day for c in counted.corrections] == [3]


def test_the_hour_that_slurmdbd_has_summed_up_to_may_be_in_an_older_day(store: ParquetDays) -> None:
    rolled = START + 20 * DAY - timedelta(hours=2)
    counted = count_month(Books().read, store, MONTH, NOW, whole_until=rolled)
    assert counted.whole_until == rolled
    assert seconds_by_account(counted.whole_hours) == {"a": {"cpu": 20 * 86400 - 7200}}
    assert totals(counted) == totals(count_month(Books().read, None, MONTH, NOW))


def test_a_day_counts_for_its_cluster_and_its_question_only(store: ParquetDays) -> None:
    count_month(Books().read, store, MONTH, NOW)
    for other in (again(store, asked="something else"), again(store, cluster="other")):
        books = Books()
        count_month(books.read, other, MONTH, NOW)
        assert len(days_read(books)) == 21


def test_a_cluster_s_name_cannot_lead_out_of_the_folder(store: ParquetDays) -> None:
    odd = again(store, cluster="../../x/y")
    assert odd.path(START.date()).parent.parent == store.folder


def test_a_folder_that_cannot_be_written_is_remarked_on_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "usage").write_text("a file stands where the folder should be")
    store = ParquetDays(tmp_path / "usage", "sandbox", {})
    counted = count_month(Books().read, store, MONTH, START + 2 * DAY)
    assert totals(counted) == {"a": {"cpu": 2 * 86400}}
    assert any("it costs time only" in remark for remark in counted.remarks)


def test_a_write_that_fails_half_way_leaves_the_old_day(
    store: ParquetDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_month(Books().read, store, MONTH, NOW)
    day = store.path(date(2026, 2, 5))
    before = day.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    counted = count_month(Books().read, again(store), MONTH, NOW, refresh=True)
    assert any("No space left on device" in remark for remark in counted.remarks)
    assert day.read_bytes() == before
    assert [path for path in day.parent.iterdir() if path.suffix != ".parquet"] == []


def test_an_error_of_slurm_counts_nothing_and_stores_nothing_of_it(store: ParquetDays) -> None:
    books = Books(fails_on=7)
    with pytest.raises(SlurmUnavailable):
        count_month(books.read, store, MONTH, NOW)
    assert not store.path(date(2026, 2, 7)).exists()
    assert totals(count_month(Books().read, again(store), MONTH, NOW)) == totals(
        count_month(Books().read, None, MONTH, NOW)
    )


USAGES = st.dictionaries(
    st.tuples(st.text(max_size=5).filter(lambda t: "\n" not in t), st.sampled_from(["u", "(unknown)"])),
    st.dictionaries(st.sampled_from(["cpu", "gres/gpu:a100", "user", "account"]), st.integers(0, 2**62)),
    max_size=5,
)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(USAGES)
def test_a_stored_day_comes_back_as_it_was(rows: dict[tuple[str, str], dict[str, int]]) -> None:
    names = ["account", "user"]
    index = pd.MultiIndex.from_tuples(list(rows), names=names) if rows else None
    index = pd.MultiIndex.from_arrays([[], []], names=names) if index is None else index
    columns = list(dict.fromkeys(tres for row in rows.values() for tres in row if tres not in names))
    table = pd.DataFrame([[row.get(t, 0) for t in columns] for row in rows.values()], index, columns)
    day = WindowUsage(START, START + DAY, table.astype("int64"), {"a": 3}, {"RUNNING": 2})
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetDays(Path(folder), "sandbox", {})
        store.write(day, NOW)
        kept = store.read(START.date())
    assert store.remarks == ()
    assert kept is not None
    found, read_at = kept
    assert (found.fingerprint, read_at) == (day.fingerprint, NOW)
    assert (found.records, found.states, found.start, found.end) == (
        day.records,
        day.states,
        day.start,
        day.end,
    )
    assert [list(row) for row in found.seconds.to_numpy()] == [list(row) for row in day.seconds.to_numpy()]


def test_days_are_read_together_as_far_as_their_records_allow(store: ParquetDays) -> None:
    asked: list[int] = []

    def several(*bounds: datetime) -> list[WindowUsage]:
        asked.append((bounds[-1] - bounds[0]).days)
        return [
            replace(Books().read(*pair), records={"a": 60_000 if pair[0].day > 9 else 20_000})
            for pair in pairwise(bounds)
        ]

    cold = count_month(Books().read, store, MONTH, MONTH.end, read_several=several)
    assert asked == [1, 6, 6, 2, 2, 2, 2, 2, 2, 2, 1], "six days bring 120,000 records, then two"
    asked.clear()
    warm = count_month(Books().read, again(store), MONTH, MONTH.end, read_several=several)
    assert asked == [2], "what is stored says how many records a day has"
    assert totals(warm) == totals(cold) == totals(count_month(Books().read, None, MONTH, MONTH.end))
