"""The benchmark's month of jobs: the same each time, so that two runs can be compared."""

from __future__ import annotations

from allocations.billing import BillingPeriod
from sandbox.bench.filling import Size, last_month, past_jobs

PERIOD = BillingPeriod(2026, 10)


def test_the_jobs_are_the_same_at_every_call_and_begin_within_the_month() -> None:
    size = Size(allocations=7, jobs=500)
    jobs = list(past_jobs(size, ["u", "v"], PERIOD))
    assert jobs == list(past_jobs(size, ["u", "v"], PERIOD))
    assert len(jobs) == 500
    assert all(job.start and PERIOD.start <= job.start < PERIOD.end for job in jobs)
    assert {job.account for job in jobs} == set(size.accounts)
    assert {"gres/gpu", "gres/gpu:a100"} <= {tres for job in jobs for tres in job.tres}
    lengths = [(job.end - job.start).total_seconds() for job in jobs if job.start and job.end]
    assert max(lengths) > 12 * 3600 > min(lengths)


def test_the_month_before_this_one_is_over() -> None:
    assert last_month().end.day == 1
