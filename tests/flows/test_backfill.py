"""Past months again, on a marketplace that books its current month only, and on one that books dates."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from tests.own_folder import person

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

CURRENT = BillingPeriod.containing(datetime.now(UTC))
MONTH = CURRENT.previous
PAST, NOW = str(MONTH), str(CURRENT)
ADA, MAX = person("ada"), person("max")
COUNTED = {(PAST, "cpu"): 9, (PAST, "gres/gpu"): 2, (PAST, "mem"): 2304}
SHARES = {ADA: (7, 2, 1707), MAX: (2, 0, 597)}


@pytest.fixture
def allocation(site) -> str:
    """An order carried out in the month before, whose account was used then and now; its order item."""
    office = site.marketplace.office
    office.set_clock(MONTH.start)
    item = site.order("backfill")
    assert site.pull().type.value == "COMPLETED"
    office.reset_clock()
    account = site.resource(item)["backend_id"]
    tres = {"cpu": 4, "mem": 1024, "node": 1, "billing": 4, "gres/gpu": 1}
    jobs = [
        PastJob(
            account, ADA, MONTH.start - timedelta(seconds=60), MONTH.start + timedelta(seconds=100), tres=tres
        ),
        PastJob(
            account, MAX, MONTH.end - timedelta(seconds=35), MONTH.end + timedelta(seconds=60), tres=tres
        ),
    ]
    site.cluster.insert_jobs(jobs)
    assert site.push().type.value == "COMPLETED"
    return item


def now_rows(site, item: str) -> dict[tuple[str, str], int]:
    return {key: amount for key, amount in site.rows(item).items() if key[0] == NOW}


def posts(site) -> list[dict[str, object]]:
    return [r for r in site.marketplace.office.requests() if r["method"] == "POST"]


def test_a_dry_run_tells_what_is_missing_and_changes_nothing(site, allocation, tmp_path: Path) -> None:
    before, clear = site.rows(allocation), site.marketplace.office.clear_requests
    clear()
    state = site.push(PAST, dry_run=True)
    assert state.type.value == "FAILED"
    assert "(dry run): billed amounts: 3 cannot be booked; users' shares: 6 would be set" in state.message
    assert site.rows(allocation) == before
    assert site.user_usage(allocation, PAST) == {}
    assert [r["status"] for r in posts(site)] == [400]  # the question whether dates are booked: refused
    assert not list((tmp_path / ".cloudrock-slurm" / "audit").iterdir())


def test_a_marketplace_that_ignores_dates_gets_the_users_shares_and_its_current_month_stays(
    site, allocation, tmp_path: Path
) -> None:
    current = now_rows(site, allocation)
    assert current
    state = site.push(PAST)
    assert state.type.value == "FAILED"
    assert "books usage under its current month only" in state.message
    assert site.rows(allocation) == current
    assert site.user_usage(allocation, PAST) == SHARES
    assert set(site.user_usage(allocation, NOW)) == {MAX}
    (record,) = (tmp_path / ".cloudrock-slurm" / "audit").glob("*.parquet")
    audit = pd.read_parquet(record)
    billed = audit[audit["user"] == ""].set_index("component")
    assert dict(billed["counted"]) == {kind: amount for (_, kind), amount in COUNTED.items()}
    assert set(billed["result"]) == {"cannot be booked"}
    assert set(audit[audit["user"] != ""]["result"]) == {"set"}
    assert set(audit["token_owner"]) == {"hpc-owner"}
    assert audit["source_fingerprint"].str.len().eq(64).all()


def test_a_marketplace_that_books_dates_gets_all_of_it_and_a_second_time_changes_nothing(
    site, allocation
) -> None:
    site.marketplace.office.set_dated_usage(True)
    current = now_rows(site, allocation)
    state = site.push(PAST)
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == {**current, **COUNTED}
    assert site.user_usage(allocation, PAST) == SHARES
    site.marketplace.office.clear_requests()
    state = site.push(PAST)
    assert state.type.value == "COMPLETED", state.message
    assert f"{PAST}: billed amounts: 3 right already; users' shares: 6 right already" in state.message
    assert [r["status"] for r in posts(site)] == [400]
    assert site.rows(allocation) == {**current, **COUNTED}


def test_a_site_that_is_wrong_about_dates_is_stopped_and_set_back(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_DATED_USAGE", "yes")
    current = now_rows(site, allocation)
    state = site.push(PAST)
    assert state.type.value == "FAILED"
    assert "is CLOUDROCK_DATED_USAGE=yes right?" in state.message
    assert site.rows(allocation) == current


@pytest.mark.parametrize("answers_lost", [0, 2])
def test_what_landed_in_a_current_month_that_held_nothing_is_set_to_nothing(
    site, allocation, monkeypatch: pytest.MonkeyPatch, answers_lost: int
) -> None:
    monkeypatch.setenv("CLOUDROCK_DATED_USAGE", "yes")
    site.marketplace.office.set_clock(MONTH.start)
    other = used_in(site, "never reported", MONTH)
    site.marketplace.office.reset_clock()
    if answers_lost:
        dated = "POST .*component-usages/set_usage/"
        site.marketplace.office.fail_next(dated, kind="lose", times=answers_lost)
    current = now_rows(site, allocation)
    state = site.push(PAST, allocation=site.resource(other)["backend_id"])
    assert state.type.value == "FAILED"
    assert "the current month was set back" in state.message
    assert set(site.rows(other).values()) == {0}
    assert now_rows(site, allocation) == current


def used_in(site, name: str, *months: BillingPeriod) -> str:
    """An allocation of which one CPU was used for ten minutes of each month; its order item."""
    item = site.allocation(name)
    account = site.resource(item)["backend_id"]
    site.cluster.insert_jobs(
        PastJob(account, ADA, month.start, month.start + timedelta(minutes=10), tres={"cpu": 1})
        for month in months
    )
    return item


def test_a_marketplace_that_goes_away_in_the_middle_is_left_alone_and_the_next_one_ends_it(
    site, allocation
) -> None:
    office = site.marketplace.office
    office.set_clock(MONTH.start)
    others = [used_in(site, f"other {number}", MONTH) for number in range(3)]
    office.reset_clock()
    office.set_dated_usage(True)
    current = now_rows(site, allocation)
    # the question about dates, and the first allocation's amounts and two users, arrive
    office.fail_next("POST ", kind="drop", after=4, times=1000)
    state = site.push(PAST)
    assert state.type.value == "FAILED"
    assert "did not answer 3 times in a row: the rest was not tried" in state.message
    assert f"{PAST}: billed amounts: 6 right already, 3 set, 2 failed, 1 not tried" in state.message
    assert site.rows(allocation) == {**current, **COUNTED}
    assert [site.rows(other) for other in others] == [{}] * 3
    office.clear_faults()
    state = site.push(PAST)
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == {**current, **COUNTED}
    told = {(PAST, "cpu"): 10, (PAST, "gres/gpu"): 0, (PAST, "mem"): 0}
    assert [site.rows(other) for other in others] == [told] * 3


SACCT = """\
#!/bin/sh
# The real one; slurmdbd cannot be reached when it is asked about a month.
PATH=${{PATH#*:}}
case "$*" in *"-S {month}"*) export SLURM_CONF={deaf} ;; esac
exec sacct "$@"
"""


def test_a_slurmdbd_that_goes_away_in_the_middle_loses_one_month_only_and_the_next_one_ends_it(
    site, allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = site.cluster.places.slurm_conf.read_text()
    deaf, program = tmp_path / "deaf.conf", tmp_path / "bin" / "sacct"
    deaf.write_text(re.sub(r"(?m)^AccountingStoragePort=.*", "AccountingStoragePort=9", conf))
    program.parent.mkdir()
    program.write_text(SACCT.format(month=MONTH.previous, deaf=deaf))
    program.chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{program.parent}:{path}")
    site.marketplace.office.set_dated_usage(True)
    asked = f"{MONTH.previous}..{PAST}"
    state = site.push(asked)
    assert state.type.value == "FAILED"
    assert f"{MONTH.previous}: SLURM does not answer" in state.message
    assert f"{PAST}: billed amounts: 3 set" in state.message
    assert site.user_usage(allocation, str(MONTH.previous)) == {}
    monkeypatch.setenv("PATH", path)
    state = site.push(asked)
    assert f"{PAST}: billed amounts: 3 right already; users' shares: 6 right already" in state.message
    assert site.user_usage(allocation, str(MONTH.previous)) == {ADA: (4, 1, 1024)}


def test_an_unasked_marketplace_is_taken_at_the_sites_word(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_DATED_USAGE", "no")
    site.marketplace.office.set_dated_usage(True)
    site.marketplace.office.clear_requests()
    assert "cannot be booked" in site.push(PAST).message
    assert all("slurm-remote" in str(request["path"]) for request in posts(site))


def test_a_terminated_allocation_s_past_is_told_and_one_allocation_may_be_chosen(site, allocation) -> None:
    other = site.order("other")
    site.pull()
    site.marketplace.office.force_resource_state(site.resource(allocation)["uuid"], "Terminated")
    site.cluster.run(
        *("sacctmgr", "-i", "delete", "account", "where", f"name={site.resource(allocation)['backend_id']}")
    )
    assert site.push(PAST, allocation=site.resource(other)["backend_id"]).type.value == "COMPLETED"
    assert site.user_usage(allocation, PAST) == {}
    site.push(PAST, allocation=site.resource(allocation)["uuid"])
    assert site.user_usage(allocation, PAST) == SHARES
    state = site.push(PAST, allocation="hpc_nobody")
    assert "allocation 'hpc_nobody': expected the account of an allocation" in state.message


def test_a_range_tells_each_month_and_ends_red_when_one_is_not_all_told(site, allocation) -> None:
    months = f"{MONTH.previous}..{PAST}"
    state = site.push(months, allocation=site.resource(allocation)["backend_id"], dry_run=True)
    assert f"{MONTH.previous} (dry run): billed amounts: 3 cannot be booked" in state.message
    assert f"{PAST} (dry run): billed amounts: 3 cannot be booked; users' shares: 6 would" in state.message
    assert site.user_usage(allocation, PAST) == {}
    state = site.push(months)
    assert state.type.value == "FAILED"
    assert f"{MONTH.previous}: billed amounts: 3 cannot be booked" in state.message
    assert site.user_usage(allocation, str(MONTH.previous)) == {ADA: (4, 1, 1024)}


@pytest.mark.parametrize("period", [NOW + ".." + NOW, f"{PAST}..{NOW}", f"{NOW}..{PAST}"])
def test_only_past_months_are_taken(site, allocation, period: str) -> None:
    if period == f"{NOW}..{NOW}":
        assert site.push(period).type.value == "COMPLETED"  # the current month, said twice
    else:
        state = site.push(period)
        assert state.type.value == "FAILED"
        assert state.message.startswith("period ")
