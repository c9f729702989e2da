"""From job records to TRES-seconds: the formula that equals slurmdbd's own books.

A record's CPU-seconds are its CPUs times ElapsedRaw, which leaves suspension out; every other TRES counts
from Start to End, suspension included. That is how slurmdbd's rollup does it (as_mysql_rollup.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNKNOWN = "(unknown)"
"""Stands for an account or user that sacct could not name, so that totals stay whole."""

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Jobs:
    """Job records of a period, clipped to it: one row per record that slurmdbd keeps of a job.

    `records`: account, user (text), state (text), elapsed_seconds, span_seconds (int64, 0 before the start).
    `alloc_tres`: the same rows, one int64 column per TRES: the allocated count (MB for mem), 0 when absent.
    """

    records: pd.DataFrame
    alloc_tres: pd.DataFrame

    def __len__(self) -> int:
        return len(self.records)


def total_of(typed: Mapping[str, int]) -> dict[str, int]:
    """The counts of one record with each generic GRES present: where only types were recorded, their sum.

    `gres/gpu=2,gres/gpu:a100=2` are the same two devices twice, so a recorded generic count stands as it is.
    """
    counts = dict(typed)
    sums: dict[str, int] = {}
    for tres, count in typed.items():
        generic, colon, _ = tres.partition(":")
        if colon and generic.startswith("gres/"):
            sums[generic] = sums.get(generic, 0) + count
    for generic, total in sums.items():
        counts.setdefault(generic, total)
    return counts


def tres_seconds(jobs: Jobs) -> pd.DataFrame:
    """TRES-seconds (MB-seconds for mem) as exact int64: rows by (account, user), a column per TRES."""
    records, counts = jobs.records, jobs.alloc_tres
    spans = records["span_seconds"].to_numpy()
    products = counts.mul(spans, axis="index")
    if CPU in counts.columns:
        products[CPU] = counts[CPU].to_numpy() * records["elapsed_seconds"].to_numpy()
    keys = [records["account"].to_numpy(dtype=object), records["user"].to_numpy(dtype=object)]
    summed = products.groupby(keys, sort=True).sum()
    summed.index = pd.MultiIndex.from_tuples(list(summed.index), names=["account", "user"])
    return summed


def add_up(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The sum of several windows' TRES-seconds: the windows of a period add up to the period."""
    frames = [part for part in parts if len(part)]
    if not frames:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=["account", "user"]))
    stacked = pd.concat(frames).fillna(0).astype("int64")
    return stacked.groupby(level=["account", "user"], sort=True).sum()


def seconds_by_account(seconds: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Account to TRES to seconds, over all its users, as Python's exact integers."""
    by_account = seconds.groupby(level="account", sort=True).sum()
    return {
        str(account): {str(tres): int(value) for tres, value in row.items()}
        for account, row in by_account.to_dict(orient="index").items()
    }
