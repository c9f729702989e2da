"""`python -m sandbox.drills [NAMES]`: break it, see what happens, and write it into docs/drills.md.

It takes an hour: the outages last as long as they say.
"""

from __future__ import annotations

import argparse
import sys
import time

import httpx

from sandbox.drills import DRILLS
from sandbox.drills.breaking import Told, expect_no_overlap
from sandbox.drills.clock import ClockedStack
from sandbox.drills.page import write
from sandbox.drills.site import PULL, PUSH, Headnode, folder
from sandbox.slurm import SandboxError


def main() -> int:
    """Run the drills on one stack; 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.drills", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *DRILLS], help="only these; the page keeps the others"
    )
    names = parser.parse_args().names
    node = Headnode(ClockedStack(folder()))
    try:
        node.stack.start()
        told = [perform(node, name) for name in names or DRILLS]
    except (SandboxError, httpx.HTTPError) as error:
        node.console.print(f"[bold red]Failed:[/] {error}", highlight=False)
        return 1
    finally:
        node.stack.stop()
    write(told, [drill.title for drill in DRILLS.values()])
    return 0


def perform(node: Headnode, name: str) -> Told:
    """One drill from its begin to what the server recorded of it."""
    node.console.print(f"[bold]{name}[/]", highlight=False)
    node.begin()
    drill = DRILLS[name]
    try:
        outcome = drill.perform(node)
    except SandboxError as error:
        raise SandboxError(f"{name}: {error}") from None
    by_server = () if node.witnessed else (PULL, PUSH)
    runs = [*node.witnessed.values(), *(span for deployment in by_server for span in node.runs(deployment))]
    told = Told(drill, outcome, node.moments, runs, time.time() - node.began)
    for deployment in (PULL, PUSH):
        expect_no_overlap([span for span in told.runs if span.deployment == deployment])
    for span in told.runs:
        node.console.print(f"    {span}", highlight=False, markup=False)
    return told


if __name__ == "__main__":
    sys.exit(main())
