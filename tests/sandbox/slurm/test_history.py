from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm import PastJob, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster

pytestmark = pytest.mark.slurm
MIDNIGHT = datetime(2025, 3, 5, tzinfo=UTC)
MINUTE = MIDNIGHT + timedelta(minutes=1)
TRES = {"cpu": 8, "mem": 4000, "node": 1, "gres/gpu": 2, "gres/gpu:a100": 2}


@pytest.fixture
def account(cluster: Cluster) -> Iterator[str]:
    cluster.run("sacctmgr", "-i", "add", "account", "crs_past", "description=past jobs")
    cluster.run("sacctmgr", "-i", "add", "user", "crs_ghost", "account=crs_past")
    yield "crs_past"
    cluster.sql("DELETE FROM sandbox_job_table WHERE account = 'crs_past'")
    cluster.run("sacctmgr", "-i", "delete", "account", "where", "name=crs_past")


def records(cluster: Cluster, fields: str) -> list[list[str]]:
    command = ("sacct", "-X", "-D", "--allusers", "-nP", "--noconvert", "-A", "crs_past")
    text = cluster.run(*command, "-S", "2025-03-01", "-E", "2025-04-01", "-o", fields)
    return [line.split("|") for line in text.splitlines()]


def test_sacct_returns_past_jobs_as_they_were_put_in(cluster: Cluster, account: str) -> None:
    end = MIDNIGHT + timedelta(hours=2)
    job = PastJob(
        account, "crs_ghost", MIDNIGHT, end, TRES, state="TIMEOUT", suspensions=((MIDNIGHT, MINUTE),)
    )
    assert cluster.insert_jobs([job]) == 1
    found = records(cluster, "user,account,state,alloctres,elapsedraw,suspended")
    tres = "cpu=8,gres/gpu:a100=2,gres/gpu=2,mem=4000M,node=1"
    assert found == [["crs_ghost", account, "TIMEOUT", tres, "7140", "00:01:00"]]


def test_a_job_that_never_started_holds_nothing(cluster: Cluster, account: str) -> None:
    cluster.insert_jobs([PastJob(account, "crs_ghost", None, MIDNIGHT, state="CANCELLED")])
    assert records(cluster, "start,alloctres,elapsedraw,state") == [["None", "", "0", "CANCELLED"]]


def test_two_runs_of_one_job_are_two_records(cluster: Cluster, account: str) -> None:
    hour = timedelta(hours=1)
    first = PastJob(
        account, "crs_ghost", MIDNIGHT, MIDNIGHT + hour, TRES, state="REQUEUED", job_id=20_000_000
    )
    again = PastJob(account, "crs_ghost", MIDNIGHT + hour, MIDNIGHT + 2 * hour, TRES, job_id=20_000_000)
    cluster.insert_jobs([first, again])
    assert records(cluster, "jobid,state") == [["20000000", "REQUEUED"], ["20000000", "COMPLETED"]]


def test_the_rollup_sums_past_jobs(cluster: Cluster, account: str) -> None:
    end = MIDNIGHT + timedelta(minutes=90)
    cluster.insert_jobs(PastJob(account, "crs_ghost", MIDNIGHT, end, TRES) for _ in range(10))
    day = MIDNIGHT.replace(hour=0), MIDNIGHT + timedelta(days=1)
    cluster.rollup(*day)
    used = cluster.usage_from_rollup(account, *day)
    assert used["crs_ghost", "cpu"] == 10 * 8 * 5400
    assert used["crs_ghost", "gres/gpu:a100"] == 10 * 2 * 5400
    assert used["crs_ghost", "mem"] == 10 * 4000 * 5400


def test_what_was_before_is_not_summed_up_at_the_turn_of_an_hour(cluster: Cluster) -> None:
    cluster.sql("DELETE FROM sandbox_last_ran_table")
    cluster.was_there_since(datetime(2024, 1, 1, tzinfo=UTC))
    cluster.run("sacctmgr", "-i", "rollup")
    january = [int(datetime(2024, month, 1, tzinfo=UTC).timestamp()) for month in (1, 2)]
    assert cluster.sql(
        "SELECT COUNT(*) FROM sandbox_usage_hour_table "  # noqa: S608
        f"WHERE time_start BETWEEN {january[0]} AND {january[1]}"
    ) == [["0"]]
    assert cluster.sql("SELECT hourly_rollup > UNIX_TIMESTAMP() - 7200 FROM sandbox_last_ran_table") == [
        ["1"]
    ]


def test_jobs_get_ids_of_their_own(cluster: Cluster, account: str) -> None:
    for _ in range(2):
        cluster.insert_jobs(
            PastJob(account, "crs_ghost", MIDNIGHT, MIDNIGHT + timedelta(hours=1), TRES) for _ in range(50)
        )
    assert len({job_id for (job_id,) in records(cluster, "jobid")}) == 100


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (PastJob("nowhere", "crs_ghost", MIDNIGHT, MIDNIGHT), "no such association"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, state="DONE"), "DONE is not a state"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, {"gpu": 1}), "TRES gpu unknown here"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT - timedelta(1)), "not in this order"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT.replace(tzinfo=None), MIDNIGHT), "has no time zone"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, name="a\tb"), "has a tab"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, job_id=0), "job id 0 is not in"),
        (PastJob("crs_past", "crs_ghost", None, None, state="RUNNING"), "give a start, or an end"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, None), "COMPLETED is not a state of such a job"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, state="RUNNING"), "RUNNING is not a state"),
        (PastJob("crs_past", "crs_ghost", MIDNIGHT, None, state="SUSPENDED"), "the last suspension"),
        (
            PastJob("crs_past", "crs_ghost", MIDNIGHT, MIDNIGHT, suspensions=((MIDNIGHT, MINUTE),)),
            "its suspensions are not within it",
        ),
    ],
)
@pytest.mark.usefixtures("account")
def test_a_past_job_that_cannot_be_is_refused(cluster: Cluster, job: PastJob, said: str) -> None:
    with pytest.raises(SandboxError, match=said):
        cluster.insert_jobs([job])
    assert records(cluster, "jobid") == []


def test_jobs_are_repeated_daily_as_long_as_they_end_by_a_moment(cluster: Cluster, account: str) -> None:
    jobs = [
        PastJob(account, "crs_ghost", MIDNIGHT, MIDNIGHT + hours * timedelta(hours=1), TRES)
        for hours in (1, 10)
    ]
    cluster.insert_jobs(jobs)
    assert cluster.repeat_jobs_daily(2, 3, MIDNIGHT + timedelta(days=3, hours=5)) == 7
    found = sorted(int(row[0]) for row in records(cluster, "elapsedraw"))
    assert found == [3600] * 4 + [36000] * 3
    ids = [row[0] for row in records(cluster, "jobid")]
    assert len(set(ids)) == 7
