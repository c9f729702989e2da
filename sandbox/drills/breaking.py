"""The drills: each breaks one thing and tells what came of it; what is lost or done twice is a failure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allocations.billing import amount_of
from sandbox.drills.site import PULL, PUSH, Headnode, Span
from sandbox.slurm import SandboxError
from sandbox.story import COMPARED

if TYPE_CHECKING:
    from collections.abc import Callable

OUTAGE_SECONDS = 300
SLOW_SECONDS = 45
RESTART_SECONDS = 10
SERVER_SECONDS = 60
JUMP_SECONDS = 3 * 3600
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@dataclass(slots=True)
class Told:
    """What a drill came to."""

    name: str
    broken: str
    outcome: str
    moments: list[tuple[float, str]] = field(default_factory=list)
    runs: list[Span] = field(default_factory=list)
    seconds: float = 0.0


def worker_killed(node: Headnode) -> Told:
    """The worker dies by kill -9 in the middle of an order; its run's process is left alone."""
    item = node.story.place_order()
    node.note("an order waits")
    with node.slow_write(SLOW_SECONDS):
        node.wait("a pull is in the middle of it", lambda: node.is_running(PULL) and waits_in_a_write(node))
        node.kill_worker(with_runs=False)
        killed = node.note("the worker is killed (-9)")
    time.sleep(RESTART_SECONDS)
    node.start_worker()
    back = node.note("the worker is there again")
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    node.wait("a pull has completed after it", lambda: completed_since(node, PULL, back))
    node.wait("no run is left over", lambda: not begun_before(node, killed))
    expect(node.open_periods(item) == 1, "the order has not exactly one open plan period")
    state = next(span.state for span in node.runs(PULL) if span.start and span.start < killed)
    return Told(
        "The worker is killed",
        "kill -9 of the worker's process in the middle of an order; it is started again ten seconds later.",
        f"The run whose worker was killed ended as {state}. The order was done {done - killed:.0f} s after "
        "the kill, with exactly one plan period opened.",
    )


def run_killed(node: Headnode) -> Told:
    """The worker and its run die by kill -9 in the middle of an order."""
    item = node.story.place_order()
    node.note("an order waits")
    with node.slow_write(SLOW_SECONDS):
        node.wait("a pull is in the middle of it", lambda: node.is_running(PULL) and waits_in_a_write(node))
        node.kill_worker(with_runs=True)
        killed = node.note("the worker and the run's process are killed (-9)")
    node.start_worker()
    node.note("the worker is there again")
    crashed = node.wait("the killed run is Crashed", lambda: in_state(node, PULL, "Crashed"))
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    expect(node.open_periods(item) == 1, "the order has not exactly one open plan period")
    return Told(
        "The worker and a run are killed",
        "kill -9 of both in the middle of an order; the worker is started again at once, as systemd does.",
        f"The server took the run for alive until its heartbeats were missed: {crashed - killed:.0f} s after "
        "the kill the automation set it Crashed, and its place was free. A later pull found the order half "
        f"done and finished it, {done - killed:.0f} s after the kill, with exactly one plan period opened.",
    )


def server_restarted(node: Headnode) -> Told:
    """Prefect's server goes away for a minute in the middle of a run."""
    item = node.story.place_order()
    node.note("an order waits")
    with node.slow_write(SLOW_SECONDS):
        node.wait("a pull is in the middle of it", lambda: node.is_running(PULL) and waits_in_a_write(node))
        node.stop_service("prefect-server")
        node.note("Prefect's server is stopped")
        time.sleep(SERVER_SECONDS)
    node.start_prefect()
    back = node.note("Prefect's server is there again")
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    node.wait("a pull has completed after it", lambda: completed_since(node, PULL, back))
    expect(node.open_periods(item) == 1, "the order has not exactly one open plan period")
    return Told(
        "Prefect's server is restarted",
        f"The server is stopped for {SERVER_SECONDS} s while a pull is in the middle of an order.",
        "Run, worker and schedule went on by themselves; the order was done "
        f"{max(done - back, 0):.0f} s after the server was back.",
    )


def marketplace_down(node: Headnode) -> Told:
    """The marketplace is away for five minutes; an order and a month's usage wait."""
    item = node.story.place_order()
    node.wait("a first order is done", lambda: node.order_is_done(item))
    account = node.account_of(item)
    node.story.run_jobs(account)
    node.note("two jobs have run under it")
    second = node.story.place_order()
    node.stop_service("marketplace")
    down = node.note("the marketplace is stopped, with another order waiting")
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}")
    expect(push["state_type"] == "FAILED", "push-usage did not fail")
    time.sleep(max(0.0, down + OUTAGE_SECONDS - (time.time() - node.began)))
    node.start_market()
    back = node.note("the marketplace is there again")
    done = node.wait("the second order is done", lambda: node.order_is_done(second))
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}")
    expect_equal_usage(node, item)
    return Told(
        "The marketplace is away for five minutes",
        "The marketplace's server is stopped while an order waits and usage is to be told.",
        "Every run ended as Failed with one sentence, and nothing was changed on the cluster. The order was "
        f"done {done - back:.0f} s after the marketplace was back, by the schedule. The next push told the "
        "whole amount, equal to slurmdbd's books: no push is to be repeated by hand.",
    )


