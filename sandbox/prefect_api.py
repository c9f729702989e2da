"""Prefect's server as a client sees it over HTTP: no command line's start-up time, no import of Prefect."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from sandbox.slurm import SandboxError

BUSY = 503
BUSY_TRIES = 10
BUSY_SECONDS = 1.0
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """The REST API at `url`, which ends with /api; `auth` where it wants a name and a password.

    It is on this host, so no proxy is asked.
    """

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One call; a SandboxError with the server's words when it refuses.

        503 is its answer while SQLite's only writer is somebody else: it asks for another try, as here.
        """
        tries_left = BUSY_TRIES
        while (
            answer := httpx.request(
                method, f"{self.url}/{path}", json=body, auth=self.auth, timeout=60, trust_env=False
            )
        ).status_code == BUSY and tries_left:
            tries_left -= 1
            time.sleep(BUSY_SECONDS)
        if answer.is_error:
            raise SandboxError(
                f"Prefect refused {method} {path} with {answer.status_code}: {answer.text[:300]}"
            )
        return answer.json() if answer.content else None

    def make_work_pool(self, name: str) -> None:
        """A pool of the process type, if there is none of that name."""
        body = {"name": name, "type": "process", "base_job_template": {}}
        known = self.ask("POST", "work_pools/filter", {"work_pools": {"name": {"any_": [name]}}})
        if not known:
            self.ask("POST", "work_pools/", body)

    def start_run(self, deployment: str, parameters: dict[str, object] | None = None) -> str:
        """Order a run of `flow/deployment` now, as `prefect deployment run` does; its id."""
        found = self.ask("GET", f"deployments/name/{deployment}")
        body = {
            "parameters": parameters or {},
            "state": {"type": "SCHEDULED"},
            "idempotency_key": uuid4().hex,  # asked twice, it is still one run
        }
        return str(self.ask("POST", f"deployments/{found['id']}/create_flow_run", body)["id"])

    def wait_for_run(self, run_id: str, seconds: float = 180) -> dict[str, Any]:
        """The run once it has ended, however it ended."""
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.ask("GET", f"flow_runs/{run_id}")
            if run["state_type"] in ENDED:
                return run
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"the run {run['name']} is still {run['state_name']} after {seconds:.0f} s"
                )
            time.sleep(POLL_SECONDS)

    def run(self, deployment: str, parameters: dict[str, object] | None = None) -> dict[str, Any]:
        """Order a run and wait for its end."""
        return self.wait_for_run(self.start_run(deployment, parameters))

    def task_runs(self, run_id: str) -> list[dict[str, Any]]:
        """The run's task runs, by start."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.ask("POST", "task_runs/filter", body)
        return found

    def artifacts(self, run_id: str) -> list[dict[str, Any]]:
        """The artifacts that the run left."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}}
        found: list[dict[str, Any]] = self.ask("POST", "artifacts/filter", body)
        return found

    def logs(self, run_id: str) -> list[dict[str, Any]]:
        """The run's log, oldest first."""
        body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        found: list[dict[str, Any]] = self.ask("POST", "logs/filter", body)
        return found
