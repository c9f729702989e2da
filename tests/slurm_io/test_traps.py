"""Accounting's traps on a real cluster: we and slurmdbd's rollup differ by 0 seconds or by a named residue.

History is put into slurmdbd's database at days of its own, and slurmdbd itself sums it up. docs/accounting.md
lists the traps by number.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.usage import add_up
from tests.slurm_io.past import (
    ACCOUNT,
    CLEANING,
    DAY,
    HOUR,
    MINUTE,
    OTHER,
    STATES,
    USER,
    WHOLE,
    booked,
    counted,
    door_of,
    flat,
    job,
    same_for_traps,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster, PastJob
    from slurm_io.client import Slurm
    from tests.slurm_io.conftest import MakeRunner

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def slurm(cluster: Cluster, make_runner: MakeRunner) -> Slurm:
    return door_of(cluster, make_runner)


@pytest.fixture
def past(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, whose past jobs are gone afterwards."""
    yield cluster
    cluster.sql(CLEANING)


CASES: dict[str, tuple[list[PastJob], dict[str, int]]] = {
    "nothing": ([], {}),
    "allocated, whole and by type": (
        [job(DAY, HOUR)],
        {"cpu": 4 * 3600, "mem": 8192 * 3600, "gres/gpu": 7200, "gres/gpu:a100": 7200},
    ),
    "several nodes: mem is of the job": (
        [job(DAY, MINUTE, tres={"cpu": 8, "mem": 1000, "node": 2})],
        {"cpu": 480, "mem": 60000, "node": 120},
    ),
    "from the day before into the day after": (
        [job(DAY - HOUR, timedelta(days=3), tres={"cpu": 1})],
        {"cpu": 86400},
    ),
    "the day's first and last second": (
        [
            job(DAY, timedelta(seconds=1), tres={"cpu": 1}),
            job(WHOLE[1] - timedelta(seconds=1), timedelta(seconds=9), tres={"cpu": 2}),
        ],
        {"cpu": 3},
    ),
    "longer than 32 days": (
        [job(DAY - timedelta(days=35), timedelta(days=40), tres={"cpu": 1})],
        {"cpu": 86400},
    ),
    "suspended twice": (
        [
            job(
                DAY + HOUR,
                2 * HOUR,
                tres={"cpu": 2, "mem": 100},
                suspensions=(
                    (DAY + HOUR + MINUTE, DAY + HOUR + 3 * MINUTE),
                    (DAY + 2 * HOUR - MINUTE, DAY + 2 * HOUR + MINUTE),
                ),
            )
        ],
        {"cpu": 2 * (7200 - 240), "mem": 100 * 7200},
    ),
    "suspended over midnight": (
        [
            job(
                DAY - 2 * HOUR,
                4 * HOUR,
                tres={"cpu": 2, "mem": 100},
                suspensions=((DAY - HOUR, DAY + HOUR),),
            )
        ],
        {"cpu": 2 * 3600, "mem": 100 * 7200},
    ),
    "suspended, and running on": (
        [
            job(
                DAY - 2 * HOUR,
                HOUR,
                end=None,
                state="RUNNING",
                tres={"cpu": 2, "mem": 100},
                suspensions=((DAY - HOUR, DAY + HOUR), (DAY + 4 * HOUR, DAY + 5 * HOUR)),
            )
        ],
        {"cpu": 2 * 22 * 3600, "mem": 100 * 86400},
    ),
    "suspended, and still so": (
        [
            job(
                DAY + HOUR,
                HOUR,
                end=None,
                state="SUSPENDED",
                tres={"cpu": 2, "mem": 100},
                suspensions=((DAY + 2 * HOUR, DAY + 3 * HOUR), (DAY + 4 * HOUR, None)),
            )
        ],
        {"cpu": 2 * 2 * 3600, "mem": 100 * 23 * 3600},
    ),
    "suspended since the day before": (
        [
            job(
                DAY - 5 * HOUR,
                HOUR,
                end=None,
                state="SUSPENDED",
                tres={"cpu": 2, "mem": 100},
                suspensions=((DAY - HOUR, None),),
            )
        ],
        {"mem": 100 * 86400},
    ),
    "requeued and run again": (
        [
            job(DAY, MINUTE, state="REQUEUED", job_id=20_000_001, tres={"cpu": 1}),
            job(DAY + HOUR, MINUTE, submit=DAY + MINUTE, job_id=20_000_001, tres={"cpu": 1}),
        ],
        {"cpu": 120},
    ),
    "resized: its second record begins with the job, as slurmdbd writes it": (
        [
            job(DAY, MINUTE, state="RESIZING", job_id=20_000_002, tres={"cpu": 2, "node": 2}),
            job(DAY, 3 * MINUTE, submit=DAY + MINUTE, job_id=20_000_002, tres={"cpu": 1, "node": 1}),
        ],
        {"cpu": 120 + 180, "node": 120 + 180},
    ),
    "resized hours later: the books have its second record from that hour on": (
        [
            job(DAY, 5 * HOUR + 20 * MINUTE, state="RESIZING", job_id=20_000_004, tres={"cpu": 2}),
            job(DAY, 7 * HOUR, submit=DAY + 5 * HOUR + 20 * MINUTE, job_id=20_000_004, tres={"cpu": 1}),
        ],
        {"cpu": 2 * (5 * 3600 + 20 * 60) + 2 * 3600},
    ),
    "resized on the next day, and once more": (
        [
            job(DAY - 2 * HOUR, 3 * HOUR, state="RESIZING", job_id=20_000_005, tres={"cpu": 4}),
            job(
                DAY - 2 * HOUR,
                6 * HOUR + MINUTE,
                submit=DAY + HOUR,
                state="RESIZING",
                job_id=20_000_005,
                tres={"cpu": 2},
            ),
            job(DAY - 2 * HOUR, 8 * HOUR, submit=DAY + 4 * HOUR + MINUTE, job_id=20_000_005, tres={"cpu": 1}),
        ],
        {"cpu": 4 * 3600 + 2 * (3 * 3600 + 60) + 2 * 3600},
    ),
    "an id that came round again": (
        [
            job(DAY, MINUTE, job_id=20_000_003, tres={"cpu": 1}),
            job(DAY - timedelta(days=300), MINUTE, job_id=20_000_003, tres={"cpu": 1}),
        ],
        {"cpu": 60},
    ),
    "array tasks, one of which never started": (
        [
            job(DAY, MINUTE, job_id=20_000_010, array=(20_000_010, 0), tres={"cpu": 1}),
            job(DAY, 2 * MINUTE, job_id=20_000_011, array=(20_000_010, 1), tres={"cpu": 1}),
            job(None, HOUR, job_id=20_000_012, array=(20_000_010, 2), tres={}, state="CANCELLED"),
        ],
        {"cpu": 180},
    ),
    "parts of a heterogeneous job": (
        [
            job(DAY, MINUTE, job_id=20_000_020, het=(20_000_020, 0), tres={"cpu": 1}),
            job(DAY, MINUTE, job_id=20_000_021, het=(20_000_020, 1), tres={"cpu": 2}),
        ],
        {"cpu": 180},
    ),
    "cancelled before it started": ([job(None, HOUR, tres={}, state="CANCELLED")], {}),
    "every state": (
        [job(DAY, MINUTE, state=state, tres={"cpu": 1}) for state in STATES],
        {"cpu": len(STATES) * 60},
    ),
    "two users": ([job(DAY, MINUTE), job(DAY, MINUTE, user=OTHER)], {"cpu": 480}),
    "a run-away job, which runs for ever": (
        [job(DAY - timedelta(days=2), HOUR, end=None, state="RUNNING", tres={"cpu": 1})],
        {"cpu": 86400},
    ),
}


