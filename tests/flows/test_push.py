"""push-usage on a real cluster, a behaving marketplace and a real Prefect server."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from tests.own_folder import person

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

GPU_JOB = {"cpu": 4, "mem": 8192, "node": 1, "billing": 4, "gres/gpu": 2, "gres/gpu:a100": 2}


@pytest.fixture
def month() -> BillingPeriod:
    return BillingPeriod.containing(datetime.now(UTC))


@pytest.fixture
def allocation(site) -> Iterator[str]:
    """An order that has been carried out; its order item."""
    item = site.order("usage")
    assert site.pull().message == "1 order: 1 done"
    return item


def past_job(account: str, start: datetime, seconds: int, **how) -> PastJob:
    return PastJob(
        account=account,
        user=person("ada"),
        start=start,
        end=start + timedelta(seconds=seconds),
        tres=how.pop("tres", GPU_JOB),
        **how,
    )


def test_the_month_s_jobs_become_amounts_that_equal_slurmdbds_books(site, allocation, month) -> None:
    account = site.resource(allocation)["backend_id"]
    start = month.start
    jobs = [
        past_job(account, start - timedelta(hours=1), 3660),  # one minute of it is this month's
        past_job(account, start, 90, state="CANCELLED"),
        past_job(
            account, start + timedelta(seconds=30), 45, tres={"cpu": 3, "mem": 100, "node": 1, "billing": 3}
        ),
    ]
    site.cluster.insert_jobs(jobs)
    state = site.push()
    assert state.type.value == "COMPLETED", state.message
    cpu_seconds, gpu_seconds, mem_seconds = 4 * 60 + 4 * 90 + 3 * 45, 2 * 60 + 2 * 90, 8192 * 150 + 100 * 45
    assert site.usage(allocation) == {
        "cpu": round(cpu_seconds / 60 + 1e-9),
        "gres/gpu": gpu_seconds // 60,
        "mem": round(mem_seconds / 60 + 1e-9),
    }
    site.cluster.rollup(start, start + timedelta(hours=1))
    books = site.cluster.usage_from_rollup(account, start, start + timedelta(hours=1))
    assert books[person("ada"), "cpu"] == cpu_seconds
    assert books[person("ada"), "gres/gpu"] == gpu_seconds
    assert books[person("ada"), "mem"] == mem_seconds


def test_a_job_that_still_runs_counts_up_to_the_run(site, allocation) -> None:
    account = site.resource(allocation)["backend_id"]
    job = site.cluster.submit(user=site.someone(account), account=account, seconds=120, cpus=60, gpus=0)
    site.cluster.wait_for_job(job, {"RUNNING"})
    site.push()
    first = site.usage(allocation)["cpu"]
    time.sleep(1)  # a run counts up to a whole second, and takes less than one
    site.push()
    second = site.usage(allocation)["cpu"]
    site.cluster.run("scancel", str(job))
    assert 0 <= first < second


def test_nothing_used_is_reported_once_as_zero_and_an_unchanged_month_is_not_sent_again(
    site, allocation
) -> None:
    assert "1 allocation sent" in site.push().message
    assert site.usage(allocation) == {"cpu": 0, "gres/gpu": 0, "mem": 0}
    site.marketplace.office.clear_requests()
    assert "0 allocations sent, 1 unchanged" in site.push().message
    assert {request["method"] for request in site.marketplace.office.requests()} == {"GET"}


def test_a_month_that_has_not_begun_is_refused(site, allocation) -> None:
    state = site.push("2099-01")
    assert state.type.value == "FAILED"
    assert "period 2099-01: not over yet" in state.message
    assert site.usage(allocation) == {}


def test_a_marketplace_whose_month_has_turned_gets_nothing(site, allocation, month) -> None:
    site.marketplace.office.set_clock(month.end + timedelta(minutes=5))
    state = site.push()
    assert state.type.value == "FAILED"
    assert "this host's clock is" in state.message
    site.marketplace.office.reset_clock()
    assert site.usage(allocation) == {}


def test_an_account_that_vanished_is_a_problem_and_never_a_zero(site, allocation) -> None:
    account = site.resource(allocation)["backend_id"]
    site.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={account}")
    state = site.push()
    assert state.type.value == "FAILED"
    assert f"its account {account!r} is not on the cluster" in state.message
    assert site.usage(allocation) == {}


def test_an_account_that_two_resources_record_is_billed_to_neither(site, allocation) -> None:
    other = site.order("other")
    site.pull()
    account = site.resource(allocation)["backend_id"]
    site.set_backend_id(site.resource(other)["uuid"], account)
    state = site.push()
    assert state.type.value == "FAILED"
    assert "neither is billed" in state.message
    assert site.usage(allocation) == site.usage(other) == {}


def test_one_allocation_s_refusal_is_not_the_others(site, allocation) -> None:
    other = site.order("without plan", plan=False)
    site.pull()
    state = site.push()
    assert state.type.value == "FAILED"
    assert "no open plan period" in state.message
    assert site.usage(allocation) == {"cpu": 0, "gres/gpu": 0, "mem": 0}
    assert site.usage(other) == {}


LIES = {
    "another format": "echo 'hpc_1|crs_ada|cpu=4|9'",
    "cut inside a line": 'PATH=${PATH#*:}; sacct "$@" | head -c -9',
    "garbled": "PATH=${PATH#*:}; sacct \"$@\" | tr '|' '\\376'",
    "refused": "echo 'sacct: error: Problem with the request' >&2; exit 1",
    "nothing at all": "exit 0",
}
"""What stands in for sacct's answer."""


def test_a_sacct_that_fails_or_lies_sends_nothing_and_the_next_run_is_right(
    site, allocation, month, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = site.resource(allocation)["backend_id"]
    site.cluster.insert_jobs([past_job(account, month.start, 600)])
    assert site.push().type.value == "COMPLETED"
    before = site.usage(allocation)
    assert before["cpu"] == 40
    site.cluster.insert_jobs([past_job(account, month.start, 300)])
    program, path = tmp_path / "bin" / "sacct", os.environ["PATH"]
    program.parent.mkdir()
    for name, lie in LIES.items():
        program.write_text(f"#!/bin/sh\n{lie}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{path}")
        state = site.push(refresh=True)
        assert state.type.value == "FAILED", name
        assert "sacct" in state.message or "no job record of it is left to be seen" in state.message, name
        assert site.usage(allocation) == before, name
    monkeypatch.setenv("PATH", path)
    state = site.push(refresh=True)
    assert state.type.value == "COMPLETED", state.message
    assert site.usage(allocation)["cpu"] == 60
