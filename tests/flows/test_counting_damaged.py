"""A day store that is lost or broken costs time, and never a second of usage."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from flows.counting import count_month
from flows.day_store import META, ParquetDays

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


from tests.flows.month import MONTH, NOW, Books, again, days_read, totals
from tests.flows.month import store as store  # noqa: PLC0414 - a fixture


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
    assert days_read(books) == [5, 19, 20, 21]
    assert len(counted.remarks) == remarks
    if damage is not damage_folder:
        assert date(2026, 2, 5) in count_month(Books().read, again(store), MONTH, NOW).stored
