"""What runs do, seen by the machine's own clock: the moments that Prefect's server notes may jump."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from sandbox.drills.site import PULL, PUSH, Headnode, Span
from sandbox.prefect_api import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 2.0


def is_swept(run: dict[str, Any]) -> bool:
    """Whether a missed run was ended by another one, without a process."""
    return str((run["state"] or {}).get("message")).startswith("skipped: nobody began it")


class Witness:
    """Of one drill: of both sides' runs that begin in it."""

    def __init__(self, node: Headnode) -> None:
        self.node = node
        self.spans: dict[str, Span] = {}
        self.never_begun = 0
        """Missed runs that were ended without a process."""
        self.named = {
            node.stack.api.ask("GET", f"deployments/name/{name}")["id"]: name for name in (PULL, PUSH)
        }
        self.before = {run["id"] for run in self.recent()}
        node.witnessed = self.spans

    def recent(self) -> list[dict[str, Any]]:
        """The runs that have begun or ended."""
        begun = {"state": {"type": {"not_any_": ["SCHEDULED", "PENDING"]}}}
        wanted = {"flow_runs": {**begun, "deployment_id": {"any_": list(self.named)}}}
        body = {**wanted, "sort": "ID_DESC", "limit": 200}
        found: list[dict[str, Any]] = self.node.stack.api.ask("POST", "flow_runs/filter", body)
        return found

    def look(self) -> None:
        """What has begun or ended since the last look."""
        now = time.time() - self.node.began
        runs = [run for run in self.recent() if run["id"] not in self.before]
        self.never_begun = sum(is_swept(run) for run in runs)
        for run in runs:
            known = self.spans.get(run["id"])
            if is_swept(run) or (known and known.end is not None):
                continue
            message = (run["state"] or {}).get("message") or ""
            name = self.named[run["deployment_id"]]
            start, end = known.start if known else now, now if run["state_type"] in ENDED else None
            self.spans[run["id"]] = Span(name, run["state_name"], message, start, end)

    def until(self, what: str, happened: Callable[[], Any]) -> float:
        """Looks on until something is the case, which is noted; the seconds since the drill began."""

        def seen() -> Any:  # noqa: ANN401 - truth
            try:
                self.look()
                return happened()
            except httpx.TimeoutException:  # all the missed runs at once make a busy server
                return False

        return self.node.wait(what, seen)

    def during(self, seconds: float) -> None:
        """Looks on for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(LOOK_SECONDS)

    def to_the_end(self) -> None:
        """Looks on until no run is under way."""
        self.until("no run is under way", lambda: all(span.end is not None for span in self.spans.values()))

    def number(self, deployment: str, state: str, since: float = 0.0) -> int:
        """How many runs of a deployment that began after a moment are in a state."""
        return sum(
            span.deployment == deployment and span.state == state and (span.start or 0) >= since
            for span in self.spans.values()
        )
