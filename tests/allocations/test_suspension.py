"""A suspension that is still open: the CPU rests from its first second, whatever sacct says."""

from __future__ import annotations

import pandas as pd
import pytest

from allocations.suspension import less_open_suspensions, suspended_jobs
from allocations.usage import Jobs


def jobs(*rows: tuple[str, str, int, int]) -> Jobs:
    """job id, state, elapsed seconds, span seconds."""
    records = pd.DataFrame(rows, columns=["job_id", "state", "elapsed_seconds", "span_seconds"])
    return Jobs(records.assign(account="a", user="u"), pd.DataFrame({"cpu": [2] * len(rows)}))


@pytest.mark.parametrize(
    ("window", "life", "now", "elapsed"),
    [
        # the job ran 6 s, and is suspended for the last 3 s of 12; 3 s of an earlier suspension have ended
        ((9, 12), 9, 6, 6),
        # a window within the open suspension
        ((2, 2), 9, 6, 0),
        # a window that ends before it began: the job ran on after the window
        ((4, 4), 4, 6, 4),
        # a window that it began in
        ((5, 8), 9, 6, 2),
    ],
)
def test_an_open_suspension_is_taken_off_where_it_overlaps_the_window(
    window: tuple[int, int], life: int, now: int, elapsed: int
) -> None:
    whole = jobs(("5", "COMPLETED", 7, 7), ("7", "SUSPENDED", *window))
    found = less_open_suspensions(
        whole, jobs(("7", "SUSPENDED", life, 12)), jobs(("7", "REQUEUED", 1, 1), ("7", "SUSPENDED", now, 0))
    )
    assert found is not None
    assert list(found.records["elapsed_seconds"]) == [7, elapsed]
    assert list(found.records["span_seconds"]) == [7, window[1]]
    assert suspended_jobs(whole) == ("7",)


@pytest.mark.parametrize(
    ("life", "now"),
    [
        (jobs(("7", "RUNNING", 9, 12)), jobs(("7", "SUSPENDED", 6, 0))),
        (jobs(("7", "SUSPENDED", 9, 12)), jobs(("7", "COMPLETED", 6, 0))),
        (jobs(), jobs()),
        (jobs(("7", "SUSPENDED", 60, 60)), jobs(("7", "SUSPENDED", 6, 0))),
    ],
)
def test_readings_between_which_a_job_changed_do_not_fit(life: Jobs, now: Jobs) -> None:
    assert less_open_suspensions(jobs(("7", "SUSPENDED", 3, 12)), life, now) is None


def test_jobs_that_are_not_suspended_stay_as_they_are() -> None:
    running = jobs(("5", "RUNNING", 7, 7))
    found = less_open_suspensions(running, jobs(), jobs())
    assert suspended_jobs(running) == ()
    assert found is not None
    assert list(found.records["elapsed_seconds"]) == [7]
