"""A cluster whose own clock is Estonia's: SLURM thinks in local time, and the months we bill are UTC's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from allocations.hours import HOUR
from allocations.reconcile import Verdict, reconcile
from allocations.usage import seconds_by_account
from flows.counting import count_month
from sandbox.inherited import environment as environment_here
from sandbox.slurm import Cluster, PastJob
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.runner import NativeRunner
from tests.own_folder import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slurm
ACCOUNT, USER = "crt_tallinn", "crt_reader"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def tallinn() -> Iterator[Cluster]:
    """All of it, slurmdbd and its rollup too, lives in Europe/Tallinn, and so does this process."""
    with pytest.MonkeyPatch.context() as here:
        here.setenv("TZ", "Europe/Tallinn")
        time.tzset()
        try:
            with Cluster(FOLDER / "tallinn") as cluster:
                cluster.run("sacctmgr", "-i", "add", "account", ACCOUNT)
                for account in ("cloudrock", ACCOUNT):
                    cluster.run("sacctmgr", "-i", "add", "user", USER, f"account={account}")
                cluster.was_there_since(datetime(2023, 1, 1, tzinfo=UTC))
                yield cluster
        finally:
            here.undo()
            time.tzset()


MONTHS = {
    "the day of 25 hours": (BillingPeriod(2026, 10), datetime(2026, 10, 25, tzinfo=UTC)),
    "the day of 23 hours": (BillingPeriod(2026, 3), datetime(2026, 3, 29, tzinfo=UTC)),
    "a leap day": (BillingPeriod(2024, 2), datetime(2024, 2, 29, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", MONTHS)
def test_a_month_is_utc_s_and_equals_slurmdbd_s_books_to_the_second(tallinn: Cluster, name: str) -> None:
    """Jobs over both ends of the month, over both ends of Estonia's, and over the day in question."""
    month, day = MONTHS[name]
    jobs = [
        *((turn - 3 * HOUR - 5 * MINUTE, turn + 40 * MINUTE) for turn in (month.start, month.end)),
        (day - 30 * MINUTE, day + 26 * HOUR + 7 * MINUTE),
        (day + HOUR, day + 2 * HOUR),
    ]
    tallinn.insert_jobs(PastJob(ACCOUNT, USER, *times, tres={"cpu": 2, "mem": 100}) for times in jobs)
    for start, end in jobs:
        first = start.replace(minute=0)
        tallinn.rollup(first, end.replace(minute=0) + HOUR)
    slurm = Slurm(NativeRunner({**environment_here(), **tallinn.environment, **SLURM_ENVIRONMENT}))
    counted = count_month(
        slurm.fetch_usage, None, month, month.end, read_several=slurm.fetch_windows, whole_until=month.end
    )
    inside = sum((min(end, month.end) - max(start, month.start)).total_seconds() for start, end in jobs)
    assert seconds_by_account(counted.seconds)[ACCOUNT] == {"cpu": 2 * inside, "mem": 100 * inside}
    books = slurm.fetch_books(month.start, month.end, ["cpu", "mem"])
    found = reconcile(
        seconds_by_account(counted.whole_hours), books, ["cpu", "mem"], below={}, until=month.end
    )
    lines = [line for line in found.lines if line.account == ACCOUNT]
    assert [line.verdict for line in lines] == [Verdict.AGREES] * 2, [str(line) for line in lines]
    assert slurm.fetch_rolled_until(month.end + HOUR) == month.end + HOUR
