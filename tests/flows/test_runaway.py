"""A job that slurmdbd believes to be running for ever: charged as in the books, until it is mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allocations.billing import BillingPeriod
from allocations.hours import DAY, HOUR
from sandbox.slurm import PastJob
from tests.own_folder import person

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

MONTH = BillingPeriod.containing(datetime.now(UTC)).previous
START = MONTH.start
NOW = START + 4 * DAY + 10 * HOUR
"""Days 1 and 2 have settled by then, 3 is fresh, 4 and 5 are read by each run."""
ADA = person("ada")


@pytest.fixture
def item(site, monkeypatch: pytest.MonkeyPatch) -> str:
    """An allocation of the month, on a cluster whose books are compared; its order item."""
    monkeypatch.setenv("SYNC_RECONCILE", "block")
    site.cluster.was_there_since(datetime(2024, 1, 1, tzinfo=UTC))
    site.marketplace.office.set_clock(START)
    return str(site.allocation("runaway"))


def test_a_run_away_job_is_named_and_when_it_is_mended_all_of_it_is_taken_back(
    site, item: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The days before the mending that are only stored, and the hours of the day that is not over."""
    account = site.resource(item)["backend_id"]
    tres = {"cpu": 1, "mem": 0}
    began = START + 6 * HOUR
    site.cluster.insert_jobs(
        [
            PastJob(account, ADA, START, START + timedelta(minutes=10), tres=tres),
            PastJob(account, ADA, began, None, tres=tres, state="RUNNING"),
        ]
    )
    site.cluster.rollup(START, NOW)
    state = site.push_at(NOW.isoformat())
    assert state.type.value == "COMPLETED", state.message
    billed = 10 + (NOW - began) // timedelta(minutes=1)
    assert site.rows(item)[str(MONTH), "cpu"] == billed
    assert f"{account}: run-away jobs (" in caplog.text

    site.cluster.run("sacctmgr", "show", "runawayjobs", answer="y\n")
    state = site.push_at((NOW + HOUR).isoformat())
    assert state.type.value == "FAILED"
    assert "slurmdbd's books 0: mismatch" in state.message, (
        "mending throws its sums away until the next rollup"
    )
    assert site.rows(item)[str(MONTH), "cpu"] == billed

    site.cluster.rollup(START, NOW + 2 * HOUR)
    state = site.push_at((NOW + 2 * HOUR).isoformat())
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(item)[str(MONTH), "cpu"] == 10
    assert site.user_usage(item, str(MONTH))[ADA] == (10, 0, 0)
