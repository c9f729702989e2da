"""`cloudrock-slurm deploy` on a real Prefect server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import waiting
from tests.deployments.headnodes import next_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.stack import Stack

    Deploy = Callable[..., tuple[int, list[str]]]

pytestmark = pytest.mark.prefect
until = partial(waiting.until, seconds=30, pause=0.3)

DESCRIPTION = re.compile("description: Reports the current.*$", re.MULTILINE)
HOURLY = "deployments/name/push-usage/hourly"


@pytest.fixture
def deploy(api: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Deploy:
    from cloudrock_slurm.deploy import deploy as perform  # noqa: PLC0415 - Prefect takes seconds

    def deployed(*, check: bool = False) -> tuple[int, list[str]]:
        code = perform(check=check)
        return code, capsys.readouterr().out.splitlines()

    return deployed


@pytest.fixture
def nothing(stack: Stack) -> None:
    """Whatever other tests left on the server is gone."""
    for kind in ("deployments", "automations", "block_documents"):
        for one in stack.api.ask("POST", f"{kind}/filter", {}):
            stack.api.ask("DELETE", f"{kind}/{one['id']}")
    for pool in stack.api.ask("POST", "work_pools/filter", {}):
        stack.api.ask("DELETE", f"work_pools/{pool['name']}")


@pytest.fixture
def everything(deploy: Deploy) -> None:
    """Everything is on the server as the files say."""
    deploy()


def automation(stack: Stack, name: str) -> dict[str, Any]:
    (found,) = [one for one in stack.api.ask("POST", "automations/filter", {}) if one["name"] == name]
    return dict(found)


def stack_metrics(stack: Stack) -> bytes:
    return (
        httpx.get(f"{stack.ui_url}/api/metrics", auth=stack.api.auth, timeout=30).raise_for_status().content
    )


def test_the_first_time_makes_everything_and_the_second_says_that_nothing_changed(
    deploy: Deploy, stack: Stack, nothing: None
) -> None:
    code, said = deploy(check=True)
    assert code == 1
    assert said[-2].startswith("nobody is notified: the server has no notification block 'cloudrock-slurm'")
    assert said[-1] == "15 differ from prefect.yaml and deployments/automations.yaml"
    assert stack.api.ask("POST", "deployments/filter", {}) == []

    code, said = deploy()
    assert code == 0
    assert said[0] == "+ work pool headnode, of type process"
    assert "+ deployment push-usage/hourly" in said
    assert "+ automation 'cloudrock-slurm: a run failed'" in said
    assert said[-1].endswith(": 15 made or changed")

    for check in (False, True):
        code, said = deploy(check=check)
        assert code == 0
        assert said[-1] == (
            "6 deployments and 8 automations as in prefect.yaml and deployments/automations.yaml: "
            "nothing to change"
        )
        assert [line for line in said if line[0] in "+~!"] == []


def test_what_somebody_changed_on_the_server_is_named_and_put_right(
    deploy: Deploy, stack: Stack, everything: None, folder: Path
) -> None:
    file = folder / "prefect.yaml"
    described = DESCRIPTION.sub("description: Reports.", file.read_text())
    file.write_text(described)
    deploy()
    held = stack.api.ask("GET", HOURLY)
    stack.api.ask("PATCH", f"deployments/{held['id']}", {"tags": ["by hand"], "description": "mine"})
    failed = automation(stack, "cloudrock-slurm: a run failed")
    stack.api.ask("PATCH", f"automations/{failed['id']}", {"enabled": False})
    code, said = deploy(check=True)
    assert code == 1
    assert said == [
        (
            "~ deployment push-usage/hourly: description 'mine', not 'Reports.'; "
            "tags ['by hand'], not ['cloudrock-slurm', 'push']"
        ),
        "~ automation 'cloudrock-slurm: a run failed': enabled",
        *said[2:],
    ]
    assert stack.api.ask("GET", HOURLY)["tags"] == ["by hand"]
    assert deploy()[0] == 0
    now = stack.api.ask("GET", HOURLY)
    assert (now["id"], now["tags"]) == (held["id"], ["cloudrock-slurm", "push"])
    assert automation(stack, "cloudrock-slurm: a run failed")["enabled"] is True
    assert deploy(check=True)[0] == 0


def test_runs_that_a_clock_set_back_has_left_far_away_are_scheduled_anew(
    deploy: Deploy, stack: Stack, everything: None
) -> None:
    """The server has enough runs then, all of them later: it makes none before."""
    held = stack.api.ask("GET", "deployments/name/pull-orders/every-2-minutes")
    later = datetime.now(UTC) + timedelta(hours=3)
    enough = {"end_time": later.isoformat(), "min_runs": 80, "max_runs": 100}
    stack.api.ask("POST", f"deployments/{held['id']}/schedule", enough)
    far = datetime.now(UTC) + timedelta(minutes=20)
    near = {"deployment_id": {"any_": [held["id"]]}, "expected_start_time": {"before_": far.isoformat()}}
    checked: list[tuple[int, list[str]]] = []

    def is_far_off() -> bool:
        """What was deployed a moment ago the server schedules again."""
        for run in stack.api.ask("POST", "flow_runs/filter", {"flow_runs": near}):
            stack.api.ask("DELETE", f"flow_runs/{run['id']}")
        checked.append(deploy(check=True))
        return checked[-1][0] == 1

    until(is_far_off, "the next run is far off")
    said = checked[-1][1]
    assert said[0].startswith("~ deployment pull-orders/every-2-minutes: next run in 0:2")
    assert said[0].endswith("its schedule says every 0:02:00: scheduled anew")
    assert deploy()[0] == 0
    until(
        lambda: [] < next_runs(stack, held)[:1] < [datetime.now(UTC) + timedelta(minutes=2)],
        "a run is scheduled",
    )
    assert deploy(check=True)[0] == 0


def test_runs_that_nobody_began_in_time_are_skipped_together(
    api: str, stack: Stack, everything: None
) -> None:
    from flows.missed import MESSAGE, skip  # noqa: PLC0415 - Prefect takes seconds
    from flows.prefect_server import open_server  # noqa: PLC0415 - the same

    held = stack.api.ask("GET", "deployments/name/pull-orders/every-2-minutes")
    before = datetime.now(UTC) - timedelta(minutes=30)
    span = {"start_time": before.isoformat(), "end_time": datetime.now(UTC).isoformat(), "max_runs": 10}
    stack.api.ask("POST", f"deployments/{held['id']}/schedule", span)
    by_hand = stack.api.start_run("pull-orders/every-2-minutes")
    early = [moment for moment in next_runs(stack, held) if moment < datetime.now(UTC) - timedelta(minutes=5)]
    assert len(early) >= 5
    with open_server() as server:
        late = datetime.now(UTC) - timedelta(minutes=5)
        found = [skip(server, held["id"], late, how) for how in ({"refresh": True}, {}, {})]
    assert found == [0, len(early), 0]
    mine = {"deployment_id": {"any_": [held["id"]]}, "state": {"name": {"any_": ["Skipped"]}}}
    skipped = stack.api.ask("POST", "flow_runs/filter", {"flow_runs": mine})
    assert {run["state"]["message"] for run in skipped} == {MESSAGE}
    assert stack.api.ask("GET", f"flow_runs/{by_hand}")["state_type"] == "SCHEDULED"


def test_what_somebody_paused_stays_paused(deploy: Deploy, stack: Stack, everything: None) -> None:
    held = stack.api.ask("GET", HOURLY)
    stack.api.ask("PATCH", f"deployments/{held['id']}", {"paused": True, "tags": []})
    assert deploy()[0] == 0
    assert stack.api.ask("GET", HOURLY)["paused"] is True
    stack.api.ask("PATCH", f"deployments/{held['id']}", {"paused": False, "tags": held["tags"]})


def test_a_change_of_the_files_reaches_the_server(
    deploy: Deploy, stack: Stack, everything: None, folder: Path
) -> None:
    file = folder / "prefect.yaml"
    whole = file.read_text()
    file.write_text(
        whole.replace('"40 3 * * *"', '"41 4 * * *"').replace("queue_name: usage", "queue_name: u")
    )
    code, said = deploy()
    assert code == 0
    assert said[1:3] == [
        "~ deployment push-usage/refresh: work queue 'usage', not 'u'",
        (
            "~ deployment check-drift/daily: schedules [('daily', (True, None, '40 3 * * *', 'UTC'))], "
            "not [('daily', (True, None, '41 4 * * *', 'UTC'))]"
        ),
    ]
    (schedule,) = stack.api.ask("GET", "deployments/name/check-drift/daily")["schedules"]
    assert (schedule["schedule"]["cron"], schedule["active"]) == ("41 4 * * *", True)
    file.write_text(whole)
    assert deploy()[0] == 0


def test_what_no_file_names_any_more_is_said_to_a_person_and_left(
    deploy: Deploy, stack: Stack, everything: None, folder: Path
) -> None:
    file = folder / "deployments" / "automations.yaml"
    whole = file.read_text()
    head, _, tail = whole.partition('  - name: "cloudrock-slurm: no worker"')
    file.write_text(head + tail[tail.index("  - name: ") :])
    known = automation(stack, "cloudrock-slurm: no worker")["id"]
    code, said = deploy()
    assert code == 1
    assert said[0] == (
        "! automation 'cloudrock-slurm: no worker': not in deployments/automations.yaml: "
        f"prefect automation delete --id {known}"
    )
    assert said[-1] == "1 differs from prefect.yaml and deployments/automations.yaml"
    assert automation(stack, "cloudrock-slurm: no worker")["id"] == known


def test_the_doctor_sees_the_same_differences(deploy: Deploy, stack: Stack, everything: None) -> None:
    from flows.examining import prefect_diagnoses  # noqa: PLC0415 - Prefect takes seconds

    found = {one.check.title: one for one in prefect_diagnoses(None)}
    assert found["deployments"].found == "6 as in prefect.yaml"
    assert found["automations"].found == "as in deployments/automations.yaml"
    late = automation(stack, "cloudrock-slurm: runs are late")
    stack.api.ask("DELETE", f"automations/{late['id']}")
    found = {one.check.title: one for one in prefect_diagnoses(None)}
    assert found["automations"].found == "missing: automation 'cloudrock-slurm: runs are late'"
    assert found["automations"].mend == "cloudrock-slurm deploy"
    assert deploy()[0] == 0


def test_the_server_has_retention_and_metrics_and_no_telemetry(stack: Stack) -> None:
    server = stack.api.ask("GET", "admin/settings")["server"]
    assert set(server["services"]["db_vacuum"]["enabled"]) == {"events", "flow_runs"}
    assert server["services"]["db_vacuum"]["retention_period"] == "P90D"
    assert server["analytics_enabled"] is False
    assert b"prefect_events_emitted" in stack_metrics(stack)


def test_without_a_server_the_command_says_so_in_one_line(folder: Path, capsys: Any) -> None:
    from prefect import settings  # noqa: PLC0415 - Prefect takes seconds

    from cloudrock_slurm.deploy import deploy as perform  # noqa: PLC0415 - the same

    nobody = {settings.PREFECT_API_URL: "http://127.0.0.1:9/api"}
    with settings.temporary_settings(nobody), pytest.raises(SystemExit) as ended:
        perform(check=False)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(
        "PREFECT_API_URL: no Prefect server answers at http://127.0.0.1:9"
    )


def test_a_second_cluster_s_deployments_stand_beside_the_first_s(
    deploy: Deploy, stack: Stack, everything: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {one["id"]: one for one in stack.api.ask("POST", "deployments/filter", {})}
    monkeypatch.setenv("CLOUDROCK_WORK_POOL", "beta")
    code, said = deploy()
    assert code == 0
    assert said[0] == "+ work pool beta, of type process"
    assert "+ deployment pull-orders/every-2-minutes-beta" in said
    assert [line for line in said if "automation" in line][:-1] == [
        "+ automation 'cloudrock-slurm: no worker (beta)'"
    ]
    assert said[-1].endswith(": 8 made or changed")
    now = {one["id"]: one for one in stack.api.ask("POST", "deployments/filter", {})}
    assert {key: now[key] for key in before} == before
    theirs = stack.api.ask("GET", "deployments/name/push-usage/backfill-beta")
    assert (theirs["work_pool_name"], theirs["work_queue_name"]) == ("beta", "background")
    assert "push-usage/backfill-beta --param" in theirs["description"]
    assert theirs["global_concurrency_limit"]["id"] not in {
        one["global_concurrency_limit"]["id"] for one in before.values()
    }
    for pool in ("headnode", "beta"):
        monkeypatch.setenv("CLOUDROCK_WORK_POOL", pool)
        assert deploy(check=True)[0] == 0, "neither sees the other's as left over"


def test_the_doctor_looks_at_its_own_cluster_s_pool(
    deploy: Deploy, everything: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.examining import prefect_diagnoses  # noqa: PLC0415 - Prefect takes seconds

    monkeypatch.setenv("CLOUDROCK_WORK_POOL", "gamma")
    found = {one.check.title: one for one in prefect_diagnoses(None)}
    assert found["work pool"].found == "no work pool 'gamma'"
    assert "every-2-minutes-gamma" in found["deployments"].found
    assert found["automations"].found.startswith("missing: automation 'cloudrock-slurm: no worker (gamma)'")