@pytest.mark.native_first
@pytest.mark.parametrize("case", CASES)
def test_the_books_and_we_differ_by_no_second(slurm: Slurm, past: Cluster, case: str) -> None:
    jobs, expected = CASES[case]
    past.insert_jobs(jobs)
    total = same_for_traps(slurm, past, *WHOLE)
    assert {tres: total.get(tres, 0) for tres in expected} == expected
    assert bool(total) is bool(expected)


def test_any_split_into_windows_gives_the_same_sums(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs(one for jobs, _ in CASES.values() for one in jobs)
    whole = counted(slurm, *WHOLE)
    theirs = booked(past, *WHOLE)
    assert {k: n for k, n in whole.items() if k[0] == ACCOUNT} == {
        k: n for k, n in theirs.items() if k[0] == ACCOUNT
    }
    draw = random.Random(4)  # noqa: S311 - the same cuts each time
    for pieces in (2, 6):
        cuts = sorted(draw.sample(range(1, 86400), pieces - 1))
        bounds = [DAY, *(DAY + timedelta(seconds=cut) for cut in cuts), WHOLE[1]]
        together = slurm.fetch_windows(*bounds)
        singly = [slurm.fetch_usage(*pair) for pair in itertools.pairwise(bounds)]
        assert flat(add_up(window.seconds for window in together)) == whole
        assert [window.fingerprint for window in together] == [window.fingerprint for window in singly]


@pytest.mark.native_first
@pytest.mark.parametrize(
    ("start", "days"),
    [
        (datetime(2024, 2, 29, tzinfo=UTC), 1),
        (datetime(2025, 10, 26, tzinfo=UTC), 1),
        (datetime(2025, 3, 31, tzinfo=UTC), 2),
    ],
)
def test_leap_day_the_end_of_summer_time_and_the_month_s_turn_are_days_as_all_others(
    slurm: Slurm, past: Cluster, start: datetime, days: int
) -> None:
    end = start + timedelta(days=days)
    past.insert_jobs([job(start - HOUR, end - start + 2 * HOUR, tres={"cpu": 1})])
    bounds = [start + timedelta(days=n) for n in range(days + 1)]
    assert same_for_traps(slurm, past, *bounds) == {"cpu": days * 86400}


@pytest.mark.native_first
def test_types_without_a_total_add_up_to_one(slurm: Slurm, past: Cluster) -> None:
    past.insert_jobs([job(DAY, MINUTE, tres={"gres/gpu:a100": 3})])
    ours, theirs = counted(slurm, *WHOLE), booked(past, *WHOLE)
    assert ours[ACCOUNT, USER, "gres/gpu:a100"] == theirs[ACCOUNT, USER, "gres/gpu:a100"] == 180
    assert ours[ACCOUNT, USER, "gres/gpu"] == 180
    assert (ACCOUNT, USER, "gres/gpu") not in theirs


@pytest.mark.native_first
def test_a_user_with_a_row_for_a_partition_is_one_user(slurm: Slurm, past: Cluster) -> None:
    past.run("sacctmgr", "-i", "add", "user", USER, f"account={ACCOUNT}", "partition=main")
    past.insert_jobs([job(DAY, MINUTE, tres={"cpu": 1})])
    number = "SELECT id_assoc FROM sandbox_assoc_table WHERE user='crt_ghost' AND `partition`='main'"
    past.sql(f"UPDATE sandbox_job_table SET id_assoc = ({number}) WHERE account = '{ACCOUNT}'")  # noqa: S608
    past.insert_jobs([job(DAY, MINUTE, tres={"cpu": 1})])
    try:
        assert same_for_traps(slurm, past, *WHOLE) == {"cpu": 120}
    finally:
        past.run("sacctmgr", "-i", "delete", "user", f"name={USER}", f"account={ACCOUNT}", "partition=main")


@pytest.mark.native_first
def test_usage_of_deleted_users_and_accounts_stays(slurm: Slurm, past: Cluster) -> None:
    past.run("sacctmgr", "-i", "add", "account", "crt_gone")
    past.run("sacctmgr", "-i", "add", "user", "crt_left", f"account=cloudrock,{ACCOUNT},crt_gone")
    past.insert_jobs(
        [
            job(DAY, MINUTE, tres={"cpu": 1}, user="crt_left"),
            job(DAY, MINUTE, tres={"cpu": 2}, user="crt_left", account="crt_gone"),
        ]
    )
    past.run("sacctmgr", "-i", "delete", "account", "where", "name=crt_gone")
    past.run("sacctmgr", "-i", "delete", "user", "where", "name=crt_left")
    assert same_for_traps(slurm, past, *WHOLE) == {"cpu": 60}
    assert counted(slurm, *WHOLE)["crt_gone", "crt_left", "cpu"] == 120
    assert past.books_from_rollup(*WHOLE)["crt_gone", "crt_left", "cpu"] == 120
    books = slurm.fetch_books(*WHOLE, ["cpu"])
    assert books.own("crt_gone", "cpu", ()) == 120
