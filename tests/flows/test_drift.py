"""check-drift, `cloudrock-slurm drift` and `repair` on a real cluster and a behaving marketplace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from slurm_io.client import Slurm

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.client.schemas.objects import State

    from slurm_io.runner import NativeRunner

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


@dataclass(frozen=True)
class Drifting:
    """A site with account prefixes of its own: the cluster is shared, and drift looks at all of it."""

    site: Any
    folder: Path

    def settled(self, name: str) -> tuple[str, dict[str, Any]]:
        """An allocation that a pull has carried out: account and resource."""
        item = self.site.order(name)
        assert self.site.pull().message.endswith("1 order: 1 done")
        resource = self.site.resource(item)
        return resource["backend_id"], resource

    def change(self, *command: str) -> None:
        """What an administrator does by hand."""
        self.site.cluster.run("sacctmgr", "-i", *command)

    def check(self) -> State[Any]:
        """One run of check-drift; its final state."""
        from flows.drift import check_drift  # noqa: PLC0415

        state: State[Any] = check_drift(return_state=True)
        return state

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`cloudrock-slurm`, as a person starts it."""
        from prefect.settings import get_current_settings  # noqa: PLC0415

        server = {"PREFECT_API_URL": get_current_settings().api.url or ""}
        return subprocess.run(
            [sys.executable, "-m", "cloudrock_slurm.main", *arguments],
            env={**os.environ, **server},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def findings(self) -> dict[str, dict[str, Any]]:
        """Kind to the one finding of it, as --json tells."""
        done = self.command("drift", "--json")
        assert done.returncode in (0, 3), done.stderr
        report = json.loads(done.stdout)
        assert (done.returncode == 3) == bool(report["findings"])
        found = {finding["kind"]: finding for finding in report["findings"]}
        assert len(found) == len(report["findings"]), report
        return found


@pytest.fixture
def drifting(site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Drifting:
    prefix = f"d{site.marketplace.offering_uuid[:6]}_"
    for whose in ("CUSTOMER", "PROJECT", "ALLOCATION"):
        monkeypatch.setenv(f"SLURM_{whose}_PREFIX", prefix)
    return Drifting(site, tmp_path)


def test_after_a_pull_there_is_no_drift_and_looking_writes_nothing(drifting) -> None:
    drifting.settled("quiet")
    office, before = drifting.site.marketplace.office, drifting.site.writes()
    office.clear_requests()
    state = drifting.check()
    assert (state.type.value, state.name) == ("COMPLETED", "Completed")
    assert state.message == "no drift (1 resource, 3 managed accounts)"
    done = drifting.command("drift")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{state.message}\n", "")
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


class TestRepair:
    def test_a_missing_account_comes_back_with_limits_and_members_and_nothing_else_changes(
        self, drifting
    ) -> None:
        account, _ = drifting.settled("lost")
        other, _ = drifting.settled("bystander")
        before = drifting.site.accounts()[account], drifting.site.users(account)
        user = min(drifting.site.users(other))
        drifting.change("delete", "account", "where", f"name={account}")
        drifting.change("delete", "user", "where", f"name={user}", f"account={other}")
        assert drifting.findings()["account missing"]["remedy"] == f"`cloudrock-slurm repair {account}`"

        shown = drifting.command("repair", account, "--dry-run")
        assert shown.returncode == 0, shown.stderr
        assert f"sacctmgr -i add account name={account}" in shown.stdout
        assert account not in drifting.site.accounts()

        done = drifting.command("repair", account)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("Completed: repair of 1 account: 1 done\n")
        assert (drifting.site.accounts()[account], drifting.site.users(account)) == before
        assert user not in drifting.site.users(other)
        assert set(drifting.findings()) == {"member missing"}

    def test_what_is_not_missing_is_refused_with_a_sentence_each_and_nothing_is_done(self, drifting) -> None:
        account, _ = drifting.settled("present")
        lost, _ = drifting.settled("really lost")
        drifting.change("delete", "account", "where", f"name={lost}")
        before = drifting.site.writes()
        done = drifting.command("repair", account, "hpc_nobody", lost)
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            f"{account!r}: it is on the cluster, nothing is to be repaired",
            (
                "'hpc_nobody': no resource of the offering has this account: expected one that "
                "`cloudrock-slurm drift` reports as missing"
            ),
        ]
        assert drifting.site.writes() == before
        assert drifting.command("repair").returncode == 1

    def test_another_writer_is_not_disturbed(self, drifting) -> None:
        from flows.lock import sole_writer  # noqa: PLC0415
        from flows.settings import load_settings  # noqa: PLC0415

        account, _ = drifting.settled("contended")
        drifting.change("delete", "account", "where", f"name={account}")
        with sole_writer(load_settings()):
            done = drifting.command("repair", account)
        assert done.returncode == 1
        assert "another process writes to this cluster now" in done.stdout
        assert account not in drifting.site.accounts()


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
