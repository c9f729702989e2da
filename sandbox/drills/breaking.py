"""The drills: each breaks one thing and tells what came of it; what is lost or done twice is a failure."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from allocations.billing import amount_of
from sandbox.drills.site import PULL, PUSH, Headnode, Span
from sandbox.slurm import SandboxError
from sandbox.story import COMPARED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OUTAGE_SECONDS = 300
SLOW_SECONDS = 45
RESTART_SECONDS = 10
SERVER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Drill:
    """What is broken, and how."""

    title: str
    broken: str
    perform: Callable[[Headnode], str]
    """Gives what came of it, in words."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a drill came to."""

    drill: Drill
    outcome: str
    moments: list[tuple[float, str]]
    runs: list[Span]
    seconds: float


def worker_killed(node: Headnode) -> str:
    """The worker dies by kill -9 in the middle of an order; its run's process is left alone."""
    with amid_an_order(node) as item:
        node.kill_worker(with_runs=False)
        killed = node.note("the worker is killed (-9)")
    time.sleep(RESTART_SECONDS)
    node.start_worker()
    back = node.note("the worker is there again")
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    node.wait("a pull has completed after it", lambda: completed_since(node, PULL, back))
    node.wait("no run is left over", lambda: not begun_before(node, killed))
    expect_one_open_period(node, item)
    state = next(span.state for span in node.runs(PULL) if span.start and span.start < killed)
    return (
        f"The run whose worker was killed ended as {state}. The order was done {done - killed:.0f} s after "
        "the kill, with exactly one plan period opened."
    )


def run_killed(node: Headnode) -> str:
    """The worker and its run die by kill -9 in the middle of an order."""
    with amid_an_order(node) as item:
        node.kill_worker(with_runs=True)
        killed = node.note("the worker and the run's process are killed (-9)")
    node.start_worker()
    node.note("the worker is there again")
    crashed = node.wait("the killed run is Crashed", lambda: in_state(node, PULL, "Crashed"))
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    expect_one_open_period(node, item)
    return (
        f"The server took the run for alive until its heartbeats were missed: {crashed - killed:.0f} s after "
        "the kill the automation set it Crashed, and its place was free. A later pull found the order half "
        f"done and finished it, {done - killed:.0f} s after the kill, with exactly one plan period opened."
    )


def server_restarted(node: Headnode) -> str:
    """Prefect's server goes away for a minute in the middle of a run."""
    with amid_an_order(node) as item:
        node.stop_service("prefect-server")
        node.note("Prefect's server is stopped")
        time.sleep(SERVER_SECONDS)
    node.stack.serve_prefect()
    back = node.note("Prefect's server is there again")
    done = node.wait("the order is done", lambda: node.order_is_done(item))
    node.wait("a pull has completed after it", lambda: completed_since(node, PULL, back))
    expect_one_open_period(node, item)
    return (
        "Run, worker and schedule went on by themselves; the order was done "
        f"{max(done - back, 0):.0f} s after the server was back."
    )


def marketplace_down(node: Headnode) -> str:
    """The marketplace is away for five minutes; an order and a month's usage wait."""
    item = used(node)
    second = node.story.place_order()
    node.stop_service("marketplace")
    down = node.note("the marketplace is stopped, with another order waiting")
    push_in_vain(node)
    sit_out(node, down)
    node.start_market()
    back = node.note("the marketplace is there again")
    done = made_good(node, second, item)
    return (
        "Every run ended as Failed with one sentence, and nothing was changed on the cluster. The order was "
        f"done {done - back:.0f} s after the marketplace was back, by the schedule. The next push told the "
        "whole amount, equal to slurmdbd's books: no push is to be repeated by hand."
    )


def slurmdbd_down(node: Headnode) -> str:
    """Slurmdbd is away for five minutes; an order and a month's usage wait."""
    item = used(node)
    daemon = node.kill_slurmdbd()
    down = node.note("slurmdbd is killed")
    second = node.story.place_order()
    node.note("an order waits")
    push_in_vain(node)
    sit_out(node, down)
    node.start_daemon(daemon)
    back = node.note("slurmdbd is there again")
    done = made_good(node, second, item)
    return (
        "Every run ended as Failed with one sentence, and the order was left as it was, not erred. It was "
        f"done {done - back:.0f} s after slurmdbd was back, by the schedule. The next push told the whole "
        "amount, equal to slurmdbd's books."
    )


@contextmanager
def amid_an_order(node: Headnode) -> Iterator[str]:
    """An order that a pull is in the middle of carrying out, while the block is at work."""
    item = node.story.place_order()
    node.note("an order waits")
    with node.slow_write(SLOW_SECONDS):
        node.wait("a pull is in the middle of it", lambda: node.is_running(PULL) and waits_in_a_write(node))
        yield item


def used(node: Headnode) -> str:
    """The order of an allocation under which jobs have run, of which the marketplace was told nothing yet."""
    item = node.story.place_order()
    node.wait("a first order is done", lambda: node.order_is_done(item))
    node.story.run_jobs(node.resource(item)["backend_id"])
    node.note("two jobs have run under it")
    return item


def push_in_vain(node: Headnode) -> None:
    """A push that has to fail."""
    expect(push(node) == "FAILED", "push-usage did not fail")


def sit_out(node: Headnode, down: float) -> None:
    """The rest of an outage."""
    time.sleep(max(0.0, down + OUTAGE_SECONDS - (time.time() - node.began)))


def made_good(node: Headnode, second: str, item: str) -> float:
    """The order that waited is carried out by the schedule, and usage is told; when the order was done."""
    done = node.wait("the second order is done", lambda: node.order_is_done(second))
    push(node)
    expect_equal_usage(node, item)
    return done


def push(node: Headnode) -> str:
    """Usage is told now; the type of state in which the run ended."""
    run = node.stack.api.run(PUSH)
    node.note(f"push-usage: {run['state_name']}")
    return str(run["state_type"])


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
    resource = node.resource(item)
    held = node.story.customer.usage(resource["uuid"])
    books = node.story.books(resource["backend_id"])
    for tres in COMPARED:
        expect(
            0 < held.get(tres, 0) == amount_of(books.get(tres, 0), unit_factor=1),
            f"{tres}: the marketplace holds {held.get(tres)}, slurmdbd's books say {books.get(tres)} s",
        )
    node.note("the marketplace's amounts equal slurmdbd's books")


def expect_one_open_period(node: Headnode, item: str) -> None:
    """The order was finished once."""
    expect(node.open_periods(item) == 1, "the order has not exactly one open plan period")


def expect(true: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
    """A drill's fact."""
    if not true:
        raise SandboxError(otherwise)


def expect_no_overlap(spans: list[Span]) -> None:
    """No two runs of one deployment do something at the same time; one that is skipped does nothing."""
    at_work = [span for span in spans if span.state != "Skipped"]
    timed = sorted((span.start, span.end, span) for span in at_work if span.start is not None)
    for (_, end, earlier), (start, _, later) in pairwise(timed):
        expect(end is not None and end <= start, f"two runs overlap: {earlier} and {later}")
