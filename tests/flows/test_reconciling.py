"""A month of a real cluster, counted with a store and compared with slurmdbd's own books."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from allocations.reconcile import Reconcile, Verdict
from allocations.usage import seconds_by_account
from flows.day_store import ParquetDays
from flows.reconciling import Counting
from sandbox.inherited import environment as environment_here
from sandbox.slurm import PastJob
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from allocations.days import Counted
    from allocations.reconcile import Reconciliation
    from sandbox.slurm import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]
MONTH = BillingPeriod(2025, 5)
START = MONTH.start
CUTOFF = datetime(2025, 5, 5, 10, 20, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ACCOUNT = "crt_books"


def job(start: datetime, seconds: int) -> PastJob:
    end = start + timedelta(seconds=seconds)
    return PastJob(
        ACCOUNT, "crt_reader", start, end, {"cpu": 2, "mem": 100, "gres/gpu:a100": 1, "gres/gpu": 1}
    )


def run(counting: Counting) -> tuple[Counted, Reconciliation]:
    """Within a flow, as push-usage does it."""
    from prefect import flow  # noqa: PLC0415

    return flow(counting.run, name="counting")()


@pytest.fixture(scope="module")
def counting(
    cluster: Cluster, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Counting]]:
    """Runs on a cluster with a few days of past jobs, each with its own look at one store."""
    del prefect_server
    cluster.run("sacctmgr", "-i", "add", "account", f"{ACCOUNT}_top,{ACCOUNT}_empty")
    cluster.run("sacctmgr", "-i", "add", "account", ACCOUNT, f"parent={ACCOUNT}_top")
    for account in ("cloudrock", ACCOUNT):
        cluster.run("sacctmgr", "-i", "add", "user", "crt_reader", f"account={account}")
    cluster.was_there_since(datetime(2024, 1, 1, tzinfo=UTC))
    cluster.insert_jobs([job(START - HOUR, 4 * 86400), job(START + 2 * DAY, 90), job(CUTOFF - HOUR, 3600)])
    cluster.rollup(START, CUTOFF.replace(minute=0, second=0))
    slurm = Slurm(NativeRunner({**environment_here(), **cluster.environment, **SLURM_ENVIRONMENT}))
    folder: Path = tmp_path_factory.mktemp("usage")
    yield lambda: Counting(
        slurm=slurm,
        store=ParquetDays(folder, slurm.fetch_cluster_name(), {"asked": "sacct"}),
        period=MONTH,
        cutoff=CUTOFF,
        now=CUTOFF,
        observed=slurm.observe,
        tres=("cpu", "mem", "gres/gpu"),
    )
    cluster.sql("DELETE FROM sandbox_job_table WHERE id_job >= 10000000")


def test_the_month_agrees_up_to_the_last_whole_hour(counting: Callable[[], Counting]) -> None:
    counted, verdict = run(counting())
    assert verdict.until == counted.whole_until == CUTOFF.replace(minute=0, second=0)
    mine = [line for line in verdict.lines if line.account.startswith(ACCOUNT)]
    assert {line.account for line in mine} == {ACCOUNT, f"{ACCOUNT}_top"}
    assert {line.verdict for line in mine} == {Verdict.AGREES}, [str(line) for line in mine]
    assert seconds_by_account(counted.seconds)[ACCOUNT]["cpu"] == 2 * (4 * 86400 - 3600 + 90 + 3600)
    assert seconds_by_account(counted.whole_hours)[ACCOUNT]["cpu"] == 2 * (
        4 * 86400 - 3600 + 90 + 3600 - 1230
    )


def test_a_record_that_came_late_is_found_by_the_books_and_its_day_alone_is_read_again(
    cluster: Cluster, counting: Callable[[], Counting]
) -> None:
    before, _ = run(counting())
    assert [day.day for day in before.stored] == [1, 2, 3]
    cluster.insert_jobs([job(START + DAY + HOUR, 60)])
    unaware, verdict = run(counting())
    assert verdict.held_back(Reconcile.BLOCK) == frozenset(), "slurmdbd has not summed it up either"
    assert unaware.fingerprint == before.fingerprint
    cluster.rollup(START + DAY, START + 2 * DAY)
    counted, verdict = run(counting())
    assert [(c.day.day, c.tres, c.after - c.before) for c in counted.corrections] == [
        (2, "cpu", 120),
        (2, "gres/gpu", 60),
        (2, "gres/gpu:a100", 60),
        (2, "mem", 6000),
    ]
    assert [day.day for day in counted.stored] == [1, 3]
    assert verdict.held_back(Reconcile.BLOCK) == frozenset()
    again, _ = run(counting())
    assert (again.fingerprint, again.corrections) == (counted.fingerprint, ())


def test_without_a_store_and_without_a_rollup_it_counts_and_cannot_verify(
    counting: Callable[[], Counting],
) -> None:
    later = CUTOFF + 2 * DAY
    counted, verdict = run(replace(counting(), store=None, cutoff=later, now=later))
    assert counted.whole_until == later.replace(minute=0, second=0)
    assert {line.verdict for line in verdict.lines if line.account == ACCOUNT} == {Verdict.UNVERIFIED}


def test_records_that_vanish_are_a_mismatch_that_reading_again_does_not_heal(
    cluster: Cluster, counting: Callable[[], Counting]
) -> None:
    run(counting())
    cluster.sql("DELETE FROM sandbox_job_table WHERE id_job >= 10000000")
    counted, verdict = run(counting())
    assert verdict.held_back(Reconcile.BLOCK) == {ACCOUNT}
    assert [day.day for day in counted.stored] == [1, 2, 3], "these agree with the books"
    counted, verdict = run(replace(counting(), refresh=True))
    assert verdict.held_back(Reconcile.BLOCK) == {ACCOUNT}
    assert counted.records.get(ACCOUNT, 0) == 0
