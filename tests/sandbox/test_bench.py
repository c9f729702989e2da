"""The benchmark's site: the same at every call; and its page says what its runs say."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.bench import metering, page
from sandbox.bench.filling import Project, days_jobs, hours_jobs, period_at
from sandbox.bench.growth import exponent
from sandbox.bench.metering import Cost, by_turns
from sandbox.bench.ratios import ratios
from sandbox.bench.sizes import SIZES, Size

SIZE = Size(allocations=7, users=40, jobs=500, orders=2)
NOW = datetime(2026, 10, 11, tzinfo=UTC)
COST = Cost(seconds=3, cpu_seconds=2, megabytes=50, processes=13, requests=7, slurmdbd_seconds=1, queries=30)
PROJECTS = [Project("u1", ["a", "b"], ["hpc_1", "hpc_2"]), Project("u2", ["c"], ["hpc_3"])]


def test_a_day_s_jobs_are_the_same_at_every_call_and_end_by_now() -> None:
    jobs = list(days_jobs(SIZE, PROJECTS, period_at(NOW), NOW))
    assert jobs == list(days_jobs(SIZE, PROJECTS, period_at(NOW), NOW))
    assert len(jobs) == SIZE.jobs / 10
    assert all(job.start and job.start < NOW - timedelta(days=9) for job in jobs)
    assert {job.account for job in jobs} == {"hpc_1", "hpc_2", "hpc_3"}
    assert {"gres/gpu", "gres/gpu:a100"} <= {tres for job in jobs for tres in job.tres}


def test_the_jobs_of_the_last_hour_end_by_now() -> None:
    jobs = list(hours_jobs(SIZE, PROJECTS, NOW))
    assert len(jobs) == round(SIZE.jobs / 240)
    assert all(
        job.start and job.end and NOW - timedelta(hours=1) <= job.start <= job.end <= NOW for job in jobs
    )


@pytest.mark.parametrize("size", [SIZE, *SIZES.values()])
def test_every_user_is_in_one_project_and_every_allocation_too(size: Size) -> None:
    numbers = range(size.projects)
    assert sorted(user for number in numbers for user in size.team(number)) == sorted(size.people)
    assert sum(map(size.allocations_of, numbers)) == size.allocations


def test_the_large_size_is_that_of_a_large_site() -> None:
    large = SIZES["L"]
    assert (large.allocations, large.associations, large.jobs) == (1_500, 30_000, 3_700_000)


def test_what_a_sample_costs_grows_to_the_whole_but_for_what_is_paid_once() -> None:
    once = dataclasses.replace(COST, seconds=1, processes=1, requests=1)
    whole = COST.times(5, once, sample=2)
    assert (whole.seconds, whole.processes, whole.requests, whole.queries) == (11, 61, 31, 30)
    assert (whole.megabytes, whole.sample, whole.repeats) == (50, 2, 1)


def test_the_median_is_kept() -> None:
    quick = iter([3.0, 1.0, 2.0])
    (cost,) = by_turns(lambda: dataclasses.replace(COST, seconds=next(quick)))
    assert (cost.seconds, cost.repeats) == (2.0, 3)


def test_what_takes_long_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "LONG_SECONDS", -1)
    slow, quick = by_turns(lambda: COST, lambda: COST)
    assert (slow.repeats, quick.repeats) == (1, 1)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_is_that_of_the_growth(power: int) -> None:
    points = [(size, 3.0 * size**power) for size in (10.0, 70.0, 900.0)]
    assert math.isclose(exponent(points), power, abs_tol=1e-9)


def test_an_order_s_ratio_leaves_out_what_a_quiet_pull_takes() -> None:
    sides = {"ours": (30.0, 5.0, 2.0), "quiet": (6.0, 3.0, 1.0), "bare": (20.0, 1.0, 0.5)}
    names = ("seconds", "cpu_seconds", "slurmdbd_seconds")
    row = {side: dict(zip(names, values, strict=True)) for side, values in sides.items()}
    (ratio,) = ratios({"rows": {"pull_orders": row}, "site": {"orders": 20}})
    assert (ratio.seconds, ratio.cpu_seconds, ratio.aim) == (1.2, 2.0, "at most 1.3")


def test_the_run_alone_is_set_beside_the_old_agents_which_need_no_start() -> None:
    row = {"old": dataclasses.asdict(COST), "ours": {**dataclasses.asdict(COST), "run_seconds": 0.5}}
    ours = list(ratios({"rows": {"push_warm": row}, "site": {"orders": 1}}))
    assert [(ratio.seconds, ratio.cpu_seconds) for ratio in ours] == [(1.0, 1.0), (6.0, None)]


def test_the_page_says_what_the_kept_runs_say() -> None:
    kept = page.runs()
    assert {run["size"] for run in kept} >= {"S", "M"}
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.with_made(text, page.made(kept)), "`make bench-docs` writes it anew"


def test_the_plot_shows_what_the_kept_runs_say() -> None:
    drawn = page.plot(page.runs())
    assert (page.RUNS / page.PLOT).read_text(encoding="utf-8") == drawn
    assert "1,000,000" in drawn
    assert "$" not in drawn, "an axis shows a formula's source"
