"""What a resize makes of a job's records: as slurmdbd's rollup has them (tests/slurm_io/test_traps.py)."""

from __future__ import annotations

import pandas as pd
import pytest

from allocations.resizing import since_resize
from allocations.usage import Jobs

HOUR = 3600
DAY = 20_000 * 24 * HOUR

Record = tuple[str, str, int, int, int]
"""Job id, state, start, span and elapsed."""


def jobs_of(*records: Record) -> Jobs:
    columns = ["job_id", "state", "start_epoch", "span_seconds", "elapsed_seconds"]
    return Jobs(pd.DataFrame(records, columns=columns), pd.DataFrame({"cpu": [1] * len(records)}))


def times(jobs: Jobs) -> list[tuple[int, int, int]]:
    table = jobs.records[["start_epoch", "span_seconds", "elapsed_seconds"]]
    return [(start - DAY, span, elapsed) for start, span, elapsed in table.itertuples(index=False)]


RESIZED = ("1", "RESIZING", DAY, 5 * HOUR + 1200, 5 * HOUR + 1200)
CASES = {
    "it counts from the hour of the resize on": (
        [RESIZED, ("1", "COMPLETED", DAY, 7 * HOUR, 7 * HOUR)],
        (5 * HOUR, 2 * HOUR, 2 * HOUR),
    ),
    "a resize in the job's first hour cuts nothing": (
        [("1", "RESIZING", DAY, 1200, 1200), ("1", "COMPLETED", DAY, 7 * HOUR, 7 * HOUR)],
        (0, 7 * HOUR, 7 * HOUR),
    ),
    "the job's first hour is cut only where it began": (
        [("1", "RESIZING", DAY + 60, 1200, 1200), ("1", "COMPLETED", DAY + 60, HOUR, HOUR)],
        (60, HOUR, HOUR),
    ),
    "of two resizes the last one counts": (
        [RESIZED, ("1", "RESIZING", DAY, 8 * HOUR, 8 * HOUR), ("1", "RUNNING", DAY, 9 * HOUR, 9 * HOUR)],
        (8 * HOUR, HOUR, HOUR),
    ),
    "the record between two resizes counts from the first": (
        [("1", "RUNNING", DAY, 9 * HOUR, 9 * HOUR), RESIZED, ("1", "RESIZING", DAY, 8 * HOUR, 8 * HOUR)],
        (5 * HOUR, 3 * HOUR, 3 * HOUR),
    ),
    "a suspension is taken to be after the resize": (
        [RESIZED, ("1", "COMPLETED", DAY, 7 * HOUR, 6 * HOUR)],
        (5 * HOUR, 2 * HOUR, HOUR),
    ),
    "another job is another job": (
        [RESIZED, ("2", "COMPLETED", DAY, 7 * HOUR, 7 * HOUR)],
        (0, 7 * HOUR, 7 * HOUR),
    ),
    "a run that began after the resize, requeued, is whole": (
        [RESIZED, ("1", "COMPLETED", DAY + 6 * HOUR, HOUR, HOUR)],
        (6 * HOUR, HOUR, HOUR),
    ),
    "without a resize nothing changes": ([("1", "REQUEUED", DAY, 9, 9)], (0, 9, 9)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_last_record_of_each_case_is_as_the_books_have_it(case: str) -> None:
    records, expected = CASES[case]
    assert times(since_resize(jobs_of(*records)))[-1] == expected


def test_the_record_that_was_resized_stays_as_it_is() -> None:
    changed = since_resize(jobs_of(RESIZED, ("1", "COMPLETED", DAY, 7 * HOUR, 7 * HOUR)))
    assert times(changed)[0] == (0, 5 * HOUR + 1200, 5 * HOUR + 1200)
