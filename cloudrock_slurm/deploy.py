"""`cloudrock-slurm deploy`: the Prefect server has what the files say."""

from __future__ import annotations

import sys

from cloudrock_slurm.ending import FAILED, calm_ending
from flows.deploying import Deploying
from flows.deployment_files import AUTOMATIONS_FILE, DEPLOYMENTS_FILE
from flows.prefect_server import open_server
from flows.running import require_server

BOTH = f"{DEPLOYMENTS_FILE} and {AUTOMATIONS_FILE}"


def deploy(*, check: bool) -> int:
    """Make or, with `check`, only say what differs. 1 when something differs still."""
    with calm_ending():
        require_server()
        with open_server() as server:
            deploying = Deploying(server)
            deploying.read()
            left = 0
            changed = 0
            for step in list(deploying.steps()):
                if step.act is not None and not check:
                    step.act()
                    changed += 1
                else:
                    left += 1
                sys.stdout.write(f"{step.sentence}\n")
    for name in sorted(deploying.lacking):
        sys.stdout.write(
            f"nobody is notified: the server has no notification block {name!r} (deployments/README.md)\n"
        )
    sys.stdout.write(f"{summary(deploying, changed, left)}\n")
    return FAILED if left else 0


def summary(deploying: Deploying, changed: int, left: int) -> str:
    """The last line: what there is, and how it stands to the files."""
    if left:
        return f"{left} {'differs' if left == 1 else 'differ'} from {BOTH}"
    there = f"{len(deploying.entries)} deployments and {len(deploying.automations)} automations"
    how = f"{changed} made or changed" if changed else "nothing to change"
    return f"{there} as in {BOTH}: {how}"
