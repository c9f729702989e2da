"""Stored days that are lost, broken, or of something else: they cost time and never a second of usage."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from allocations.days import WindowUsage
from flows.counting import count_month
from flows.day_store import META, ParquetDays
from slurm_io.errors import SlurmUnavailable
from tests.flows.busy import DAY, MONTH, NOW, START, Books, again, days_read, store_in, totals

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def store(tmp_path: Path) -> ParquetDays:
    return store_in(tmp_path)


def damage_nothing(path: Path) -> None:
    path.unlink()


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damage_bits(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    for place in range(20, 60):
        whole[place] ^= 0xFF
    path.write_bytes(bytes(whole))


def damage_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage_other_day(path: Path) -> None:
    path.write_bytes((path.parent / "2026-02-06.parquet").read_bytes())


def damage_numbers(path: Path) -> None:
    table = parquet.read_table(path)
    place = table.column_names.index("cpu")
    parquet.write_table(table.set_column(place, "cpu", pa.array([1])), path)


def damage_no_words(path: Path) -> None:
    parquet.write_table(parquet.read_table(path).replace_schema_metadata({}), path)


def damage_version(path: Path) -> None:
    table = parquet.read_table(path)
    head = json.loads(table.schema.metadata[META])
    parquet.write_table(
        table.replace_schema_metadata({META: json.dumps({**head, "version": 0}).encode()}), path
    )


@pytest.mark.parametrize(
    ("damage", "remarks"),
    [
        (damage_nothing, 0),
        (damage_empty, 1),
        (damage_cut, 1),
        (damage_bits, 1),
        (damage_folder, 2),
        (damage_other_day, 1),
        (damage_numbers, 1),
        (damage_no_words, 1),
        (damage_version, 1),
    ],
)
def test_a_store_that_is_lost_or_broken_costs_time_and_never_a_second_of_usage(
    store: ParquetDays, damage: Callable[[Path], None], remarks: int
) -> None:
    cold = count_month(Books().read, store, MONTH, NOW)
    damage(store.path(date(2026, 2, 5)))
    books = Books()
    counted = count_month(books.read, again(store), MONTH, NOW)
    assert totals(counted) == totals(cold)
    assert counted.fingerprint == cold.fingerprint
    assert days_read(books) == [5, 20, 21]
    assert len(counted.remarks) == remarks
    if damage is not damage_folder:
        assert date(2026, 2, 5) in count_month(Books().read, again(store), MONTH, NOW).stored


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
