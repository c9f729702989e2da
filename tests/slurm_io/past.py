"""Past jobs on a real cluster, ours and slurmdbd's sums of them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allocations.usage import add_up
from sandbox.slurm import PastJob
from slurm_io.client import SLURM_ENVIRONMENT, Slurm

if TYPE_CHECKING:
    import pandas as pd

    from sandbox.slurm import Cluster
    from tests.slurm_io.conftest import MakeRunner

DAY = datetime(2025, 3, 30, tzinfo=UTC)
"""In Europe's summer time begins on it."""
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ACCOUNT, USER, OTHER = "crt_traps", "crt_ghost", "crt_other"
STATES = (
    *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"),
    *("BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"),
)
TRES = {"cpu": 4, "mem": 8192, "node": 1, "billing": 4, "gres/gpu": 2, "gres/gpu:a100": 2}
CLEANING = """
    DELETE FROM sandbox_suspend_table WHERE job_db_inx IN
        (SELECT job_db_inx FROM sandbox_job_table WHERE id_job >= 10000000);
    DELETE FROM sandbox_job_table WHERE id_job >= 10000000;
    DELETE FROM sandbox_assoc_usage_hour_table WHERE time_start < 1767225600;
    DELETE FROM sandbox_assoc_usage_day_table WHERE time_start < 1767225600"""
"""A rollup adds and corrects rows; it never takes one back."""


def job(start: datetime | None, length: timedelta, **how: object) -> PastJob:
    facts = {"account": ACCOUNT, "user": USER, "tres": TRES, "start": start, "end": (start or DAY) + length}
    return PastJob(**{**facts, **how})  # type: ignore[arg-type]


Sums = dict[tuple[str, str, str], int]


def counted(slurm: Slurm, *bounds: datetime) -> Sums:
    """Ours, from as many windows as there are between the bounds: what was used at all."""
    windows = itertools.pairwise(bounds)
    return flat(add_up(slurm.fetch_usage(start, end).seconds for start, end in windows))


def flat(seconds: pd.DataFrame) -> Sums:
    rows = seconds.reset_index().melt(["account", "user"]).itertuples(index=False)
    return {(account, user, tres): seconds for account, user, tres, seconds in rows if seconds}


def booked(cluster: Cluster, start: datetime, end: datetime) -> Sums:
    """slurmdbd's, as it has just summed them up."""
    cluster.rollup(start, end)
    return {key: n for key, n in cluster.books_from_rollup(start, end).items() if n}


def same_for_traps(slurm: Slurm, cluster: Cluster, *bounds: datetime) -> dict[str, int]:
    """Assert that both are the same, user by user and TRES by TRES; the account's sums."""
    theirs = {key: n for key, n in booked(cluster, bounds[0], bounds[-1]).items() if key[0] == ACCOUNT}
    ours = {key: n for key, n in counted(slurm, *bounds).items() if key[0] == ACCOUNT}
    assert ours == theirs
    total: dict[str, int] = {}
    for (_, _, tres), seconds in ours.items():
        total[tres] = total.get(tres, 0) + seconds
    return total


WHOLE = (DAY, DAY + timedelta(days=1))


def door_of(cluster: Cluster, make_runner: MakeRunner) -> Slurm:
    """The door, on a headnode whose own clock is Central Europe's, and an account with two users."""
    if ACCOUNT not in cluster.run("sacctmgr", "-nP", "show", "account", "format=account"):
        cluster.run("sacctmgr", "-i", "add", "account", ACCOUNT)
        for account in ("cloudrock", ACCOUNT):
            cluster.run("sacctmgr", "-i", "add", "user", f"{USER},{OTHER}", f"account={account}")
        cluster.was_there_since(datetime(2024, 1, 1, tzinfo=UTC))
    zone = {"TZ": "Europe/Berlin"}
    return Slurm(make_runner({**cluster.environment, **zone, **SLURM_ENVIRONMENT}))
