"""From an empty machine to a doctor without errors and both schedules running, by docs/install.md alone.

The facts are in the order in which an administrator meets them, and share one installation.
"""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.error
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from allocations.checkup_prefect_faults import NONE_CAN_START
from flows import temporary
from tests import waiting
from tests.walks.page import AFTERWARDS, blocks

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]
until = partial(waiting.until, seconds=150, pause=0.5)

FLOWS = {"pull": "pull-orders", "push": "push-usage"}
QUICK = "export PREFECT_RUNNER_POLL_FREQUENCY=2"
"""So a service that hears nothing of the server begins anew after 12 seconds instead of a minute."""


def log(headnode: Any, name: str) -> str:
    text: str = (headnode.places.site / f"{name}.log").read_text(errors="replace")
    return text


def runs(headnode: Any, **chosen: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = headnode.ask("flow_runs/filter", {"flow_runs": chosen})
    return found


def deployment(headnode: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = headnode.ask(f"deployments/name/{name}")
    return found


def test_the_page_leads_from_nothing_to_a_well_site_and_a_run_of_both_sides(
    headnode: Any,
) -> None:
    assert headnode.code == 0, headnode.said
    assert re.search(r"^\d+ OK$", headnode.said, re.MULTILINE), headnode.said
    ended = {run["name"]: run["state_name"] for run in runs(headnode) if not run["auto_scheduled"]}
    assert len(ended) >= 2
    assert set(ended.values()) == {"Completed"}, headnode.said


def test_what_runs_is_no_root_s_and_no_secret_is_in_an_argument_a_log_or_the_database(headnode: Any) -> None:
    lines = headnode.command_lines()
    assert any("prefect server start" in line for line in lines)
    assert any("prefect worker start" in line for line in lines)
    said = headnode.said + log(headnode, "server") + log(headnode, "worker")
    stored = b"".join(file.read_bytes() for file in (headnode.places.site / "prefect").glob("*.db*"))
    assert b"pull-orders" in stored
    for secret in (headnode.marketplace.tokens["provider_owner"], headnode.password()):
        assert [line for line in lines if secret in line] == []
        assert secret not in said
        assert secret.encode() not in stored


def test_nobody_talks_to_prefect_without_the_password_that_init_made_up(headnode: Any) -> None:
    name, _, password = headnode.password().partition(":")
    assert (name, len(password)) == ("cloudrock", 32)
    with pytest.raises(urllib.error.HTTPError) as refused:
        headnode.read("/api/admin/version")
    with refused.value as answer:
        assert answer.code == 401


def test_the_ui_is_served_with_its_parts(headnode: Any) -> None:
    page = headnode.read("/")
    assert "Prefect" in page
    parts = re.findall(r'(?:src|href)="(/[^"]+\.js)"', page)
    assert parts
    assert all(headnode.read(part) for part in parts)


def test_both_schedules_run(headnode: Any) -> None:
    for name in ("pull-orders/every-2-minutes", "push-usage/hourly"):
        chosen = {"deployment_id": {"any_": [deployment(headnode, name)["id"]]}}
        planned = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        until(lambda: runs(headnode, **chosen, **planned), f"{name} is scheduled")  # noqa: B023 - at once
    pulls = {"deployment_id": {"any_": [deployment(headnode, "pull-orders/every-2-minutes")["id"]]}}
    completed = {"state": {"type": {"any_": ["COMPLETED"]}}}
    until(
        lambda: any(run["auto_scheduled"] for run in runs(headnode, **pulls, **completed)),
        "a pull by the schedule",
        seconds=420,
        tell=lambda: [
            (run["name"], run["expected_start_time"], run["state"]) for run in runs(headnode, **pulls)
        ],
    )


def test_where_another_user_has_prefect_s_temporary_folder_doctor_and_a_service_say_so(headnode: Any) -> None:
    headnode.end("prefect worker start")
    shared = headnode.places.shared / temporary.NAME
    begin = f"cd {headnode.places.site}; source service-pull-env.rc; export TMPDIR={shared.parent}"
    as_agent = f"{begin}; runuser -u {headnode.places.user} --"
    done = headnode.type(f"{as_agent} python3 -m cloudrock_slurm.main")
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"TMPDIR: {shared} is not ours to write, it is {shared.owner()}'s: expected ")
    done = headnode.type(f"{as_agent} cloudrock-slurm doctor --json")
    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["check"] == "worker"]
    assert (found["level"], found["mend"]) == ("error", NONE_CAN_START.mend)
    assert str(shared) in found["found"]


def test_without_a_worker_each_side_serves_itself_and_runs_once_when_told(headnode: Any) -> None:
    commands = headnode.places.script([block for block in blocks() if block.heading == AFTERWARDS])
    done = headnode.type(f"cd {headnode.places.site}; {QUICK}; {commands}")
    assert done.returncode == 0, done.stdout
    for side, flow in FLOWS.items():
        until(lambda: f"{flow}/service is served: " in log(headnode, side), side)  # noqa: B023 - at once
        held = deployment(headnode, f"{flow}/service")
        assert not held["paused"]
        assert held["schedules"]
        assert held["entrypoint"] == f"flows.{side}.{flow.replace('-', '_')}"
        assert len(re.findall(r"^(Completed|Skipped): ", done.stdout, re.MULTILINE)) == 2


def test_a_served_flow_runs_when_its_deployment_is_told_to(headnode: Any) -> None:
    held = deployment(headnode, "pull-orders/service")
    run = headnode.ask(f"deployments/{held['id']}/create_flow_run", {})
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    until(lambda: headnode.ask(f"flow_runs/{run['id']}")["state_type"] in ended, "the run ends")
    state = headnode.ask(f"flow_runs/{run['id']}")["state"]
    assert state["type"] == "COMPLETED", state


def test_a_service_that_loses_the_server_waits_for_it_and_goes_on(headnode: Any) -> None:
    headnode.end("prefect server start")
    for side in FLOWS:
        until(lambda: "did not answer for 12 s: beginning anew" in log(headnode, side), side)  # noqa: B023
        until(lambda: log(headnode, side).endswith("waiting for one\n"), side)  # noqa: B023
    at = datetime.now(UTC)
    server = next(block for block in blocks() if "server start" in block.text)
    done = headnode.type(f"cd {headnode.places.site}; {headnode.places.script([server])}")
    assert done.returncode == 0, done.stdout
    for side in FLOWS:
        until(lambda: log(headnode, side).count("/service is served: ") == 2, f"{side} is served again")  # noqa: B023
    assert (datetime.now(UTC) - at).total_seconds() < 120


@pytest.mark.parametrize(("side", "flow"), FLOWS.items())
def test_sigterm_ends_a_service_cleanly_and_pauses_its_schedule(headnode: Any, side: str, flow: str) -> None:
    (pid,) = [
        one.pid
        for one in headnode.find("cloudrock_slurm.main")
        if f"CLOUDROCK_SYNC_DIRECTION={side}" in headnode.environment_of(one.pid)
    ]
    before = len(log(headnode, side))
    os.kill(pid, signal.SIGTERM)
    until(lambda: pid not in {one.pid for one in headnode.processes()}, "it ends", seconds=30)
    assert "Traceback" not in log(headnode, side)[before:]
    assert deployment(headnode, f"{flow}/service")["paused"]
