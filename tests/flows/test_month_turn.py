"""The month's turn, by our clock and by the marketplace's: right month, right seconds, nothing twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from tests.own_folder import person

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

NEW = BillingPeriod.containing(datetime.now(UTC))
OLD = NEW.previous
TURN = NEW.start
LAST_PUSH = TURN - timedelta(minutes=10)
ADA = person("ada")


def used(site: Any, item: str, start: datetime, end: datetime, cpus: int = 1) -> None:
    """A job that held so many CPUs from start to end."""
    account = site.resource(item)["backend_id"]
    site.cluster.insert_jobs([PastJob(account, ADA, start, end, tres={"cpu": cpus, "mem": 0})])


def minutes(site: Any, item: str) -> dict[str, int]:
    """Month to CPU minutes that the marketplace holds."""
    return {month: amount for (month, kind), amount in site.rows(item).items() if kind == "cpu"}


def push_at(site: Any, moment: datetime, **how: Any) -> Any:
    return site.push_at(moment.isoformat(), **how)


@pytest.fixture
def allocation(site) -> str:
    """An allocation of the old month, with a job that runs over its end: 40 minutes until the last push."""
    site.marketplace.office.set_clock(OLD.start)
    item = site.order("turn")
    assert site.pull().type.value == "COMPLETED"
    used(site, item, TURN - timedelta(minutes=50), TURN + timedelta(minutes=20))
    assert push_at(site, LAST_PUSH).type.value == "COMPLETED"
    assert minutes(site, item) == {str(OLD): 40}
    return item


@pytest.mark.parametrize("seconds", [-180, -1, 0, 1, 120])
def test_around_midnight_nothing_is_sent(site, allocation, seconds: int) -> None:
    before = site.rows(allocation)
    state = push_at(site, TURN + timedelta(seconds=seconds))
    assert state.type.value == "FAILED"
    assert "too close to its turn" in state.message or "under its current month" in state.message
    assert site.rows(allocation) == before


@pytest.mark.parametrize("ours", [TURN - timedelta(hours=1), TURN + timedelta(hours=1)])
def test_a_marketplace_in_another_month_than_we_are_gets_nothing(site, allocation, ours: datetime) -> None:
    before = site.rows(allocation)
    state = push_at(site, ours, theirs=(TURN + (TURN - ours)).isoformat())
    assert state.type.value == "FAILED"
    assert "this host's clock is 7,200 s " in state.message
    assert site.rows(allocation) == before


def test_by_a_clock_that_is_far_off_nothing_is_sent_counted_or_kept(
    site, allocation, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("CLOUDROCK_STATE_DIR", str(tmp_path / "new"))
    before = site.rows(allocation)
    right = TURN - timedelta(days=2)
    state = push_at(site, right + timedelta(hours=3), theirs=right.isoformat())
    assert state.type.value == "FAILED"
    assert state.message.startswith("this host's clock is 10,800 s ahead of the marketplace's")
    assert "timedatectl set-ntp true" in state.message
    assert site.rows(allocation) == before
    assert list((tmp_path / "new").rglob("*.parquet")) == []


def test_after_the_turn_only_the_new_month_is_told_and_what_the_old_one_lacks_is_said(
    site, allocation, caplog: pytest.LogCaptureFixture
) -> None:
    state = push_at(site, TURN + timedelta(minutes=15))
    assert state.type.value == "COMPLETED", state.message
    assert minutes(site, allocation) == {str(OLD): 40, str(NEW): 15}
    assert f"the closed month {OLD} lacks usage of 1 allocation: it is not billed" in caplog.text


def test_what_the_old_month_lacks_is_carried_over_visibly_and_once(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    for moment, total in ((15, 15 + 10), (30, 20 + 10), (45, 20 + 10)):
        state = push_at(site, TURN + timedelta(minutes=moment))
        assert state.type.value == "COMPLETED", state.message
        assert minutes(site, allocation) == {str(OLD): 40, str(NEW): total}
    assert "0 allocations sent, 1 unchanged" in state.message
    rows = site.get(f"marketplace-component-usages/?resource_uuid={site.resource(allocation)['uuid']}")
    (row,) = [row for row in rows if row["type"] == "cpu" and row["billing_period"].startswith(str(NEW))]
    assert row["description"] == f"20 of {NEW}, 10 carried over from {OLD}"
    assert site.user_usage(allocation, str(NEW)) == {ADA: (20, 0, 0)}


def test_weeks_later_and_without_our_store_it_is_still_carried_once(
    site, allocation, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    push_at(site, TURN + timedelta(minutes=30))
    monkeypatch.setenv("CLOUDROCK_STATE_DIR", str(tmp_path / "new"))
    used(site, allocation, TURN + timedelta(days=1), TURN + timedelta(days=1, minutes=7))
    state = push_at(site, TURN + timedelta(days=15))
    assert state.type.value == "COMPLETED", state.message
    assert minutes(site, allocation) == {str(OLD): 40, str(NEW): 20 + 7 + 10}


def test_an_agent_that_slept_for_weeks_carries_over_all_the_same(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    assert push_at(site, TURN + timedelta(days=15)).type.value == "COMPLETED"
    assert minutes(site, allocation) == {str(OLD): 40, str(NEW): 20 + 10}


def test_what_was_carried_over_stays_when_the_site_stops_carrying(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    push_at(site, TURN + timedelta(minutes=15))
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "false")
    state = push_at(site, TURN + timedelta(minutes=30))
    assert state.type.value == "COMPLETED", state.message
    assert minutes(site, allocation)[str(NEW)] == 20 + 10


def test_the_last_report_keeps_what_was_carried_over_though_the_account_is_gone(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    push_at(site, TURN + timedelta(minutes=15))
    assert minutes(site, allocation)[str(NEW)] == 15 + 10
    site.marketplace.office.reset_clock()
    account = site.resource(allocation)["backend_id"]
    site.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={account}")
    site.ask_for("terminate", allocation)
    assert site.pull().message == "1 order: 1 done"
    assert minutes(site, allocation) == {str(OLD): 40, str(NEW): 20 + 10}
    assert site.user_usage(allocation, str(NEW)) == {ADA: (20, 0, 0)}


def test_a_backfill_does_not_bill_again_what_the_next_month_carries(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_CARRY_OVER", "true")
    site.marketplace.office.set_dated_usage(True)
    push_at(site, TURN + timedelta(minutes=30))
    state = push_at(site, TURN + timedelta(minutes=40), period=str(OLD))
    assert state.type.value == "COMPLETED", state.message
    assert "1 the next month holds the rest" in state.message
    assert minutes(site, allocation) == {str(OLD): 40, str(NEW): 30}


def test_a_host_in_a_zone_with_summer_time_counts_the_same_seconds(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Europe's clocks went back on 2026-10-25: that day had 25 hours, and October began at 22:00 UTC."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        site.marketplace.office.set_clock(datetime(2026, 10, 1, tzinfo=UTC))
        item = site.order("summer time")
        site.pull()
        used(site, item, datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 1, 1, tzinfo=UTC))
        used(site, item, datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
        state = site.push_at("2026-10-31T23:30:00+00:00")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert state.type.value == "COMPLETED", state.message
    assert minutes(site, item) == {"2026-10": (1 + 25) * 60}


def test_a_leap_day_belongs_to_its_february(site) -> None:
    site.marketplace.office.set_clock(datetime(2024, 2, 1, tzinfo=UTC))
    item = site.order("leap day")
    site.pull()
    used(site, item, datetime(2024, 2, 28, 23, tzinfo=UTC), datetime(2024, 3, 1, 1, tzinfo=UTC))
    assert site.push_at("2024-02-29T23:50:00+00:00").type.value == "COMPLETED"
    assert minutes(site, item) == {"2024-02": 60 + 24 * 60 - 10}
    assert site.push_at("2024-03-01T00:30:00+00:00").type.value == "COMPLETED"
    assert minutes(site, item) == {"2024-02": 60 + 24 * 60 - 10, "2024-03": 30}