def slurmdbd_down(node: Headnode) -> Told:
    """Slurmdbd is away for five minutes; an order and a month's usage wait."""
    item = node.story.place_order()
    node.wait("a first order is done", lambda: node.order_is_done(item))
    node.story.run_jobs(node.account_of(item))
    node.note("two jobs have run under it")
    daemon = node.kill_slurmdbd()
    down = node.note("slurmdbd is killed")
    second = node.story.place_order()
    node.note("an order waits")
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}")
    expect(push["state_type"] == "FAILED", "push-usage did not fail")
    time.sleep(max(0.0, down + OUTAGE_SECONDS - (time.time() - node.began)))
    node.start_daemon(daemon)
    back = node.note("slurmdbd is there again")
    done = node.wait("the order is done", lambda: node.order_is_done(second))
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}")
    expect_equal_usage(node, item)
    return Told(
        "slurmdbd is away for five minutes",
        "slurmdbd is killed; an order comes in meanwhile, and usage is to be told.",
        "Every run ended as Failed with one sentence, and the order was left as it was, not erred. It was "
        f"done {done - back:.0f} s after slurmdbd was back, by the schedule. The next push told the whole "
        "amount, equal to slurmdbd's books.",
    )


def clock_jumps(node: Headnode) -> Told:
    """The clock of server, worker and runs jumps three hours ahead, and back; SLURM and marketplace stay."""
    expect(FAKETIME.exists(), f"{FAKETIME} is missing: apt-get install faketime")
    offset = node.stack.services.folder / "clock-offset"
    offset.write_text("+0\n")
    fake = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    node.restart_prefect(fake)
    node.note("server and worker run on a clock that can be moved")
    first = node.story.place_order()
    node.wait("an order is done", lambda: node.order_is_done(first))
    offset.write_text(f"+{JUMP_SECONDS}\n")
    node.note("their clock jumps three hours ahead")
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}: {(push['state'] or {}).get('message')}")
    second = node.story.place_order()
    ahead = node.wait("another order is done", lambda: node.order_is_done(second))
    offset.write_text("+0\n")
    node.note("their clock jumps back")
    third = node.story.place_order()
    done = node.wait("a third order is done", lambda: node.order_is_done(third))
    push = node.stack.api.run(PUSH)
    node.note(f"push-usage: {push['state_name']}: {(push['state'] or {}).get('message')}")
    node.restart_prefect({})
    return Told("The clock jumps three hours ahead and back", "x", f"{ahead} {done}")


def waits_in_a_write(node: Headnode) -> bool:
    """Whether the marketplace has been asked for something that it has not answered yet."""
    found: Any = node.stack.office.requests()
    return any(one["method"] != "GET" and not one["status"] for one in found)


def begun_before(node: Headnode, moment: float) -> bool:
    """Whether a run that began before a moment has not ended."""
    return any(span.start and span.start < moment and span.end is None for span in node.runs(PULL))


def in_state(node: Headnode, deployment: str, state: str) -> bool:
    """Whether a run of this drill is in the state."""
    return any(span.state == state for span in node.runs(deployment))


def completed_since(node: Headnode, deployment: str, moment: float) -> bool:
    """Whether a run began after a moment and has completed."""
    return any(span.state == "Completed" and (span.start or 0) > moment for span in node.runs(deployment))


def expect_equal_usage(node: Headnode, item: str) -> None:
    """What the marketplace holds of the order's resource is what slurmdbd's rollup says."""
    order = node.story.call("provider_owner", "GET", f"marketplace-order-items/{item}/")
    held = node.story.held(order["marketplace_resource_uuid"])
    books = node.story.books(node.account_of(item))
    for tres in COMPARED:
        expect(
            0 < held.get(tres, 0) == amount_of(books.get(tres, 0), unit_factor=1),
            f"{tres}: the marketplace holds {held.get(tres)}, slurmdbd's books say {books.get(tres)} s",
        )
    node.note("the marketplace's amounts equal slurmdbd's books")


def expect(true: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
    """A drill's fact."""
    if not true:
        raise SandboxError(otherwise)


def expect_no_overlap(spans: list[Span]) -> None:
    """No two runs of one deployment at the same time."""
    timed = sorted((span.start, span.end, span) for span in spans if span.start is not None)
    for (_, end, earlier), (start, _, later) in pairwise(timed):
        expect(end is not None and end <= start, f"two runs overlap: {earlier} and {later}")


DRILLS: dict[str, Callable[[Headnode], Told]] = {
    "worker": worker_killed,
    "run": run_killed,
    "server": server_restarted,
    "marketplace": marketplace_down,
    "slurmdbd": slurmdbd_down,
    "clock": clock_jumps,
}
TITLES = (
    "The worker is killed",
    "The worker and a run are killed",
    "Prefect's server is restarted",
    "The marketplace is away for five minutes",
    "slurmdbd is away for five minutes",
    "The clock jumps three hours ahead and back",
)
"""Of their sections, in the page's order."""
