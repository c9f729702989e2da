"""The drills in which the clock jumps: Prefect's and the agent's, not SLURM's or the marketplace's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sandbox.drills.breaking import expect, expect_equal_usage, expect_one_open_period, push, waits_in_a_write
from sandbox.drills.site import PULL, PUSH, Headnode
from sandbox.drills.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator

HOURS = 10_800
"""Three of them."""
STEP = 90
SLOW_SECONDS = 45
SILENT_SECONDS = 200
SCHEDULES = "schedules"
"""Doctor's check."""


def clock_ahead(node: Headnode) -> str:
    """The clock goes three hours ahead of everybody else's, with usage to be told."""
    witness = Witness(node)
    item = used(node, witness)
    with amid(node, witness) as second:
        node.jump_to(HOURS)
        jumped = node.note("the clock is set three hours ahead")
    done = witness.until("the order is done", lambda: node.order_is_done(second))
    witness.until("the missed runs are skipped", lambda: witness.never_begun)
    third = node.story.place_order()
    placed = node.note("another order waits")
    fresh = witness.until("it is done", lambda: node.order_is_done(third))
    witness.until("push-usage has failed", lambda: witness.number(PUSH, "Failed", jumped))
    skipped, missed = witness.number(PULL, "Skipped", jumped), witness.never_begun
    expect(witness.number(PULL, "Crashed") > 0, "the run under way was not taken for killed")
    expect(not witness.number(PUSH, "Completed", jumped), "push-usage told amounts by a wrong clock")
    expect(not node.story.customer.usage(node.resource(item)["uuid"]), "usage was told")
    expect_one_open_period(node, second)
    clock = doctor(node)["clock"]
    node.note(f"doctor: clock: {clock['level']}: {clock['found']}")
    node.jump_to(0)
    node.note("the clock is set right again")
    mend(node, witness)
    push(node)
    witness.to_the_end()
    expect_equal_usage(node, item)
    return (
        f"The order under way was done {done - jumped:.0f} s after the jump. Prefect took its run's last "
        "heartbeat for three hours old and set the run Crashed; its process went on all the same, and the "
        "cluster's lock would have kept others out. The schedule's runs "
        f"of the next hour were due at once: {skipped} began and ended as Skipped and ended {missed} "
        f"others, and the next order was done {fresh - placed:.0f} s after it came. push-usage counted and "
        "sent nothing by the wrong clock, and said so in one sentence; with the clock right again, and "
        "mended as below, it told the whole amount, equal to slurmdbd's books."
    )


def clock_set_back(node: Headnode) -> str:
    """The clock is set back by three hours: Prefect's schedule has runs enough for a time to come."""
    witness = Witness(node)
    node.jump_to(HOURS)
    mend(node, witness)
    with amid(node, witness) as item:
        node.jump_to(0)
        jumped = node.note("the clock is set back by three hours")
    done = witness.until("the order is done", lambda: node.order_is_done(item))
    second = node.story.place_order()
    node.note("another order waits")
    witness.during(SILENT_SECONDS)
    expect(not node.order_is_done(second), "a pull has run")
    since = sum((span.start or 0) > jumped for span in witness.spans.values())
    node.note(f"{since} runs have begun since the clock was set back")
    found = doctor(node)[SCHEDULES]
    node.note(f"doctor: schedules: {found['level']}: {found['found']}")
    mended = mend(node, witness)
    again = witness.until("the order is done", lambda: node.order_is_done(second))
    found = doctor(node)[SCHEDULES]
    node.note(f"doctor: schedules: {found['level']}: {found['found']}")
    witness.to_the_end()
    for one in (item, second):
        expect_one_open_period(node, one)
    return (
        f"The run under way went on and was done {done - jumped:.0f} s after the jump. Then Prefect began "
        f"{since} runs in {SILENT_SECONDS} s, and would have gone on so for three hours: its services wait "
        "for the times that they have set themselves, and runs enough are scheduled. Doctor says so, with "
        "what mends it: Prefect's server is restarted, and `cloudrock-slurm deploy` schedules anew. The "
        f"order was done {again - mended:.0f} s later."
    )


def clock_stepped(node: Headnode) -> str:
    """The clock is set by 90 s, ahead and back, as a time service may."""
    witness = Witness(node)
    item = used(node, witness)
    with amid(node, witness) as second:
        node.jump_to(STEP)
        ahead = node.note(f"the clock is set {STEP} s ahead")
    done = witness.until("the order is done", lambda: node.order_is_done(second))
    witness.until("a pull has completed since", lambda: witness.number(PULL, "Completed", ahead + 1))
    expect(witness.number(PULL, "Crashed") > 0, "the run under way was not taken for killed")
    expect(witness.number(PULL, "Skipped", ahead) > 0, "no run found the cluster locked")
    with amid(node, witness) as third:
        node.jump_to(0)
        back = node.note(f"the clock is set back by {STEP} s")
    again = witness.until("the order is done", lambda: node.order_is_done(third))
    resumed = witness.until("a pull has begun since", lambda: begun(witness, PULL, back))
    push(node)
    witness.to_the_end()
    expect_equal_usage(node, item)
    for one in (second, third):
        expect_one_open_period(node, one)
    return (
        f"The orders under way were done {done - ahead:.0f} s and {again - back:.0f} s after the jumps. "
        f"After the one ahead Prefect took the run's last heartbeat for {STEP} s old and set the run "
        "Crashed; its process went on all the same, and the next run left it the cluster it had locked. "
        f"After the one back the next pull began {resumed - back:.0f} s later. Nobody did anything."
    )


@contextmanager
def amid(node: Headnode, witness: Witness) -> Iterator[str]:
    """An order that a pull is in the middle of carrying out, while the block is at work."""
    item = node.story.place_order()
    node.note("an order waits")
    with node.slow_write(SLOW_SECONDS):
        witness.until("a pull is in the middle of it", lambda: waits_in_a_write(node))
        yield item


def used(node: Headnode, witness: Witness) -> str:
    """The order of an allocation under which jobs have run, of which the marketplace was told nothing yet."""
    item = node.story.place_order()
    witness.until("a first order is done", lambda: node.order_is_done(item))
    node.story.run_jobs(node.resource(item)["backend_id"])
    node.note("two jobs have run under it")
    return item


def begun(witness: Witness, deployment: str, since: float) -> bool:
    """Whether a run has begun after a moment."""
    return any(
        span.deployment == deployment and (span.start or 0) > since + 1 for span in witness.spans.values()
    )


def mend(node: Headnode, witness: Witness) -> float:
    """As the runbook says; when it was done."""
    witness.look()
    node.stop_service("prefect-server")
    node.stack.serve_prefect()
    node.stack.deploy()
    return node.note("Prefect's server is restarted, and `cloudrock-slurm deploy` was run")


def doctor(node: Headnode) -> dict[str, Any]:
    """What `cloudrock-slurm doctor` finds: check to finding."""
    return {one["check"]: one for one in node.stack.doctor()["findings"]}
