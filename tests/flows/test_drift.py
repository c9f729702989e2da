"""check-drift, `cloudrock-slurm drift` and `repair` on a real cluster and a behaving marketplace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from slurm_io.client import Slurm

if TYPE_CHECKING:
    from slurm_io.runner import NativeRunner

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_after_a_pull_there_is_no_drift_and_looking_writes_nothing(drifting) -> None:
    drifting.settled("quiet")
    office, before = drifting.site.marketplace.office, drifting.site.writes()
    office.clear_requests()
    state = drifting.check()
    assert (state.type.value, state.name) == ("COMPLETED", "Completed")
    assert state.message == "no drift (1 resource, 3 managed accounts)"
    done = drifting.command("drift")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"On the cluster sandbox:\n{state.message}\n",
        "",
    )
    assert {request["method"] for request in office.requests()} == {"GET"}
    assert drifting.site.writes() == before


def test_drift_ends_completed_under_a_name_of_its_own_with_a_table_and_writes_nothing(drifting) -> None:
    account, _ = drifting.settled("noisy")
    drifting.change("modify", "account", "where", f"name={account}", "set", "GrpTRESMins=cpu=1")
    office, before = drifting.site.marketplace.office, drifting.site.writes()
    office.clear_requests()
    state = drifting.check()
    assert (state.type.value, state.name) == ("COMPLETED", "Drift")
    assert state.message == "1 finding: 1 limits differ (1 resource, 3 managed accounts)"
    assert {request["method"] for request in office.requests()} == {"GET"}
    assert drifting.site.writes() == before
    (row,) = latest_table("drift")
    assert row["is"].startswith("cpu 1 min")
    assert row["changed by"].startswith("root, 20")


def latest_table(key: str) -> list[dict[str, Any]]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415

    with get_client(sync_client=True) as client:
        answer = client._client.get(f"/artifacts/{key}/latest")  # noqa: SLF001 - no public way to one artifact
    rows: list[dict[str, Any]] = json.loads(answer.json()["data"])
    return rows


def test_what_somebody_did_by_hand_is_found_with_his_name(drifting) -> None:
    account, resource = drifting.settled("handmade")
    ada, max_, mary = sorted(drifting.site.users(account))
    stray = f"{account[:8]}stray"
    drifting.change("add", "account", f"name={stray}", "parent=root")
    drifting.change("modify", "account", "where", f"name={account}", "set", "GrpTRESMins=cpu=7")
    drifting.change("modify", "account", "where", f"name={account}", "set", "parent=root")
    drifting.change("delete", "user", "where", f"name={ada}", f"account={account}")
    drifting.change("add", "user", "name=daemon", f"account={account}")
    drifting.change("modify", "user", "where", f"name={mary}", f"account={account}", "set", "MaxSubmitJobs=0")
    found = drifting.findings()
    assert set(found) == {
        "account unknown",
        "account elsewhere",
        "limits differ",
        "member missing",
        "member who left",
        "closed for jobs",
    }
    assert found["account unknown"]["account"] == stray
    assert found["account elsewhere"]["is"] == "under root"
    assert found["member missing"]["users"] == [ada]
    assert found["member who left"]["users"] == ["daemon"]
    assert found["closed for jobs"]["users"] == [mary]
    assert {max_, mary} <= drifting.site.users(account)
    actions = {kind: [one["action"] for one in finding["changed_by"]] for kind, finding in found.items()}
    assert actions == {
        "account unknown": ["Add Accounts"],
        "account elsewhere": [],  # slurmdbd records no moves
        "limits differ": ["Modify Associations"],
        "member missing": ["Remove Associations"],
        "member who left": ["Add Associations"],
        "closed for jobs": ["Modify Associations"],
    }
    assert {one["actor"] for finding in found.values() for one in finding["changed_by"]} == {"root"}
    assert {finding["resource"] for kind, finding in found.items() if kind != "account unknown"} == {
        resource["uuid"]
    }


def test_an_account_that_somebody_closed_is_found_with_his_name(drifting) -> None:
    account, _ = drifting.settled("shut")
    drifting.change("modify", "account", "where", f"name={account}", "set", "GrpSubmitJobs=0")
    (finding,) = drifting.findings().values()
    assert (finding["kind"], finding["account"], finding["users"]) == ("closed for jobs", account, [])
    assert [one["actor"] for one in finding["changed_by"]] == ["root"]


def test_what_differs_in_the_marketplace_alone_is_found(drifting) -> None:
    _, resource = drifting.settled("paper")
    drifting.site.set_backend_id(resource["uuid"], "")
    drifting.site.marketplace.office.force_allocation_state(resource["uuid"], "Update Scheduled")
    done = drifting.command("drift", "--json")
    told = {(one["kind"], one["is"]) for one in json.loads(done.stdout)["findings"]}
    assert ("state", "the allocation is Update Scheduled and the resource OK") in told
    assert ("backend id", "the resource records no account") in told
    assert ("backend id", f"the allocation records {resource['backend_id']}, the resource nothing") in told


@dataclass
class Counting:
    """A runner that also remembers what it ran."""

    runner: NativeRunner
    commands: list[tuple[str, ...]]

    def run(self, argv: tuple[str, ...], *, timeout: float = 120.0) -> str:
        self.commands.append(argv)
        return self.runner.run(argv, timeout=timeout)


def test_three_commands_are_enough_without_drift_and_eight_with_it(drifting) -> None:
    from flows.comparing import compare  # noqa: PLC0415 - fast tests do without
    from flows.doors import open_cloudrock, open_slurm  # noqa: PLC0415
    from flows.settings import load_rules, load_settings  # noqa: PLC0415

    accounts = [drifting.settled(name)[0] for name in ("few", "commands")]
    settings = load_settings()
    counting = Counting(open_slurm(settings).runner, [])
    now = datetime.now(UTC)
    with open_cloudrock(settings) as cloudrock:
        report = compare(cloudrock, Slurm(counting), settings, load_rules(settings), now)
        assert (report.findings, len(counting.commands)) == ((), 3)
        for account in accounts:
            drifting.change("modify", "account", "where", f"name={account}", "set", "GrpTRESMins=cpu=1")
        counting.commands.clear()
        report = compare(cloudrock, Slurm(counting), settings, load_rules(settings), now)
        assert (len(report.findings), len(counting.commands)) == (2, 8)


def test_staff_read_all_allocations_in_one_request(drifting, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        drifting.settled(name)
    office = drifting.site.marketplace.office

    def paths() -> list[str]:
        office.clear_requests()
        assert drifting.command("drift").returncode == 0
        return [str(request["path"]) for request in office.requests()]

    assert len([path for path in paths() if path.endswith("/details/")]) == 2
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", drifting.site.marketplace.tokens["staff"])
    read = [path for path in paths() if "slurm-allocations" in path or "details" in path]
    assert read == ["/api/slurm-allocations/"]


def test_a_default_account_that_is_gone_is_found_with_who_removed_it(drifting) -> None:
    account, _ = drifting.settled("homeless")
    user = min(drifting.site.users(account))
    elsewhere = f"gone{account[:8]}"
    drifting.change("add", "account", f"name={elsewhere}")
    drifting.change("add", "user", f"name={user}", f"account={elsewhere}")
    drifting.change("modify", "user", "where", f"name={user}", "set", f"defaultaccount={elsewhere}")
    try:
        drifting.change("delete", "account", "where", f"name={elsewhere}")
        found = drifting.findings()
    finally:
        drifting.change("modify", "user", "where", f"name={user}", "set", "defaultaccount=cloudrock")
    assert found["default account"]["users"] == [user]


def test_the_command_ends_with_2_for_bad_settings_and_1_when_the_outside_fails(
    drifting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_URL", "http://127.0.0.1:9/api/")
    done = drifting.command("drift")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Cloudrock is unavailable")
    monkeypatch.delenv("CLOUDROCK_API_TOKEN")
    done = drifting.command("drift")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("CLOUDROCK_API_TOKEN: missing")
