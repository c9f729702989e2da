"""`python -m sandbox.slowness MODE`: slurmdbd is made slow, and our queries are counted meanwhile.

The whole sandbox runs by its own schedules, once without protection and once with it as it is shipped. What
was seen is printed as a section of docs/protection.md. It takes half an hour.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx

from sandbox.drills.clock import ClockedStack
from sandbox.drills.page import row
from sandbox.drills.site import PULL, PUSH, Headnode
from sandbox.slurm import SandboxError, processes
from sandbox.stack import CHECKOUT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.drills.site import Span
    from sandbox.slurm import Cluster

SLOW_SECONDS = 420
AT_ONCE = (PUSH, "push-usage/refresh", "check-drift/daily")
"""Started when slurmdbd becomes slow, beside the pulls of the schedule."""
UNPROTECTED = {
    "SLURMDBD_MAX_QUERIES": "99",
    "SLURMDBD_SLOW_SECONDS": "100000",
    "SLURMDBD_PAUSE_SECONDS": "0",
}
QUERIES = (b"sacct", b"sacctmgr", b"sreport")
LOOK_SECONDS = 0.25
SHOWN = 110
"""Characters of a message."""
MODES = {
    "hung": (1000.0, 0.0, "it stands still (SIGSTOP) all the time"),
    "choking": (59.0, 1.0, "it stands still (SIGSTOP) for 59 of every 60 seconds"),
    "crawling": (14.0, 1.0, "it stands still (SIGSTOP) for 14 of every 15 seconds"),
}
"""Seconds that slurmdbd stands still, then seconds that it works, again and again."""


@dataclass(slots=True)
class Counted(ClockedStack):
    """A stack whose agent has more settings."""

    more: dict[str, str] = field(default_factory=dict)

    def agent_environment(self) -> dict[str, str]:
        """With those."""
        return {**Stack.agent_environment(self), **self.more}


@dataclass(slots=True)
class Tally:
    """Our queries under way, looked for again and again."""

    seen: set[processes.Process] = field(default_factory=set)
    most: int = 0
    seconds: float = 0.0
    """Of all queries together."""

    def look(self, cluster: Cluster, passed: float) -> None:
        """One look, so long after the one before."""
        conf = cluster.environment["SLURM_CONF"]
        named = [one.process for one in processes.live_entries() if name_of(one.process.pid) in QUERIES]
        now = {one for one in named if processes.environment_of(one.pid).get("SLURM_CONF") == conf}
        self.seen |= now
        self.most = max(self.most, len(now))
        self.seconds += len(now) * passed


@dataclass(frozen=True, slots=True)
class Round:
    """What one slow time came to."""

    tally: Tally
    done: float
    """Seconds from the end of the slow time until the order that waited was done."""
    runs: list[Span]


def name_of(pid: int) -> bytes:
    """A process's name; nothing when it has ended."""
    with suppress(OSError):
        return (processes.PROC / str(pid) / "comm").read_bytes().strip()
    return b""


@contextmanager
def slow(node: Headnode, stands: float, works: float) -> Iterator[None]:
    """Slurmdbd is slow meanwhile."""
    pid, over = node.stack.cluster.running_daemons()["slurmdbd"], threading.Event()

    def keep_slow() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            over.wait(stands)
            os.kill(pid, signal.SIGCONT)
            over.wait(works)

    thread = threading.Thread(target=keep_slow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def perform(node: Headnode, mode: str) -> Round:
    """One round, from a quiet site to one that has caught up."""
    node.begin()
    item = node.story.place_order()
    stands, works, _ = MODES[mode]
    tally = Tally()
    with slow(node, stands, works):
        node.note("slurmdbd is slow from here on; an order waits")
        for deployment in AT_ONCE:
            node.stack.api.start_run(deployment)
        last = time.monotonic()
        while time.time() - node.began < SLOW_SECONDS:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            tally.look(node.stack.cluster, now - last)
            last = now
    end = node.note(f"slurmdbd is well again: {len(tally.seen)} queries, at most {tally.most} at a time")
    done = node.wait("the order is done", lambda: node.order_is_done(item), 2000)
    runs = [span for deployment in (PULL, *AT_ONCE) for span in node.runs(deployment) if span.start]
    return Round(tally, done - end, runs)


def main() -> int:
    """Both rounds of one mode."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.slowness", description=__doc__)
    parser.add_argument("mode", choices=MODES)
    mode = parser.parse_args().mode
    stack = Counted(CHECKOUT / ".sandbox" / f"slowness-{mode}", more=UNPROTECTED)
    node = Headnode(stack)
    try:
        stack.start()
        rounds = [perform(node, mode)]
        node.stop_service("prefect-worker")
        stack.more = {}
        node.start_worker()
        node.wait("nothing is left over", lambda: not any(map(node.is_running, (PULL, *AT_ONCE))))
        rounds.append(perform(node, mode))
    except (SandboxError, httpx.HTTPError) as error:
        node.console.print(f"[bold red]Failed:[/] {error}", highlight=False)
        return 1
    finally:
        stack.stop()
    sys.stdout.write(section(mode, *rounds))
    return 0


def section(mode: str, without: Round, protected: Round) -> str:
    """A part of the page, in Markdown."""
    lines = [
        f"For {SLOW_SECONDS} s {MODES[mode][2]}.",
        "",
        "| | without protection | as shipped |",
        "|---|---|---|",
        f"| queries of ours | {len(without.tally.seen)} | {len(protected.tally.seen)} |",
        f"| most at a time | {without.tally.most} | {protected.tally.most} |",
        (
            f"| seconds that they lasted, all together | {without.tally.seconds:,.0f} | "
            f"{protected.tally.seconds:,.0f} |"
        ),
        f"| the order done, seconds after it was well again | {without.done:.0f} | {protected.done:.0f} |",
    ]
    for title, one in (("without protection", without), ("as shipped", protected)):
        lines += ["", f"Runs {title}:", "", "| run of | began, s | ended, s | state | message |"]
        lines += [
            "|---|---|---|---|---|",
            *map(brief_row, sorted(one.runs, key=lambda span: span.start or 0.0)),
        ]
    return "\n".join(lines) + "\n"


def brief_row(span: Span) -> str:
    """One run, with the beginning of its message."""
    message = span.message if len(span.message) <= SHOWN else f"{span.message[:SHOWN]}..."
    return row(replace(span, message=message))


if __name__ == "__main__":
    sys.exit(main())
