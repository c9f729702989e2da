"""What slurmdbd's own books do not confirm is not sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from tests.own_folder import person

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

HOUR = timedelta(hours=1)
SOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
"""The end of this hour, up to which slurmdbd sums up when it is told to."""
MONTH = BillingPeriod.containing(SOON)
LATER = (SOON + timedelta(minutes=5)).isoformat()


@pytest.fixture
def allocation(site, monkeypatch: pytest.MonkeyPatch) -> str:
    """An order that has been carried out and whose account was used; its order item."""
    monkeypatch.setenv("SYNC_RECONCILE", "block")
    site.cluster.was_there_since(MONTH.start - HOUR)
    item = site.order("gate")
    assert site.pull().type.value == "COMPLETED"
    use(site, item, seconds=120)
    return item


def use(site, item: str, seconds: int) -> None:
    account, start = site.resource(item)["backend_id"], MONTH.start + HOUR
    end = start + timedelta(seconds=seconds)
    site.cluster.insert_jobs([PastJob(account, person("ada"), start, end, tres={"cpu": 2, "mem": 60})])


def roll_up(site) -> None:
    """All of the month's whole hours, as slurmdbd's hourly rollup does."""
    site.cluster.rollup(MONTH.start, SOON)


def test_usage_that_the_books_confirm_is_sent(site, allocation, caplog: pytest.LogCaptureFixture) -> None:
    roll_up(site)
    state = site.push_at(LATER)
    assert state.type.value == "COMPLETED", state.message
    assert "not verified" not in caplog.text
    assert site.usage(allocation)["cpu"] == 4


def test_an_account_that_the_books_contradict_is_held_back_and_no_other(
    site, allocation, told, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_up(site)
    other = site.order("innocent")
    site.pull()
    use(site, allocation, seconds=60)  # known to the job table, not yet to the books
    told()
    state = site.push_at(LATER)
    assert state.type.value == "FAILED", state.message
    account = site.resource(allocation)["backend_id"]
    mismatch = f"{account} cpu: 360 TRES-seconds, slurmdbd's books 240: mismatch"
    assert mismatch in state.message
    (event,) = [one for one in told() if one.event == "cloudrock-slurm.reconciliation.failed"]
    assert (event.payload["accounts"], event.payload["held_back"]) == ([account], True)
    assert mismatch in event.payload["reasons"][0]
    rows = site.artifact("reconciliation")
    assert {"account": account, "TRES": "cpu", "ours": 360, "slurmdbd": 240} in [
        {key: row[key] for key in ("account", "TRES", "ours", "slurmdbd")} for row in rows
    ]
    assert [row["verdict"] for row in rows if row["account"] == account] == ["mismatch", "mismatch"]
    assert site.usage(allocation) == {}
    assert site.usage(other) == {"cpu": 0, "gres/gpu": 0, "mem": 0}
    monkeypatch.setenv("SYNC_RECONCILE", "warn")
    state = site.push_at(LATER)
    assert state.type.value == "COMPLETED", state.message
    assert site.usage(allocation)["cpu"] == 6


def test_a_usage_that_fell_to_nothing_is_held_back(site, allocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_RECONCILE", "off")
    (period,) = site.open_periods(allocation)
    for kind, amount in (("cpu", 1000), ("gres/gpu", 0), ("mem", 9)):
        site.marketplace.office.insert_usage(period["uuid"], kind, amount, datetime.now(UTC))
    state = site.push_at(LATER)
    assert state.type.value == "FAILED"
    assert "fell from" in state.message
    assert site.usage(allocation)["cpu"] == 1000
    assert site.push_at(LATER, allow_decrease=True).type.value == "COMPLETED"
    assert site.usage(allocation)["cpu"] == 4
