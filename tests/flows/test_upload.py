"""What push-usage tells the marketplace, beside the amounts and when something goes wrong in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from allocations.billing import BillingPeriod
from flows.corrections import remembered
from sandbox.slurm import PastJob
from tests.own_folder import person
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

ADA, MAX = person("ada"), person("max")

MONTH = BillingPeriod.containing(datetime.now(UTC))
AMOUNTS, SHARES = "POST .*component-usages/set_usage/", "POST .*slurm-remote/.*/set_usage/"
ROWS = {(str(MONTH), "cpu"): 6, (str(MONTH), "gres/gpu"): 2, (str(MONTH), "mem"): 1536}


@pytest.fixture
def allocation(site) -> str:
    """An order that has been carried out and whose account was used; its order item."""
    item = site.order("upload")
    assert site.pull().type.value == "COMPLETED"
    account = site.resource(item)["backend_id"]
    tres = {"cpu": 4, "mem": 1024, "node": 1, "billing": 4, "gres/gpu": 1}
    site.cluster.insert_jobs(
        [
            PastJob(account, user, MONTH.start, MONTH.start + timedelta(seconds=seconds), tres=tres)
            for user, seconds in ((ADA, 65), (MAX, 25))
        ]
    )
    return item


def test_users_add_up_to_the_amounts_and_the_total_is_theirs(site, allocation) -> None:
    state = site.push()
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == ROWS
    assert site.user_usage(allocation, str(MONTH)) == {ADA: (4, 1, 1109), MAX: (2, 1, 427)}
    details = site.get(
        f"marketplace-resources/{site.resource(allocation)['uuid']}/details/", "provider_owner"
    )
    assert [details[f"{column}_usage"] for column in ("cpu", "gpu", "ram")] == [6, 2, 1536]


def test_only_what_changed_is_sent_again(site, allocation) -> None:
    site.push()
    account = site.resource(allocation)["backend_id"]
    job = PastJob(account, MAX, MONTH.start, MONTH.start + timedelta(seconds=60), tres={"cpu": 1})
    site.cluster.insert_jobs([job])
    site.marketplace.office.clear_requests()
    site.push(refresh=True)  # the first of the month may be in the store
    posts = [r for r in site.marketplace.office.requests() if r["method"] == "POST"]
    assert [request["body"].get("username", "amounts") for request in posts] == [
        "amounts",
        "TOTAL_ACCOUNT_USAGE",
        MAX,
    ]
    assert site.rows(allocation) == {**ROWS, (str(MONTH), "cpu"): 7}


def test_amounts_whose_answer_was_lost_are_found_by_the_retry_and_the_upload_goes_on(
    site, allocation
) -> None:
    site.marketplace.office.fail_next(AMOUNTS, kind="lose", times=100)
    state = site.push()
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == ROWS
    assert set(site.user_usage(allocation, str(MONTH))) == {ADA, MAX}


@pytest.mark.parametrize(("where", "kind"), [(AMOUNTS, "drop"), (SHARES, "drop"), (SHARES, "lose")])
def test_an_api_that_fails_in_mid_upload_leaves_nothing_wrong_and_the_next_run_mends_the_rest(
    site, allocation, where: str, kind: str
) -> None:
    site.marketplace.office.fail_next(where, kind=kind, times=100)
    state = site.push()
    assert state.type.value == "FAILED"
    assert "Cloudrock is unavailable" in state.message
    assert site.rows(allocation) in ({}, ROWS)
    site.marketplace.office.clear_faults()
    assert site.push().type.value == "COMPLETED"
    assert site.rows(allocation) == ROWS
    assert set(site.user_usage(allocation, str(MONTH))) == {ADA, MAX}
    assert "0 allocations sent, 1 unchanged" in site.push().message


@pytest.mark.parametrize(("at_a_time", "most_seen"), [(1, 1), (2, 2)])
def test_as_many_allocations_are_told_at_a_time_as_the_settings_say(
    site, allocation, monkeypatch: pytest.MonkeyPatch, at_a_time: int, most_seen: int
) -> None:
    items = [allocation, *(site.order(f"other {number}") for number in range(3))]
    site.pull()
    monkeypatch.setenv("CLOUDROCK_MAX_UPLOADS", str(at_a_time))
    seconds, office = 3.0, site.marketplace.office
    office.clear_requests()
    office.fail_next(AMOUNTS, kind="slow", seconds=seconds, times=len(items))
    assert "4 allocations sent" in site.push().message
    came = sorted(
        datetime.fromisoformat(str(one["at"])).timestamp()
        for one in office.requests()
        if str(one["path"]).endswith("component-usages/set_usage/")
    )
    assert max(sum(first <= time < first + seconds for time in came) for first in came) == most_seen
    assert all(site.usage(item) for item in items)


def test_a_marketplace_that_is_away_is_not_tried_for_every_allocation(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [site.order(f"other {number}") for number in range(4)]
    site.pull()
    monkeypatch.setenv("CLOUDROCK_MAX_UPLOADS", "1")
    site.marketplace.office.fail_next("GET .*plan_periods/", kind="drop", times=1000)
    state = site.push()
    assert state.type.value == "FAILED"
    assert "did not answer for 3 allocations in a row: 2 more were not tried" in state.message
    site.marketplace.office.clear_faults()
    assert "5 allocations sent" in site.push().message
    assert all(site.usage(item) for item in (allocation, *others))


def test_a_run_that_is_cancelled_tells_nobody_more_and_the_next_one_goes_on(site, allocation) -> None:
    office = site.marketplace.office
    office.clear_requests()
    office.fail_next(SHARES, kind="slow", seconds=3, times=100)
    command = [sys.executable, "-m", "cloudrock_slurm.main", "push", "--once"]
    with subprocess.Popen(command, env=site.environment, stdout=subprocess.DEVNULL) as running:
        until(lambda: shares_told(office), "the first share, which is the total", 60)
        running.terminate()
        assert running.wait(60) == -signal.SIGTERM
    office.clear_faults()
    assert shares_told(office) == ["TOTAL_ACCOUNT_USAGE"]
    assert site.rows(allocation) == ROWS
    assert "1 allocation sent" in site.push().message
    assert shares_told(office)[1:] == ["TOTAL_ACCOUNT_USAGE", ADA, MAX]


def shares_told(office: Any) -> list[str]:
    """Whose usage the marketplace was told of, so far."""
    bodies = [one["body"] for one in office.requests() if str(one["path"]).endswith("set_usage/")]
    return [body["username"] for body in bodies if "username" in body]


def test_after_a_change_of_plan_no_row_is_ever_more_than_the_month(site, allocation) -> None:
    (first,) = site.open_periods(allocation)
    office = site.marketplace.office
    office.insert_usage(first["uuid"], "cpu", 5, datetime.now(UTC))
    change_plan(site, allocation)
    state = site.push()
    assert state.type.value == "COMPLETED", state.message
    amounts = {row["period"]: row["amount"] for row in usages(site, allocation) if row["type"] == "cpu"}
    (second,) = site.open_periods(allocation)
    assert amounts == {first["uuid"]: 5, second["uuid"]: 1}
    assert site.rows(allocation) == ROWS


def change_plan(site, item: str) -> None:
    """As a change of plan leaves it: one period closed, another open."""
    resource = site.resource(item)["uuid"]
    update = site.marketplace.office.insert_update_order(resource, {})
    headers = {"Authorization": f"token {site.marketplace.tokens['provider_owner']}"}
    url = f"{site.marketplace.api_url}marketplace-order-items/{update}"
    httpx.post(f"{url}/approve/", headers=headers, timeout=30).raise_for_status()
    site.marketplace.office.run_worker()
    httpx.post(f"{url}/set_state_done/", headers=headers, timeout=30).raise_for_status()
    remote = f"{site.marketplace.api_url}marketplace-slurm-remote/{resource}/set_state/"
    httpx.post(remote, json={"state": "ok"}, headers=headers, timeout=30).raise_for_status()


def usages(site, item: str) -> list[dict[str, object]]:
    return site.marketplace.office.usages(site.resource(item)["uuid"])


def test_an_amount_falls_only_when_it_is_allowed(site, allocation) -> None:
    (period,) = site.open_periods(allocation)
    site.marketplace.office.insert_usage(period["uuid"], "cpu", 9, datetime.now(UTC))
    state = site.push()
    assert state.type.value == "FAILED"
    assert "would fall (cpu from 9 to 6)" in state.message
    assert site.rows(allocation) == {(str(MONTH), "cpu"): 9}
    assert site.push(allow_decrease=True).type.value == "COMPLETED"
    assert site.rows(allocation) == ROWS


def test_what_fell_on_purpose_is_said_although_only_a_retry_told_the_rest(
    site, allocation, caplog: pytest.LogCaptureFixture
) -> None:
    (period,) = site.open_periods(allocation)
    site.marketplace.office.insert_usage(period["uuid"], "cpu", 9, datetime.now(UTC))
    site.marketplace.office.fail_next(SHARES, kind="drop", times=2)
    state = site.push(allow_decrease=True)
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == ROWS
    assert "lowered on purpose (cpu from 9 to 6)" in caplog.text


def test_a_correction_of_the_books_lets_an_amount_fall_also_when_its_first_run_failed(
    site, allocation
) -> None:
    soon, later, last = ((MONTH.start + timedelta(days=10, hours=hour)).isoformat() for hour in range(3))
    assert site.push_at(soon).type.value == "COMPLETED"
    assert site.rows(allocation) == ROWS
    account = site.resource(allocation)["backend_id"]
    shorter = "UPDATE sandbox_job_table SET time_end = time_start + 20"
    site.cluster.sql(f"{shorter} WHERE account = '{account}'")
    site.marketplace.office.fail_next("POST .*component-usages/set_usage/", kind="drop", times=100)
    assert site.push_at(later, refresh=True).type.value == "FAILED"
    assert site.rows(allocation) == ROWS
    site.marketplace.office.clear_faults()
    state = site.push_at(last)
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation)[str(MONTH), "cpu"] == 3  # 2 jobs of 20 s with 4 CPUs
    assert remembered(Path(".cloudrock-slurm"), MONTH) == {}, "it explains no second fall"


def meanwhile(site, path: str, act: Callable[[], None]) -> threading.Thread:
    """Do something while the next request of this path is under way."""
    office = site.marketplace.office
    office.clear_requests()
    office.fail_next(f"GET .*{path}", kind="slow", seconds=2)

    def wait_and_act() -> None:
        until(lambda: any(str(one["path"]).endswith(path) for one in office.requests()), path, 60)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_a_terminate_order_s_last_report_is_never_lowered(site, allocation) -> None:
    (period,) = site.open_periods(allocation)
    office = site.marketplace.office
    thread = meanwhile(
        site, "plan_periods/", lambda: office.insert_usage(period["uuid"], "cpu", 8, datetime.now(UTC))
    )
    state = site.push(allow_decrease=True)
    thread.join()
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == {(str(MONTH), "cpu"): 8}


def test_a_resource_that_was_terminated_meanwhile_is_no_fault(site, allocation) -> None:
    (period,) = site.open_periods(allocation)
    office, resource = site.marketplace.office, site.resource(allocation)["uuid"]

    def terminate() -> None:
        office.force_resource_state(resource, "Terminated")
        office.set_period_end(period["uuid"], datetime.now(UTC))

    thread = meanwhile(site, "plan_periods/", terminate)
    state = site.push()
    thread.join()
    assert state.type.value == "COMPLETED", state.message
    assert site.rows(allocation) == {}
