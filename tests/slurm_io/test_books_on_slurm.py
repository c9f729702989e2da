"""What sreport says of past jobs, and how ours stands to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import UNKNOWN
from allocations.reconcile import MORE_IN_BOOKS, NO_BOOKS, Verdict, reconcile
from allocations.usage import seconds_by_account
from tests.slurm_io.past import (
    ACCOUNT,
    CLEANING,
    DAY,
    HOUR,
    MINUTE,
    WHOLE,
    booked,
    counted,
    door_of,
    job,
    same_for_traps,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster
    from slurm_io.client import Slurm
    from tests.slurm_io.conftest import MakeRunner

pytestmark = pytest.mark.slurm
YEARS = count(2024)
"""One for each runner: what slurmdbd has summed up stays on the cluster."""


@pytest.fixture(scope="module")
def slurm(cluster: Cluster, make_runner: MakeRunner) -> Slurm:
    return door_of(cluster, make_runner)


@pytest.fixture
def past(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, whose past jobs are gone afterwards."""
    yield cluster
    cluster.sql(CLEANING)


def verdict(slurm: Slurm, account: str = ACCOUNT) -> tuple[Verdict, str]:
    """How our CPU seconds of the day stand to what sreport says."""
    ours = seconds_by_account(slurm.fetch_usage(*WHOLE).seconds)
    found = reconcile(
        {account: ours.get(account, {})},
        slurm.fetch_books(*WHOLE, ["cpu"]),
        ["cpu"],
        below={},
        reservations=slurm.fetch_reservations(*WHOLE),
        until=WHOLE[1],
    )
    line = next(line for line in found.lines if line.account == account)
    return line.verdict, line.words


def test_sreport_agrees_on_users_that_are_no_users_of_this_host(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs([job(DAY, MINUTE)])
    past.rollup(*WHOLE)
    assert verdict(slurm) == (Verdict.AGREES, "")
    books = slurm.fetch_books(*WHOLE, ["cpu"])
    assert books.of_users[ACCOUNT] == {"cpu": 240}


@pytest.mark.native_first
def test_purged_records_leave_books_without_jobs_which_is_a_mismatch(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs([job(DAY, MINUTE)])
    past.rollup(*WHOLE)
    past.sql("DELETE FROM sandbox_job_table WHERE id_job >= 10000000")
    for _ in range(2):
        assert verdict(slurm) == (Verdict.MISMATCH, MORE_IN_BOOKS)
        past.rollup(*WHOLE)


@pytest.mark.native_first
def test_hours_that_slurmdbd_has_not_summed_up_cannot_be_verified(slurm: Slurm, past: Cluster) -> None:
    never = datetime(next(YEARS), 6, 1, 10, tzinfo=UTC)
    found = reconcile({ACCOUNT: {"cpu": 1}}, None, ["cpu"], below={}, until=never + HOUR)
    assert (found.lines[0].verdict, found.lines[0].words) == (Verdict.UNVERIFIED, NO_BOOKS)
    assert slurm.fetch_rolled_until(never) is None
    past.rollup(never - 3 * HOUR, never - 2 * HOUR)
    assert slurm.fetch_rolled_until(never + timedelta(seconds=5)) == never - 2 * HOUR


@pytest.mark.native_first
def test_the_idle_time_of_a_reservation_is_in_the_books_and_has_a_name(slurm: Slurm, past: Cluster) -> None:
    number = past.sql(f"SELECT id_assoc FROM sandbox_assoc_table WHERE acct='{ACCOUNT}' AND user=''")[0][0]  # noqa: S608
    start = int(DAY.timestamp())
    past.sql(
        "INSERT INTO sandbox_resv_table (id_resv, deleted, assoclist, flags, nodelist, node_inx, resv_name, "  # noqa: S608
        f"time_start, time_end, tres, unused_wall) VALUES (77, 0, '{number}', 0, 'n1', '0', 'course', "
        f"{start}, {start + 3600}, '1=64', 0)"
    )
    past.insert_jobs([job(DAY + 2 * HOUR, MINUTE)])
    past.rollup(*WHOLE)
    try:
        assert verdict(slurm) == (Verdict.EXPLAINED, "idle time of the reservation course")
    finally:
        past.sql("DELETE FROM sandbox_resv_table WHERE id_resv = 77")


@pytest.mark.native_first
def test_an_array_s_task_that_is_asked_for_again_brings_no_other_task_with_it(
    slurm: Slurm, past: Cluster
) -> None:
    """`sacct -j N` shows all tasks of the array N, one of which has that number itself."""
    asleep = ((DAY - HOUR, DAY + HOUR),)
    whole = {"length": 4 * HOUR, "tres": {"cpu": 2}}
    past.insert_jobs(
        [
            job(DAY - 2 * HOUR, job_id=20_000_030, array=(20_000_030, 1), suspensions=asleep, **whole),
            job(DAY - 2 * HOUR, job_id=20_000_031, array=(20_000_030, 0), **whole),
        ]
    )
    assert same_for_traps(slurm, past, *WHOLE) == {"cpu": 2 * 3600 + 2 * 7200}


@pytest.mark.native_first
def test_the_database_is_not_asked_about_each_job(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs([job(DAY, MINUTE) for _ in range(300)])

    def questions() -> int:
        return int(past.sql("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])

    before = questions()
    assert slurm.fetch_usage(*WHOLE).records == {ACCOUNT: 300}
    assert questions() - before < 100


@pytest.mark.native_first
def test_what_belongs_to_nobody_keeps_the_total_whole(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs(
        [job(DAY, MINUTE, tres={"cpu": 8}, account="", user=""), job(DAY, MINUTE, tres={"cpu": 1})]
    )
    ours = counted(slurm, *WHOLE)
    assert ours[UNKNOWN, UNKNOWN, "cpu"] == 480
    assert sum(ours.values()) == sum(booked(past, *WHOLE).values())
