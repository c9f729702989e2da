"""What a pull never does, and what it does only when it is told to: caps, dry runs, one writer, approval."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.waiting import until

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def changes_in_the_marketplace(site) -> list[str]:
    return [r["path"] for r in site.marketplace.office.requests() if r["method"] != "GET"]


def test_a_plan_over_the_cap_stops_before_its_first_write_and_force_goes_on(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_MAX_REMOVALS", "0")
    first = site.allocation("capped")
    account = site.resource(first)["backend_id"]
    order = site.ask_for("terminate", first)
    other = site.order("innocent")
    site.marketplace.office.clear_requests()
    before = site.writes()
    state = site.pull()
    assert state.type.value == "FAILED"
    assert "1 removal planned (1 account, 0 members)" in state.message
    assert "SYNC_MAX_REMOVALS allows 0. Nothing was written" in state.message
    assert site.writes() == before
    assert changes_in_the_marketplace(site) == []
    assert site.item(other)["state"] == "executing"
    rows = site.artifact("plan")
    assert any(f"account {account}" in row["step"] for row in rows)
    assert site.pull(force=True).message == "2 orders: 2 done"
    assert account not in site.accounts()
    assert site.item(order)["state"] == "done"


def test_a_dry_run_shows_the_plan_and_writes_nothing_anywhere(site) -> None:
    first = site.allocation("stays")
    site.ask_for("terminate", first)
    item = site.order("not yet")
    site.marketplace.office.clear_requests()
    before = site.writes()
    state = site.pull(dry_run=True)
    assert (state.type.value, state.message) == (
        "COMPLETED",
        "dry run, nothing written: 2 orders: 2 planned",
    )
    assert site.writes() == before
    assert changes_in_the_marketplace(site) == []
    steps = " ".join(row["step"] for row in site.artifact("plan"))
    assert "account hpc\\_" in steps or "account hpc_" in steps
    assert site.item(item)["state"] == "executing"


def test_of_two_pulls_started_together_one_works_and_one_is_skipped(site) -> None:
    item = site.order("contended")
    site.marketplace.office.fail_next("GET .*marketplace-order-items/", kind="slow", seconds=6)
    words = [sys.executable, "-m", "cloudrock_slurm.main", "pull", "--once"]
    started = [
        subprocess.Popen(
            words, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=120)[0].strip().splitlines()[-1] for process in started)
    assert said[0] == "Completed: 1 order: 1 done"
    assert said[1].startswith("Skipped: skipped: another process writes to this cluster now")
    assert [process.returncode for process in started] == [0, 0]
    assert len(site.open_periods(item)) == 1


def test_a_scheduled_run_that_starts_minutes_late_is_skipped_and_a_person_s_own_is_not() -> None:
    from flows.pull import too_late  # noqa: PLC0415

    now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert too_late(now - timedelta(minutes=6), now, scheduled=True) == timedelta(minutes=6)
    assert too_late(now - timedelta(minutes=4), now, scheduled=True) is None
    assert too_late(now - timedelta(minutes=6), now, scheduled=False) is None
    assert too_late(None, now, scheduled=True) is None


def test_pending_orders_are_left_alone_unless_approval_is_automatic(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = site.marketplace.place_order("waiting", approve=False)
    state = site.pull()
    assert state.message == "no orders to carry out; 1 pending, for the provider to approve"
    assert site.item(item)["state"] == "pending"
    monkeypatch.setenv("CLOUDROCK_ORDER_APPROVAL", "auto")
    assert site.pull().message == "no orders to carry out; 1 approved"
    site.marketplace.office.run_worker()
    assert site.pull().message == "1 order: 1 done"
    assert site.item(item)["state"] == "done"


def test_an_order_that_the_customer_has_not_approved_is_never_approved_for_him(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_ORDER_APPROVAL", "auto")
    item = site.unapproved_order("dear")
    state = site.pull()
    assert state.message == "no orders to carry out; 1 pending, for the customer to approve"
    assert site.item(item)["state"] == "pending"


def test_limits_changed_by_hand_stay_unless_the_marketplace_owns_them(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site.allocation("generous")
    account = site.resource(first)["backend_id"]
    site.cluster.run(
        "sacctmgr", "-i", "modify", "account", "where", f"name={account}", "set", "GrpTRESMins=cpu=9999"
    )
    site.pull()
    assert site.accounts()[account][1].startswith("cpu=9999,")
    monkeypatch.setenv("SLURM_LIMITS_OWNER", "cloudrock")
    assert site.pull().message == "no orders to carry out; members of 1 allocation: 1 done"
    assert site.accounts()[account][1].startswith("cpu=600,")


@pytest.fixture
def legacy(site) -> str:
    """An allocation as the old agent made it: its account directly under root."""
    first = site.allocation("old school")
    account = site.resource(first)["backend_id"]
    run = site.cluster.run
    run("sacctmgr", "-i", "modify", "account", "where", f"name={account}", "set", "parent=root")
    run("sacctmgr", "-i", "modify", "account", "where", f"name={account}", "set", "organization=physics")
    return first


def test_an_old_agent_s_account_under_root_is_kept_up_where_it_is_and_moved_only_when_asked(
    site, legacy: str
) -> None:
    resource = site.resource(legacy)
    account = resource["backend_id"]
    before = site.writes()
    assert site.pull().message == "no orders to carry out"
    assert site.writes() == before
    assert site.accounts()[account][0] == "root"
    code, said, _ = site.command("plan", "--adopt-parents")
    assert code == 0
    assert f"~ account {account}: from under root to under hpc_{resource['project_uuid']}" in said
    assert site.writes() == before
    state = site.pull(adopt_parents=True)
    assert state.message == "no orders to carry out; members of 1 allocation: 1 done"
    assert site.accounts()[account][0] == f"hpc_{resource['project_uuid']}"


def test_who_records_another_resource_s_account_gets_neither_that_one_nor_one_of_his_own(site) -> None:
    one, two = site.order("twin"), site.order("twin")
    uuid = site.item(two)["marketplace_resource_uuid"]
    site.set_backend_id(site.item(one)["marketplace_resource_uuid"], f"hpc_{uuid[:5]}_twin")
    state = site.pull()
    assert state.message == "2 orders: 1 done, 1 erred"
    assert site.resource(two)["backend_id"] == f"hpc_{uuid[:5]}_twin"
    assert "which is no account of this resource" in site.item(one)["error_message"]
    assert site.users(f"hpc_{uuid[:5]}_twin") == site.people


def test_the_plan_command_prints_steps_reasons_and_commands_and_writes_nothing(site) -> None:
    first = site.allocation("standing")
    site.ask_for("terminate", first)
    item = site.order("coming")
    uuid = site.item(item)["marketplace_resource_uuid"]
    site.marketplace.office.clear_requests()
    before = site.writes()
    code, said, complaints = site.command("plan", "--commands")
    assert (code, complaints) == (0, "")
    assert f"Create order {item} 'coming'" in said
    assert f"+ account hpc_{uuid[:5]}_coming under hpc_" in said
    assert f"$ sacctmgr -i add account name=hpc_{uuid[:5]}_coming parent=hpc_" in said
    account = site.resource(first)["backend_id"]
    assert f"$ sacctmgr -i delete account where name={account}" in said
    assert f"  - account {account} (terminated)" in said
    assert "= report the final usage of" in said
    assert site.writes() == before
    assert changes_in_the_marketplace(site) == []


def test_the_plan_command_speaks_json_and_says_when_a_pull_would_refuse(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json  # noqa: PLC0415

    first = site.allocation("doomed")
    order = site.ask_for("terminate", first)
    monkeypatch.setenv("SYNC_MAX_REMOVALS", "0")
    code, said, _ = site.command("plan", "--json")
    tree = json.loads(said)
    assert code == 1
    assert "SYNC_MAX_REMOVALS allows 0" in tree["unsafe"]
    (part,) = [one for one in tree["parts"] if one["order"] == order]
    kinds = [step["kind"] for step in part["steps"]]
    assert kinds[:4] == ["DrainAccount", "CancelJobs", "AwaitJobs", "ReportUsage"]
    assert kinds[4] == "DeleteAccount"


def test_only_erred_orders_can_be_retried(site) -> None:
    item = site.allocation("fine")
    code, _, said = site.command("retry", item)
    assert code == 1
    assert f"the order item {item} ('fine') is done: expected an erred one" in said


def test_a_failure_in_the_middle_of_a_run_leaves_the_rest_for_the_next_one(site) -> None:
    one, two = site.order("lucky"), site.order("unlucky")
    site.marketplace.office.fail_next("POST .*/set_backend_id/", status=503, times=99)
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "2 orders: 2 left for the next run")
    assert {site.item(one)["state"], site.item(two)["state"]} == {"executing"}
    site.marketplace.office.clear_faults()
    assert site.pull().message == "2 orders: 2 done"
    assert [len(site.open_periods(item)) for item in (one, two)] == [1, 1]


def test_an_account_that_somebody_deletes_while_a_run_builds_on_it_makes_no_order_erred(site) -> None:
    item = site.order("unlucky")
    uuids = [site.resource(item)[key] for key in ("customer_uuid", "project_uuid")]
    customer, project = (f"hpc_{uuid}" for uuid in uuids)
    for name, parent in ((customer, "root"), (project, customer)):
        ours = ("organization=cloudrock-slurm", f"parent={parent}")
        site.cluster.run("sacctmgr", "-i", "add", "account", f"name={name}", *ours)
    office = site.marketplace.office
    office.clear_requests()
    office.fail_next("POST .*/set_backend_id/", kind="slow", seconds=4)  # between the plan and its first step

    def delete_the_project() -> None:
        until(lambda: any("set_backend_id" in str(one["path"]) for one in office.requests()), "a step", 60)
        site.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={project}")

    rival = threading.Thread(target=delete_the_project, daemon=True)
    rival.start()
    state = site.pull()
    rival.join()
    assert state.message == "1 order: 1 left for the next run"
    assert site.item(item)["state"] == "executing"
    (row,) = site.artifact("orders")
    assert f"no account {project}" in row["reason"]
    assert site.pull().message == "1 order: 1 done"
