"""TRES-seconds: the formula, trap by trap, and that nothing is lost or rounded on the way."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import UNKNOWN
from allocations.errors import ImpossibleUsage
from allocations.usage import Jobs, add_up, seconds_by_account, tres_seconds, with_totals

Job = tuple[str, str, str, dict[str, int], int, int]
"""account, user, state, allocated TRES, elapsed seconds, span seconds."""


def jobs_of(*jobs: Job) -> Jobs:
    names = dict.fromkeys(tres for job in jobs for tres in job[3])
    rows = range(len(jobs))
    records = pd.DataFrame(
        {
            "account": pd.Series([job[0] for job in jobs], dtype="object"),
            "user": pd.Series([job[1] for job in jobs], dtype="object"),
            "state": pd.Series([job[2] for job in jobs], dtype="object"),
            "elapsed_seconds": pd.Series([job[4] for job in jobs], dtype="int64"),
            "span_seconds": pd.Series([job[5] for job in jobs], dtype="int64"),
        },
        index=rows,
    )
    counts = pd.DataFrame({t: [job[3].get(t, 0) for job in jobs] for t in names}, index=rows, dtype="int64")
    return Jobs(records, counts)


def by_account(*windows: Jobs) -> dict[str, dict[str, int]]:
    return seconds_by_account(add_up(tres_seconds(window) for window in windows))


def counted(
    tres: dict[str, int], elapsed: int = 10, span: int = 10, state: str = "COMPLETED"
) -> dict[str, int]:
    return by_account(jobs_of(("a", "ada", state, tres, elapsed, span)))["a"]


def test_allocated_tres_are_of_the_whole_job_and_never_multiplied_by_nodes() -> None:
    assert counted({"cpu": 4, "mem": 8192, "node": 4}) == {"cpu": 40, "mem": 81920, "node": 40}


def test_a_suspension_stops_the_cpus_only() -> None:
    assert counted({"cpu": 2, "mem": 100, "gres/gpu": 1}, 17, 27) == {"cpu": 34, "mem": 2700, "gres/gpu": 27}


def test_the_measured_suspended_and_requeued_jobs_equal_slurmdbds_rollup() -> None:
    tres = {"cpu": 2, "mem": 100}
    jobs = jobs_of(("a", "u", "COMPLETED", tres, 17, 27), ("a", "u", "REQUEUED", tres, 5, 5))
    assert by_account(jobs) == {"a": {"cpu": 44, "mem": 3200}}


@pytest.mark.parametrize(
    "state",
    ["COMPLETED", "CANCELLED by 0", "FAILED", "TIMEOUT", "PREEMPTED", "OUT_OF_MEMORY", "RUNNING", "?", ""],
)
def test_every_state_counts(state: str) -> None:
    assert counted({"cpu": 1}, state=state) == {"cpu": 10}


def test_a_job_without_allocated_tres_counts_zero_and_keeps_the_others() -> None:
    jobs = jobs_of(("a", "u", "CANCELLED", {}, 0, 0), ("b", "u", "COMPLETED", {"cpu": 2}, 3, 3))
    assert by_account(jobs) == {"a": {"cpu": 0}, "b": {"cpu": 6}}


def test_unknown_accounts_and_users_keep_the_total_whole() -> None:
    jobs = jobs_of((UNKNOWN, UNKNOWN, "X", {"cpu": 1}, 5, 5), ("a", UNKNOWN, "X", {"cpu": 1}, 7, 7))
    assert by_account(jobs) == {UNKNOWN: {"cpu": 5}, "a": {"cpu": 7}}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({"gres/gpu": 2, "gres/gpu:a100": 2}, {"gres/gpu": 2, "gres/gpu:a100": 2}),
        ({"gres/gpu:a100": 2, "gres/gpu:t4": 1}, {"gres/gpu:a100": 2, "gres/gpu:t4": 1, "gres/gpu": 3}),
        ({"gres/gpu": 5, "gres/gpu:a100": 2}, {"gres/gpu": 5, "gres/gpu:a100": 2}),
        ({"gres/gpu": 0, "gres/gpu:a100": 2}, {"gres/gpu": 0, "gres/gpu:a100": 2}),
        ({"license/x:y": 3, "cpu": 1}, {"license/x:y": 3, "cpu": 1}),
        ({}, {}),
    ],
)
def test_a_generic_gres_is_the_total_and_typed_ones_its_split(
    recorded: dict[str, int], expected: dict[str, int]
) -> None:
    other = {"cpu": 1, "gres/gpu:a100": 1, "gres/gpu:t4": 0}
    names = list(dict.fromkeys([*recorded, *other]))
    counts = pd.DataFrame([{t: row.get(t, 0) for t in names} for row in (recorded, other)], dtype="int64")
    is_recorded = pd.DataFrame([{t: t in row for t in names} for row in (recorded, other)])
    table = with_totals(counts, is_recorded)
    assert {tres: count for tres, count in table.loc[0].items() if tres in expected} == expected
    assert table.loc[1, "gres/gpu"] == 1, "the other row's only types are its own sum"
    assert all(dtype == "int64" for dtype in table.dtypes)


def test_a_tres_that_no_record_has_is_left_out() -> None:
    counts = pd.DataFrame({"cpu": [1], "energy": [0]}, dtype="int64")
    assert list(with_totals(counts, pd.DataFrame({"cpu": [True], "energy": [False]})).columns) == ["cpu"]


def test_no_jobs_at_all_is_no_usage() -> None:
    empty = tres_seconds(jobs_of())
    assert len(jobs_of()) == len(empty) == 0
    assert list(empty.index.names) == ["account", "user"]
    assert by_account(jobs_of()) == by_account() == {}


def test_jobs_without_any_tres_are_known_to_have_used_nothing() -> None:
    assert by_account(jobs_of(("a", "u", "PENDING", {}, 0, 0))) == {"a": {}}


def test_a_tres_that_only_one_window_has_stays_whole() -> None:
    with_gpu = jobs_of(("a", "u", "X", {"cpu": 1, "gres/gpu": 2**53 + 1}, 1, 1))
    without = jobs_of(("a", "u", "X", {"cpu": 2**53 + 1}, 1, 1), ("b", "u", "X", {"cpu": 1}, 1, 1))
    assert by_account(with_gpu, without) == {
        "a": {"cpu": 2**53 + 2, "gres/gpu": 2**53 + 1},
        "b": {"cpu": 1, "gres/gpu": 0},
    }


@pytest.mark.parametrize("days", [7, 8, 9, 31, 70])
def test_as_many_days_as_one_likes_add_up(days: int) -> None:
    windows = [
        jobs_of(("a", f"u{n % 3}", "X", {"cpu": 2**50 + n}, 1, 1), (f"b{n}", "u", "X", {"mem": n}, 1, 1))
        for n in range(days)
    ]
    sums = by_account(*windows)
    assert sums["a"]["cpu"] == sum(2**50 + n for n in range(days))
    assert [sums[f"b{n}"]["mem"] for n in range(days)] == list(range(days))


@pytest.mark.parametrize("windows", [1, 2, 3, 20])
def test_the_columns_stay_int64_all_the_way(windows: int) -> None:
    parts = [tres_seconds(jobs_of(("a", "u", "X", {f"gres/{n}": 1, "cpu": 1}, 1, 1))) for n in range(windows)]
    parts.append(tres_seconds(jobs_of()))
    for frame in (*parts, add_up(parts)):
        assert all(dtype == "int64" for dtype in frame.dtypes)


def test_more_usage_than_any_cluster_has_is_refused_instead_of_wrapping_around() -> None:
    with pytest.raises(ImpossibleUsage, match="no cluster has so much"):
        tres_seconds(jobs_of(("a", "u", "X", {"mem": 2**53}, 1, 2**11)))


JOB = st.tuples(
    st.sampled_from(["a", "b", UNKNOWN]),
    st.sampled_from(["ada", "bob", UNKNOWN]),
    st.sampled_from(["COMPLETED", "RUNNING", "odd"]),
    st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu"]), st.integers(0, 2**45), max_size=3),
    st.integers(0, 2**10),
    st.integers(0, 2**10),
)
JOBS = st.lists(JOB, max_size=8)


def summed(jobs: list[Any]) -> dict[str, dict[str, int]]:
    """The same with Python's own integers, which know no bound."""
    names = dict.fromkeys(tres for job in jobs for tres in job[3])
    totals = {job[0]: dict.fromkeys(names, 0) for job in jobs}
    for account, _, _, tres, elapsed, span in jobs:
        for name, count in tres.items():
            totals[account][name] += count * (elapsed if name == "cpu" else span)
    return totals


