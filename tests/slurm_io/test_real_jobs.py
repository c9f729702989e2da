"""Real jobs of every kind that SLURM runs here, against slurmdbd's own rollup: 0 seconds of difference."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.usage import add_up, seconds_by_account
from slurm_io.client import SLURM_ENVIRONMENT, Slurm

if TYPE_CHECKING:
    import pandas as pd

    from sandbox.slurm import Cluster
    from tests.slurm_io.conftest import MakeRunner

pytestmark = pytest.mark.slurm
PERSON = f"crt_{os.getpid()}"
ACCOUNT, OTHER, QUIET = "crt_real", "crt_moved", "crt_quiet"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Mixed:
    """What ran, and when it had all ended."""

    start: datetime
    end: datetime
    jobs: dict[str, int]


@pytest.fixture(scope="module")
def slurm(cluster: Cluster, make_runner: MakeRunner) -> Slurm:
    return Slurm(make_runner({**cluster.environment, **SLURM_ENVIRONMENT}))


@pytest.fixture(scope="module")
def accounts(cluster: Cluster) -> None:
    """The accounts, and the one who runs jobs under them."""
    cluster.add_people(PERSON)
    cluster.run("sacctmgr", "-i", "add", "account", f"{ACCOUNT},{OTHER},{QUIET}")
    for account in ("cloudrock", ACCOUNT, OTHER, QUIET):
        cluster.run("sacctmgr", "-i", "add", "user", PERSON, f"account={account}")


@pytest.fixture(scope="module")
def mixed(cluster: Cluster, accounts: None) -> Mixed:
    """Array, heterogeneous, requeued, suspended, resized, exclusive, failed, cancelled, moved, with steps."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def submit(*options: str, seconds: int = 3, cpus: int = 1, gpus: int = 0) -> int:
        return cluster.submit(
            "--mem=100", *options, user=PERSON, account=ACCOUNT, seconds=seconds, cpus=cpus, gpus=gpus
        )

    def script(*command: str) -> int:
        where = (f"--account={ACCOUNT}", "--output=/dev/null", "--chdir=/")
        return int(cluster.run("sbatch", "--parsable", *where, *command, user=PERSON).split(";")[0])

    acted = {
        "suspended": submit(seconds=30, cpus=2),
        "cancelled while suspended": submit(seconds=600, cpus=2),
        "requeued": submit(seconds=20, cpus=2, gpus=1),
        "resized": submit("--nodes=2", "--ntasks=2", "--ntasks-per-node=1", seconds=30),
        "cancelled": submit(seconds=600),
    }
    jobs = {
        **acted,
        "array": submit("--array=0-3%2"),
        "exclusive": submit("--exclusive", cpus=2),
        "gpus": submit(gpus=3, cpus=4),
        "failed": script("--mem=50", "--wrap=sleep 2; exit 3"),
        "with steps": script("--mem=50", "--wrap=srun sleep 1; srun sleep 1"),
        "heterogeneous": script("-n1", "--mem=70", "--wrap=sleep 3", ":", "-n2", "--mem=80"),
        "moved": submit("--hold"),
        "never started": submit("--hold"),
        "array that waits": submit("--hold", "--array=0-5"),
    }
    for job in acted.values():
        cluster.wait_for_job(job, {"RUNNING"})
    time.sleep(2)
    for name in ("suspended", "cancelled while suspended"):
        cluster.run("scontrol", "suspend", str(jobs[name]))
    cluster.run("scontrol", "requeue", str(jobs["requeued"]))
    cluster.run("scontrol", "update", f"JobId={jobs['resized']}", "NumNodes=1")
    cluster.run("scontrol", "update", f"JobId={jobs['moved']}", f"Account={OTHER}")
    cluster.run("scontrol", "release", str(jobs["moved"]))
    time.sleep(3)
    cluster.run("scontrol", "resume", str(jobs["suspended"]))
    for name in ("cancelled while suspended", "cancelled", "never started", "array that waits"):
        cluster.run("scancel", str(jobs[name]))
    for name in jobs.keys() - {"never started", "array that waits"}:
        cluster.wait_for_job(jobs[name], seconds=90)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    cluster.rollup(start, end)
    return Mixed(start, end, jobs)


