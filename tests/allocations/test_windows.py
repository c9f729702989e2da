"""One reading cut into windows: any cut gives the same sums, and what cannot be cut is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from allocations.days import window_usage
from allocations.usage import Jobs, add_up, seconds_by_account
from allocations.windows import Lives, ids_within, joined, torn_jobs, within

START = datetime(2026, 2, 1, tzinfo=UTC)
LENGTH = 1000


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def jobs(*rows: tuple[str, int, int, int, str]) -> Jobs:
    """job id, start, span, elapsed, state; each with two CPUs and 5 MB."""
    columns = ["job_id", "start_epoch", "span_seconds", "elapsed_seconds", "state"]
    records = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:4], "int64"))
    records["start_epoch"] += int(START.timestamp())
    tres = pd.DataFrame({"cpu": [2] * len(rows), "mem": [5] * len(rows)}, dtype="int64")
    return Jobs(records.assign(account="a", user="u"), tres)


def lives(*rows: tuple[str, int, int, int, str]) -> Lives:
    whole = jobs(*rows)
    return Lives(whole, (whole.records["elapsed_seconds"] < whole.records["span_seconds"]).to_numpy())


def sums(parts: list[Jobs]) -> dict[str, dict[str, int]]:
    return seconds_by_account(add_up(window_usage(START, START, part).seconds for part in parts))


RUNS = st.tuples(
    st.sampled_from("12345"),
    st.integers(0, LENGTH),
    st.integers(0, LENGTH),
    st.sampled_from(["RUNNING", "X"]),
).map(lambda row: (row[0], row[1], min(row[2], LENGTH - row[1]), min(row[2], LENGTH - row[1]), row[3]))


@given(st.lists(RUNS, min_size=1, max_size=8), st.lists(st.integers(1, LENGTH - 1), unique=True, max_size=5))
def test_any_cuts_give_the_same_sums(rows: list[tuple[str, int, int, int, str]], cuts: list[int]) -> None:
    whole = jobs(*rows)
    bounds = [START, *(at(cut) for cut in sorted(cuts)), at(LENGTH)]
    assert torn_jobs(lives(*rows), bounds) == ()
    assert sums([within(whole, *pair) for pair in pairwise(bounds)]) == sums([whole])


def test_a_job_with_a_suspension_is_torn_by_a_bound_within_it_only() -> None:
    read = lives(
        ("before", 0, 100, 50, "X"),
        ("over", 50, 100, 99, "X"),
        ("after", 100, 100, 1, "X"),
        ("open", 90, 100, 100, "SUSPENDED"),
        ("ran", 0, 500, 500, "X"),
    )
    whole = read.jobs
    assert torn_jobs(read, [at(-1), at(100), at(1000)]) == ("before", "open", "over")
    assert torn_jobs(read, [at(0), at(99), at(1000)]) == ("before", "open", "over")
    assert torn_jobs(read, [at(-1), at(49), at(201)]) == ("before",)
    assert torn_jobs(read, [at(-1), at(101 + LENGTH)]) == ()
    assert ids_within(whole, at(100), at(1000), ("before", "over", "open")) == ("open", "over")
    assert ids_within(whole, at(0), at(50), ("before", "over", "open")) == ("before",)
    assert ids_within(whole, at(0), at(50), ()) == ()
    left, right = (
        within(whole, START, at(100), ["over", "open"]),
        within(whole, at(100), at(LENGTH), ["over"]),
    )
    assert list(left.records["job_id"]) == ["before", "ran"]
    assert list(left.records["elapsed_seconds"]) == [50, 100]
    assert list(right.records["job_id"]) == ["after", "open", "ran"]
    assert list(right.records["elapsed_seconds"]) == [1, 90, 400]


def test_what_was_asked_for_again_joins_the_rest() -> None:
    one = jobs(("1", 0, 10, 10, "X"))
    other = Jobs(jobs(("2", 0, 10, 5, "X")).records, pd.DataFrame({"gres/gpu": [3]}))
    both = joined(one, other)
    assert list(both.records["job_id"]) == ["1", "2"]
    assert sums([both]) == {"a": {"cpu": 20, "mem": 50, "gres/gpu": 30}}
    assert all(dtype == "int64" for dtype in both.alloc_tres.dtypes)


def test_records_that_never_ran_stay_and_count_nothing() -> None:
    whole = jobs(("1", -int(START.timestamp()), 0, 0, "PENDING"))
    assert len(within(whole, START, at(5))) == 1
    assert window_usage(START, at(5), whole).records == {}