@given(JOBS)
def test_the_sums_are_exact(jobs: list[Job]) -> None:
    assert by_account(jobs_of(*jobs)) == summed(jobs)


@given(JOBS, st.data())
def test_any_split_into_windows_in_any_order_gives_the_same_sum(jobs: list[Job], data: st.DataObject) -> None:
    """Each job is cut in two, one part in each window, as sacct clips it."""
    first, second = [], []
    for account, user, state, tres, elapsed, span in jobs:
        cpu_part = data.draw(st.integers(0, elapsed))
        other_part = data.draw(st.integers(0, span))
        first.append((account, user, state, tres, cpu_part, other_part))
        second.append((account, user, state, tres, elapsed - cpu_part, span - other_part))
    whole = by_account(jobs_of(*jobs))
    assert by_account(jobs_of(*first), jobs_of(*second)) == whole
    assert by_account(jobs_of(*second), jobs_of(), jobs_of(*first)) == whole


@given(JOBS)
def test_users_add_up_to_their_accounts_and_accounts_to_the_whole(jobs: list[Job]) -> None:
    seconds = tres_seconds(jobs_of(*jobs))
    for tres in seconds.columns:
        by_user = seconds.groupby(level="user")[tres].sum()
        accounts = seconds_by_account(seconds)
        assert sum(map(int, by_user)) == sum(row[tres] for row in accounts.values())
