"""From job records to TRES-seconds: the formula that equals slurmdbd's own books.

A record's CPU-seconds are its CPUs times ElapsedRaw, which leaves suspension out; every other TRES counts
from Start to End, suspension included. That is how slurmdbd's rollup does it (as_mysql_rollup.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from allocations.errors import ImpossibleUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMULA = (
    "AllocTRES x ElapsedRaw for cpu less open suspensions, x clipped End - Start for the others; "
    "after a resize from its hour on"
)
"""What makes TRES-seconds of a record, in words: sums kept under other words mean something else."""

CPU = "cpu"
LARGEST_SUM = 2.0**62
"""TRES-seconds of one window, over all TRES, below which int64 is certainly exact."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Job records of a period, clipped to it: one row per record that slurmdbd keeps of a job.

    `records`: account, user, state, job_id (text), start_epoch, elapsed_seconds, span_seconds (int64; 0
    before the start).
    `alloc_tres`: the same rows, one int64 column per TRES: the allocated count (MB for mem), 0 when absent.
    """

    records: pd.DataFrame
    alloc_tres: pd.DataFrame

    def __len__(self) -> int:
        return len(self.records)


def with_totals(counts: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """The counts of each row with every generic GRES: where only types were recorded, their sum.

    `gres/gpu=2,gres/gpu:a100=2` are the same two devices twice, so a recorded generic count stands as it is.
    `counts` and `recorded`: the same rows, a column per TRES; a TRES that no row recorded is left out.
    """
    table = counts.loc[:, recorded.any().to_numpy()]
    typed = [tres for tres in table.columns if tres.startswith("gres/") and ":" in tres]
    totals: dict[str, pd.Series[int]] = {}
    for tres in typed:
        generic = tres.partition(":")[0]
        totals[generic] = totals.get(generic, 0) + table[tres]
    for generic, total in totals.items():
        whole = table[generic].where(recorded[generic], total) if generic in table else total
        table = table.assign(**{generic: whole})
    return table


def tres_seconds(jobs: Jobs) -> pd.DataFrame:
    """TRES-seconds (MB-seconds for mem) as exact int64: rows by (account, user), a column per TRES."""
    records = jobs.records
    counts = jobs.alloc_tres.to_numpy()
    spans = records["span_seconds"].to_numpy()
    largest = (counts.astype("float64") * spans[:, None]).sum()
    if largest >= LARGEST_SUM:
        raise ImpossibleUsage(f"the jobs add up to {largest:.3g} TRES-seconds: no cluster has so much")
    products = counts * spans[:, None]
    columns = jobs.alloc_tres.columns
    if CPU in columns:
        place = columns.get_loc(CPU)
        products[:, place] = counts[:, place] * records["elapsed_seconds"].to_numpy()
    account, accounts = pd.factorize(records["account"], sort=True)
    user, users = pd.factorize(records["user"], sort=True)
    pair = account * len(users) + user
    summed = pd.DataFrame(products, columns=columns).groupby(pair, sort=True).sum()
    account, user = divmod(summed.index.to_numpy(), max(len(users), 1))
    names = [accounts.astype("object").take(account), users.astype("object").take(user)]
    return summed.set_axis(pd.MultiIndex.from_arrays(names, names=["account", "user"]))


AT_ONCE = 8
"""Windows that are stacked to be added up: all days of a large site at once take 100 MB more."""


def add_up(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The sum of several windows' TRES-seconds: the windows of a period add up to the period."""
    frames = [part for part in parts if len(part)]
    if not frames:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=["account", "user"]))
    while len(frames) > AT_ONCE:
        frames = [_sum(frames[:AT_ONCE]), *frames[AT_ONCE:]]
    return _sum(frames)


def _sum(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    columns = list(dict.fromkeys(tres for frame in frames for tres in frame.columns))
    # reindex with 0 keeps int64; concat alone would go through floats, which are inexact above 2**53
    stacked = pd.concat([frame.reindex(columns=columns, fill_value=0) for frame in frames])
    return stacked.groupby(level=["account", "user"], sort=True).sum()


def seconds_by_account(seconds: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Account to TRES to seconds, over all its users, as Python's exact integers."""
    by_account = seconds.groupby(level="account", sort=True).sum()
    return {
        str(account): {str(tres): int(value) for tres, value in row.items()}
        for account, row in by_account.to_dict(orient="index").items()
    }
