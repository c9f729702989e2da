"""The doctor's view of a real Prefect server, worker and deployments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.own_folder import ROOT
from tests.typed import typed

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def doctor(up: Any, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Its exit code and findings, with the settings of the worker that `up` started."""
    from sandbox.inherited import environment as here  # noqa: PLC0415 - fast tests do without

    settings = {**here(), **up.stack.agent_environment(), **environment}
    done = typed("doctor", "--json", environment=settings, folder=ROOT)
    assert done.stdout, done.stderr
    assert up.token not in done.stdout + done.stderr
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)["findings"]}


def test_the_stack_that_up_leaves_is_healthy_and_a_deployment_changed_by_hand_is_not(up: Any) -> None:
    code, findings = doctor(up)
    assert {check for check, one in findings.items() if one["level"] != "OK"} == {"password"}
    assert code == 1
    assert findings["database"]["found"].startswith("SQLite")
    assert findings["worker"]["found"] == "sandbox"
    held = up.ask("GET", "deployments/name/push-usage/hourly")
    changed = f"deployments/{held['id']}"
    up.ask("PATCH", changed, {"tags": ["by hand"], "paused": True})
    try:
        code, findings = doctor(up)
        assert findings["deployments"]["level"] == "warning"
    finally:
        up.ask("PATCH", changed, {"tags": held["tags"], "paused": False})
    code, findings = doctor(up, CLOUDROCK_SYNC_DIRECTION="pull")
    assert (code, findings["worker"]["level"]) == (2, "error")
    assert "pull-orders/service is not on the server" in findings["worker"]["found"]
