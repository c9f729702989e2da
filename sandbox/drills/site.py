"""The sandbox as a headnode whose parts can be broken, and what Prefect's server recorded meanwhile."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console

from sandbox.slurm import SandboxError, daemons, processes
from sandbox.stack import CHECKOUT
from sandbox.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sandbox.drills.clock import ClockedStack

PULL, PUSH = "pull-orders/every-2-minutes", "push-usage/hourly"
RUNS_WORDS = (b"prefect.engine", b"_workspace_supervisor")
POLL_SECONDS = 1.0
LONGEST_SECONDS = 600.0
"""How long a drill waits for one thing to happen."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run from its start to its end, in seconds since the drill began; what is scheduled has no start."""

    deployment: str
    state: str
    message: str
    start: float | None
    end: float | None


@dataclass(slots=True)
class Headnode:
    """One stack for all drills; each has an allocation of its own."""

    stack: ClockedStack
    console: Console = field(default_factory=lambda: Console(soft_wrap=True, stderr=True))
    began: float = field(default_factory=time.time)
    moments: list[tuple[float, str]] = field(default_factory=list)
    """What was done and what was seen, in seconds since the drill began."""
    witnessed: dict[str, Span] = field(default_factory=dict)
    """The runs by id, where the server's own notes of them jump."""

    @property
    def story(self) -> Story:
        """What people do in it."""
        return Story(self.stack, self.console)

    def begin(self) -> None:
        """A new drill: its clock starts."""
        self.began = time.time()
        self.moments = []
        self.witnessed = {}

    def note(self, what: str) -> float:
        """Something happened now; the seconds since the drill began."""
        passed = time.time() - self.began
        self.moments.append((passed, what))
        self.console.print(f"  {passed:5.0f} s  {what}", highlight=False, markup=False)
        return passed

    def wait(self, what: str, happened: Callable[[], Any], seconds: float = LONGEST_SECONDS) -> float:
        """Until something is the case, which is noted; the seconds since the drill began."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise SandboxError(f"after {seconds:.0f} s still not: {what}")
            time.sleep(POLL_SECONDS)
        return self.note(what)

    def order_is_done(self, item: str) -> bool:
        """Whether the order was carried out."""
        order = self.story.customer.item(item)
        if order["state"] == "erred":
            raise SandboxError(f"the order {item} erred: {order.get('error_message')}")
        return bool(order["state"] == "done")

    def resource(self, item: str, part: str = "") -> Any:  # noqa: ANN401 - JSON
        """The resource that the order became, or a part of it such as its plan periods."""
        path = f"marketplace-resources/{self.story.customer.item(item)['marketplace_resource_uuid']}/{part}"
        return self.story.customer.call("provider_owner", "GET", path)

    def open_periods(self, item: str) -> int:
        """How many plan periods of the order's resource are open: one, when all went well."""
        return sum(period["end"] is None for period in self.resource(item, "plan_periods/"))

    def runs(self, deployment: str) -> list[Span]:
        """The deployment's runs that ended in this drill, go on, or should have begun, by start."""
        found = self.stack.api.ask("GET", f"deployments/name/{deployment}")
        since = datetime.fromtimestamp(self.began - LONGEST_SECONDS, UTC).isoformat()
        wanted = {
            "deployment_id": {"any_": [found["id"]]},
            "expected_start_time": {"after_": since, "before_": datetime.now(UTC).isoformat()},
        }
        body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
        spans = [self.span(deployment, one) for one in self.stack.api.ask("POST", "flow_runs/filter", body)]
        return [span for span in spans if span.end is None or span.end > 0]

    def span(self, deployment: str, run: Mapping[str, Any]) -> Span:
        """One run as the server tells it."""
        message = (run["state"] or {}).get("message") or ""
        start, end = map(self.passed, (run["start_time"], run["end_time"]))
        return Span(deployment, run["state_name"], message, start, end)

    def passed(self, moment: str | None) -> float | None:
        """A moment of the server's in seconds since the drill began."""
        return datetime.fromisoformat(moment).timestamp() - self.began if moment else None

    def is_running(self, deployment: str) -> bool:
        """Whether a run is at work."""
        return any(span.state == "Running" for span in self.runs(deployment))

    @contextmanager
    def slow_write(self, seconds: float) -> Iterator[None]:
        """The next write to the marketplace takes so long: time to break something in the middle of a run."""
        self.stack.office.clear_requests()
        self.stack.office.fail_next(pattern="^(POST|PUT|PATCH|DELETE) ", kind="slow", seconds=seconds)
        try:
            yield
        finally:
            self.stack.office.clear_faults()

    def jump_to(self, seconds: int) -> None:
        """Prefect's clock and the agent's are so many seconds ahead from now on."""
        self.stack.jump_to(seconds)

    def kill_worker(self, *, with_runs: bool) -> None:
        """Kill -9 the worker, and the processes of its runs."""
        worker = self.stack.services.started["prefect-worker"]
        for pid in (worker.pid, *(self.runs_processes() if with_runs else ())):
            os.kill(pid, signal.SIGKILL)
        worker.wait()

    def runs_processes(self) -> list[int]:
        """The processes in which flows run, and those that watch over them."""
        pids = [one.pid for one in self.stack.services.alive()]
        return [pid for pid in pids if any(word in command_of(pid) for word in RUNS_WORDS)]

    def start_worker(self) -> None:
        """As systemd would, once it is to be there again."""
        self.stack.launch_worker()
        self.stack.wait_for_worker()

    def stop_service(self, name: str) -> None:
        """End one of the stack's programs and wait for its end."""
        process = self.stack.services.started[name]
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    def start_market(self) -> None:
        """The marketplace again, at the same address, with what it had."""
        self.stack.start_market(httpx.URL(self.stack.market["api_url"]).port or 0)

    def kill_slurmdbd(self) -> daemons.Daemon:
        """Kill -9 slurmdbd; gives what starts it again."""
        pid = self.stack.cluster.running_daemons()["slurmdbd"]
        command = tuple(part.decode() for part in command_of(pid).split(b"\0")[:-1])
        daemon = daemons.Daemon("slurmdbd", command, processes.environment_of(pid))
        os.kill(pid, signal.SIGKILL)
        return daemon

    def start_daemon(self, daemon: daemons.Daemon) -> None:
        """The daemon again."""
        daemons.start(daemon, self.stack.cluster.places)


def command_of(pid: int) -> bytes:
    """What a process was started as, its words divided by NUL."""
    return (processes.PROC / str(pid) / "cmdline").read_bytes()


def folder() -> Path:
    """Where the drills' stack is."""
    return CHECKOUT / ".sandbox" / "drills"