def flat(seconds: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    rows = seconds.reset_index().melt(["account", "user"]).itertuples(index=False)
    return {(account, user, tres): n for account, user, tres, n in rows if n and account in (ACCOUNT, OTHER)}


def test_all_kinds_of_jobs_equal_the_rollup_user_by_user_and_tres_by_tres(
    slurm: Slurm, mixed: Mixed, cluster: Cluster
) -> None:
    ours = flat(slurm.fetch_usage(mixed.start, mixed.end).seconds)
    books = cluster.books_from_rollup(mixed.start, mixed.end)
    assert ours == {key: n for key, n in books.items() if n and key[0] in (ACCOUNT, OTHER)}
    assert ours[ACCOUNT, PERSON, "gres/gpu"] == ours[ACCOUNT, PERSON, "gres/gpu:a100"] > 0
    assert ours[OTHER, PERSON, "cpu"] > 0, "a job moved while it waited belongs to the account in its record"


def test_windows_of_an_hour_s_real_jobs_add_up_to_the_hour(slurm: Slurm, mixed: Mixed) -> None:
    whole = flat(slurm.fetch_usage(mixed.start, mixed.end).seconds)
    now = datetime.now(UTC).replace(microsecond=0)
    found = slurm.fetch_jobs(mixed.start, mixed.end).records
    (resized,) = found[found["state"] == "RESIZING"][["start_epoch", "span_seconds"]].to_numpy()
    # within the hour of a resize sacct does not say before it what the books count of the record after it
    possible = [s for s in (40, 31, 30, 22, 15, 7) if not 0 <= now.timestamp() - s - resized[0] <= resized[1]]
    cuts = [now - timedelta(seconds=seconds) for seconds in possible]
    bounds = [mixed.start, *(cut for cut in cuts if mixed.start < cut < mixed.end), mixed.end]
    parts = [slurm.fetch_usage(*pair).seconds for pair in zip(bounds, bounds[1:], strict=False)]  # noqa: RUF007
    assert flat(add_up(parts)) == whole
    assert flat(add_up(window.seconds for window in slurm.fetch_windows(*bounds))) == whole


def test_each_record_is_there_once_with_what_was_allocated(slurm: Slurm, mixed: Mixed) -> None:
    found = slurm.fetch_jobs(mixed.start, mixed.end)
    table = found.records.join(found.alloc_tres).set_index("job_id")

    def rows(name: str) -> pd.DataFrame:
        return table.loc[[str(mixed.jobs[name])]]

    assert list(rows("exclusive")["cpu"]) == [64]
    assert len(rows("requeued")) == len(rows("resized")) == 2
    assert set(rows("requeued")["state"]) == {"REQUEUED", "COMPLETED"}
    assert list(rows("resized")["node"]) == [2, 1]
    assert len(rows("with steps")) == 1
    assert (rows("suspended")["span_seconds"] - rows("suspended")["elapsed_seconds"]).min() >= 3
    offset = mixed.jobs["heterogeneous"]
    assert set(table.loc[[str(offset), str(offset + 1)], "mem"]) == {70, 80}


@pytest.mark.native_first
def test_a_suspension_that_is_still_open_stops_the_cpus_at_once(
    cluster: Cluster, accounts: None, slurm: Slurm
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    job = cluster.submit("--mem=100", user=PERSON, account=QUIET, seconds=600, cpus=2)
    cluster.wait_for_job(job, {"RUNNING"})
    for verb in ("suspend", "resume", "suspend"):
        time.sleep(2)
        cluster.run("scontrol", verb, str(job))
    time.sleep(4)
    facts = cluster.run("scontrol", "-o", "show", "job", str(job)).split()
    (ran,) = [int(fact.partition("=")[2]) for fact in facts if fact.startswith("SecsPreSuspend=")]
    now = datetime.now(UTC).replace(microsecond=0)
    lately = now - timedelta(seconds=3)
    whole, first, second = (
        seconds_by_account(slurm.fetch_usage(*window).seconds)[QUIET]
        for window in ((began, now), (began, lately), (lately, now))
    )
    cluster.run("scancel", str(job))
    assert whole["cpu"] == 2 * ran
    assert first["cpu"] == 2 * ran
    assert (second["cpu"], second["mem"]) == (0, 300)
    assert whole["mem"] == first["mem"] + 300 > 100 * ran
